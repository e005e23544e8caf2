package vet

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// place is the project that a package belongs to; its zero value is none.
type place struct{ *project.Project }

// projectOf finds the nearest folder with a bailiwick.yaml or sqlc.yaml at or
// above the package, within its module.
func projectOf(pass *analysis.Pass) (place, error) {
	if len(pass.Files) == 0 {
		return place{}, nil
	}
	for dir := filepath.Dir(pass.Fset.Position(pass.Files[0].Package).Filename); ; dir = filepath.Dir(dir) {
		if has(dir, project.ConfigFile) || has(dir, project.SQLCFile) {
			p, err := project.Load(dir)
			if err != nil {
				return place{}, fmt.Errorf("load the project in %s: %w", dir, err)
			}
			return place{p}, nil
		}
		if dir == filepath.Dir(dir) || has(dir, "go.mod") {
			return place{}, nil
		}
	}
}

func has(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

// rel is a file's path below the project's root; ok is false when it is elsewhere.
func (p place) rel(file string) (rel string, ok bool) {
	if p.Project == nil {
		return "", false
	}
	rel, err := filepath.Rel(p.Root, file)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

// generated tells whether a folder is one of the generator's.
func (p place) generated(dir string) bool {
	rel, ok := p.rel(dir)
	return ok && slices.ContainsFunc(p.Outputs(), func(out string) bool { return below(rel, out) })
}

// listed tells whether one of the patterns means the folder.
func (p place) listed(dir string, patterns []string) bool {
	rel, ok := p.rel(dir)
	return ok && slices.ContainsFunc(patterns, func(pattern string) bool {
		if all, cut := strings.CutSuffix(pattern, "/..."); cut {
			return below(rel, all)
		}
		return rel == pattern
	})
}

func below(rel, dir string) bool { return rel == dir || strings.HasPrefix(rel, dir+"/") }

func isTest(file string) bool { return strings.HasSuffix(file, "_test.go") }
