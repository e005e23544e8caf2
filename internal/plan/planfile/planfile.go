// Package planfile reads and writes plans that are reviewed by people: files of
// SQL with directives, one for each way from a fingerprint to another, in the
// folder plans beside the tenants' schema file.
//
// It may import internal/diag, internal/lint, internal/plan, internal/project,
// pg_query and the standard library; it never talks to a database.
package planfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// Set is the plan files of a project. It is a [plan.Files].
type Set []*plan.Plan

// From implements plan.Files. The plans are the caller's own.
func (s Set) From(scope plan.Scope, from string) (list []*plan.Plan) {
	for _, p := range s {
		if p.Scope == scope && p.From == from {
			own := *p
			own.Steps, own.Reverse, own.Losses = slices.Clone(p.Steps), slices.Clone(p.Reverse), slices.Clone(p.Losses)
			list = append(list, &own)
		}
	}
	return list
}

// Load reads all plan files of a project. A project without the folder has
// none. What is wrong with the files, also to lint, comes back as a diag.List.
func Load(p *project.Project) (Set, error) {
	dir := p.Plans()
	entries, err := os.ReadDir(p.Abs(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read plan files: %w", err)
	}
	var plans Set
	var found diag.List
	for _, entry := range entries {
		name := entry.Name()
		if entry.IsDir() || !strings.HasSuffix(name, ".sql") || strings.HasPrefix(name, ".") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(p.Abs(dir), name))
		if err != nil {
			return nil, fmt.Errorf("read plan files: %w", err)
		}
		one, list := Parse(path.Join(dir, name), string(text))
		found = append(found, list...)
		if one != nil {
			plans = append(plans, one)
		}
	}
	found = append(found, twins(plans)...)
	refused, err := lint.Plans(p)
	if err != nil {
		return nil, err
	}
	found = append(found, refused...)
	found.Sort()
	return plans, slices.Compact(found).Err() // both say what is wrong with the syntax
}

// twins reports plans for one way in two files: nobody could say which counts.
func twins(plans Set) (found diag.List) {
	type way struct {
		scope    plan.Scope
		from, to string
	}
	first := map[way]string{}
	for _, p := range plans {
		w := way{p.Scope, p.From, p.To}
		if other, taken := first[w]; taken {
			found = append(found, diag.Diagnostic{
				File: p.Source, Line: 1, Rule: rulePair, Subject: string(p.Scope),
				Message: fmt.Sprintf("%s is a plan from %s to %s already", other, p.From, p.To),
				Mend:    "keep one of the two files",
			})
			continue
		}
		first[w] = p.Source
	}
	return found
}
