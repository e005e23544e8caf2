package breaking

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// documentAt is the document at a revision, where the configuration of that
// revision says that it is. It is nil when there was none, and for git's null
// revision, which is what a forge calls the state before a branch's first push.
func documentAt(ctx context.Context, p *project.Project, revision string) ([]byte, error) {
	if len(revision) >= 40 && strings.Trim(revision, "0") == "" {
		return nil, nil
	}
	commit, err := git(ctx, p.Root, "rev-parse", "--quiet", "--verify", "--end-of-options", revision+"^{commit}")
	if err != nil {
		return nil, fmt.Errorf("there is no revision %s to compare %s with%s\n"+
			"\tmend: fetch the history (git fetch --unshallow; fetch-depth: 0 of actions/checkout), or name another revision with --base", revision, p.OpenAPI, said(err))
	}
	at := strings.TrimSpace(string(commit))
	name := p.OpenAPI
	if text, err := fileAt(ctx, p.Root, at, project.ConfigFile); err != nil {
		return nil, err
	} else if text != nil {
		var config struct {
			OpenAPI string `yaml:"openapi"`
		}
		if err := yaml.Unmarshal(text, &config); err == nil && config.OpenAPI != "" {
			name = path.Clean(config.OpenAPI)
		}
	}
	return fileAt(ctx, p.Root, at, name)
}

// fileAt reads a file of the folder at a commit, nil when it was not there.
func fileAt(ctx context.Context, dir, commit, name string) ([]byte, error) {
	listed, err := git(ctx, dir, "ls-tree", "--name-only", commit, "--", name)
	if err != nil {
		return nil, fmt.Errorf("look for %s at %s%s", name, commit, said(err))
	}
	if len(bytes.TrimSpace(listed)) == 0 {
		return nil, nil
	}
	text, err := git(ctx, dir, "show", commit+":./"+name)
	if err != nil {
		return nil, fmt.Errorf("read %s at %s%s", name, commit, said(err))
	}
	return text, nil
}

func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	return cmd.Output()
}

// said is what git said, or why it could not be asked.
func said(err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if text := oneLineText(string(exit.Stderr)); text != "" {
			return ": " + text
		}
		return ""
	}
	return ": " + err.Error()
}
