package vet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// NoMatchError says that a pattern names no package. To have looked at nothing must
// not pass for having found nothing.
type NoMatchError struct {
	// Pattern is what was asked for, and Reason what the go command says of it;
	// empty where it says nothing.
	Pattern, Reason string
	// Near is a pattern that names a folder there is; empty where there is none.
	Near string
}

func (e NoMatchError) Error() string {
	text := fmt.Sprintf("no package matches %q", e.Pattern)
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	if e.Near != "" {
		return text + "\n\tmend: a folder is named with ./ before it: " + e.Near
	}
	return text + "\n\tmend: name packages as for go build, such as ./server or ./..."
}

// matched wants each pattern to have named a package with Go files. The go command
// makes a package of a pattern that names none, with the reason as its error, and
// says nothing of one with dots in it.
func matched(ctx context.Context, dir string, patterns []string, pkgs []*packages.Package) error {
	for _, p := range pkgs {
		if len(p.CompiledGoFiles) == 0 && len(p.Errors) > 0 {
			return noMatch(dir, p.PkgPath, p.Errors[0].Msg)
		}
	}
	for _, pattern := range patterns {
		found := pkgs
		if len(patterns) > 1 && strings.Contains(pattern, "...") {
			var err error
			if found, err = packages.Load(&packages.Config{Context: ctx, Dir: dir, Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles, Tests: true}, pattern); err != nil {
				return fmt.Errorf("load the packages: %w", err)
			}
		}
		if !slices.ContainsFunc(found, func(p *packages.Package) bool { return len(p.CompiledGoFiles) > 0 }) {
			return noMatch(dir, pattern, "")
		}
	}
	return nil
}

func noMatch(dir, pattern, reason string) error {
	e := NoMatchError{Pattern: pattern, Reason: strings.Join(strings.Fields(reason), " ")}
	if !strings.HasPrefix(pattern, ".") && !filepath.IsAbs(pattern) {
		if info, err := os.Stat(filepath.Join(dir, strings.TrimSuffix(pattern, "/..."))); err == nil && info.IsDir() {
			e.Near = "./" + pattern
		}
	}
	return e
}
