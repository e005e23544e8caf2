// Package scaffold makes a new project: the files of the folder project, with
// the module's and the service's names filled in, generated and with its
// dependencies resolved.
//
// It imports the standard library, golang.org/x/mod, and internal/codegen and
// internal/lint to generate. It runs the go command, and fetches nothing itself.
package scaffold

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// project holds the files as they are but for the suffix, which keeps go.mod's
// kin and Go files out of this module, and placeholders such as {{name}}.
//
//go:embed all:project
var project embed.FS

const (
	projectDir = "project"
	suffix     = ".tmpl"
	folderMode = 0o755
	fileMode   = 0o644
)

// Options say what to make and where.
type Options struct {
	// Dir is where the project goes: it must be empty, but for .git, or not exist.
	Dir string
	// Module is the path of its Go module. Empty means example.com/ and Name.
	Module string
	// Name is the service's. Empty means that of Dir.
	Name string
	// Bailiwick is a checkout of Bailiwick for the project to use. Empty means
	// the one that this program was built from, else this program's release.
	Bailiwick string
	// SQLC is the command that behaves as sqlc's own.
	SQLC []string
}

// Result is what was made.
type Result struct {
	Dir    string `json:"dir"`
	Module string `json:"module"`
	Name   string `json:"name"`
	// Bailiwick is the release that go.mod requires, or the checkout that it
	// uses in place of one.
	Bailiwick string `json:"bailiwick"`
	// Files are relative to Dir, with forward slashes.
	Files []string `json:"files"`
}

// Init makes a project. When it fails, or is interrupted, nothing is left of it;
// a folder that was there before stays as it was.
func Init(ctx context.Context, o Options) (result *Result, err error) {
	place, err := findPlace(o.Dir)
	if err != nil {
		return nil, err
	}
	n, err := o.names(place.dir)
	if err != nil {
		return nil, err
	}
	from, err := findSource(o.Bailiwick, place.dir)
	if err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(place.within, ".bailiwick-init-")
	if err != nil {
		return nil, fmt.Errorf("make the project's folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := place.alone(o.Dir, work); err != nil {
		return nil, err
	}
	if err := fill(ctx, work, n, from, o.SQLC); err != nil {
		if ctx.Err() != nil { // What the programs said that were stopped is of no use.
			return nil, fmt.Errorf("interrupted, and nothing is left of %s: %w", o.Dir, ctx.Err())
		}
		return nil, err
	}
	files, err := list(work)
	if err != nil {
		return nil, err
	}
	if err := place.put(work); err != nil {
		return nil, err
	}
	return &Result{Dir: place.dir, Module: n.module, Name: n.service, Bailiwick: from.String(), Files: files}, nil
}

// fill makes the whole project in a folder.
func fill(ctx context.Context, dir string, n names, from source, sqlc []string) error {
	if err := write(dir, n); err != nil {
		return err
	}
	if err := from.require(dir, n.module); err != nil {
		return err
	}
	_, err := codegen.Run(ctx, codegen.Options{Dir: dir, SQLC: sqlc, Lint: lint.Project})
	if err != nil {
		return fmt.Errorf("generate: %w", err)
	}
	return from.resolve(ctx, dir)
}

// write writes the project's own files.
func write(dir string, n names) error {
	fill := strings.NewReplacer("{{module}}", n.module, "{{name}}", n.service, "{{package}}", n.pkg)
	return fs.WalkDir(project, projectDir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := project.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		rel := strings.TrimSuffix(strings.TrimPrefix(name, projectDir+"/"), suffix)
		target := filepath.Join(dir, filepath.FromSlash(rel))
		if err := os.MkdirAll(filepath.Dir(target), folderMode); err != nil {
			return fmt.Errorf("write %s: %w", rel, err)
		}
		if err := os.WriteFile(target, []byte(fill.Replace(string(text))), fileMode); err != nil {
			return fmt.Errorf("write %s: %w", rel, err)
		}
		return nil
	})
}

// list lists the files of a folder, in order.
func list(dir string) ([]string, error) {
	var files []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, path.Clean(name))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the files: %w", err)
	}
	slices.Sort(files)
	return files, nil
}
