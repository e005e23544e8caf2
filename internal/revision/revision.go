// Package revision brings back the project as it was at a git revision, in a
// folder of its own.
//
// It may import internal/project and the standard library. It runs git.
package revision

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// ErrNone is returned for git's null revision, which is what a forge calls the
// state before a branch's first push, and for one without the project.
var ErrNone = errors.New("there was no project yet")

const maxFile = 64 << 20 // no SQL or YAML file is larger

// Load loads the project in root as it was at a revision. What it is made of lies
// in a folder that remove removes.
func Load(ctx context.Context, root, rev string) (p *project.Project, remove func() error, err error) {
	if len(rev) >= 40 && strings.Trim(rev, "0") == "" {
		return nil, nil, ErrNone
	}
	commit, err := git(ctx, root, "rev-parse", "--quiet", "--verify", "--end-of-options", rev+"^{commit}")
	if err != nil {
		return nil, nil, fmt.Errorf("there is no revision %s%s\n"+
			"\tmend: fetch the history (git fetch --unshallow; fetch-depth: 0 of actions/checkout), or name another revision or a folder", rev, said(err))
	}
	at := strings.TrimSpace(string(commit))
	listed, err := git(ctx, root, "ls-tree", "--name-only", at, "--", project.SQLCFile)
	if err != nil {
		return nil, nil, fmt.Errorf("read revision %s%s", rev, said(err))
	}
	if len(bytes.TrimSpace(listed)) == 0 {
		return nil, nil, ErrNone
	}
	// Within a folder of the repository, git archives that folder alone.
	archive, err := git(ctx, root, "archive", "--format=tar", at)
	if err != nil {
		return nil, nil, fmt.Errorf("read revision %s%s", rev, said(err))
	}
	dir, err := os.MkdirTemp("", "bailiwick-revision-")
	if err != nil {
		return nil, nil, fmt.Errorf("read revision %s: %w", rev, err)
	}
	remove = func() error { return os.RemoveAll(dir) }
	if err := extract(bytes.NewReader(archive), dir); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read revision %s: %w", rev, err), remove())
	}
	if p, err = loadIn(dir); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("the project at revision %s: %w", rev, err), remove())
	}
	return p, remove, nil
}

// loadIn loads a project that may have been part of a larger module.
func loadIn(dir string) (*project.Project, error) {
	mod := filepath.Join(dir, "go.mod")
	if _, err := os.Stat(mod); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(mod, []byte("module revision\n"), 0o600); err != nil {
			return nil, fmt.Errorf("write go.mod: %w", err)
		}
	}
	return project.Load(dir)
}

// wanted are the endings of the files that a project is described by.
var wanted = []string{".sql", ".yaml", ".yml", ".json", ".hcl", ".mod"}

func extract(archive io.Reader, dir string) error {
	reader := tar.NewReader(archive)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read git's archive: %w", err)
		}
		name := filepath.FromSlash(header.Name)
		if header.Typeflag != tar.TypeReg || !slices.Contains(wanted, filepath.Ext(name)) || !filepath.IsLocal(name) {
			continue
		}
		if header.Size > maxFile {
			return fmt.Errorf("%s is larger than %d bytes", header.Name, maxFile)
		}
		text, err := io.ReadAll(io.LimitReader(reader, maxFile))
		if err != nil {
			return fmt.Errorf("read git's archive: %w", err)
		}
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, text, 0o600)); err != nil {
			return fmt.Errorf("write git's archive: %w", err)
		}
	}
}

func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	return cmd.Output()
}

// said is what git said, or why it could not be asked.
func said(err error) string {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return ": " + err.Error()
	}
	if text := strings.Join(strings.Fields(string(exit.Stderr)), " "); text != "" {
		return ": " + text
	}
	return ""
}
