package vet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

// Run looks at the packages that the patterns name, as `go build` would from dir,
// tests included. Findings are in the list, allowed ones too, with paths relative
// to dir; the error is about packages that can't be read or don't compile, or, as a
// NoMatchError, about a pattern without any.
func Run(ctx context.Context, dir string, patterns []string) (list diag.List, looked int, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, 0, fmt.Errorf("find the folder: %w", err)
	}
	pkgs, err := packages.Load(&packages.Config{Context: ctx, Dir: dir, Mode: packages.LoadSyntax | packages.NeedModule, Tests: true}, patterns...)
	if err != nil {
		return nil, 0, fmt.Errorf("load the packages: %w", err)
	}
	if err := matched(ctx, dir, patterns, pkgs); err != nil {
		return nil, 0, err
	}
	pkgs = slices.DeleteFunc(pkgs, func(p *packages.Package) bool { return len(p.CompiledGoFiles) == 0 || isTestMain(p) })
	for _, p := range pkgs {
		for _, e := range p.Errors {
			err = errors.Join(err, e)
		}
	}
	if err != nil {
		return nil, 0, fmt.Errorf("the packages must compile: %w", err)
	}
	for _, p := range pkgs { // Of what was not read, no facts can be learned.
		maps.DeleteFunc(p.Imports, func(_ string, imported *packages.Package) bool { return len(imported.Syntax) == 0 })
	}
	graph, err := checker.Analyze(Analyzers(), pkgs, nil)
	if err != nil {
		return nil, 0, fmt.Errorf("vet: %w", err)
	}
	for _, action := range graph.Roots {
		err = errors.Join(err, action.Err)
		if found, ok := action.Result.(diag.List); ok {
			list = append(list, found...)
		}
	}
	for i := range list {
		if rel, relErr := filepath.Rel(dir, list[i].File); relErr == nil {
			list[i].File = filepath.ToSlash(rel)
		}
	}
	list.Sort()
	return slices.Compact(list), distinct(pkgs), err // A package and its tests have files in common.
}

// isTestMain is true for the program that runs a package's tests.
func isTestMain(p *packages.Package) bool {
	return p.Name == "main" && filepath.Ext(p.PkgPath) == ".test"
}

// distinct counts packages, with their tests as one.
func distinct(pkgs []*packages.Package) int {
	seen := map[string]bool{}
	for _, p := range pkgs {
		seen[cmp.Or(p.ForTest, p.PkgPath)] = true
	}
	return len(seen)
}
