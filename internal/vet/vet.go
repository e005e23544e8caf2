// Package vet refuses Go code by which a query could leave its tenant: connections
// that nobody bound, queriers that outlive their request, and ways round the
// generated packages. The analyzers need types; what a file alone tells is said
// by internal/lint, whose rules for Go files are told here too.
//
// It imports internal/lint, internal/project, internal/diag and
// golang.org/x/tools, and runs nothing of what it reads.
package vet

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"

	"golang.org/x/tools/go/analysis"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// runtimePath is the package whose Querier is bound to a tenant.
const runtimePath = "github.com/bailiwick-dev/bailiwick/tenant"

// Analyzers returns what `bailiwick vet` and `go vet -vettool` run. Each one's
// result is a [diag.List] of all that it found, allowed or not.
func Analyzers() []*analysis.Analyzer {
	return []*analysis.Analyzer{files(), database(), querier()}
}

func analyzer(name, doc string, run func(*analysis.Pass) (any, error)) *analysis.Analyzer {
	return &analysis.Analyzer{
		Name: name, Doc: doc, Run: run,
		URL:        "https://github.com/bailiwick-dev/bailiwick/blob/main/docs/generator.md#vet",
		ResultType: reflect.TypeFor[diag.List](),
	}
}

// finding is what a rule has against a place in the code.
type finding struct {
	pos                 token.Pos
	rule, message, mend string
}

// settle reports the findings that no comment in the files allows, and the comments
// of the given rules that allow nothing. It returns all of it.
func settle(pass *analysis.Pass, found []finding, in []*ast.File, rules ...string) diag.List {
	allows := allowsOf(pass, in)
	slices.SortFunc(found, func(a, b finding) int { return cmp.Compare(a.pos, b.pos) })
	found = slices.Compact(found)
	list := make(diag.List, 0, len(found))
	for _, f := range found {
		d := diagnostic(pass, f)
		for _, a := range allows {
			if a.Rule == f.rule && a.File == d.File && (d.Line == a.Line || d.Line == a.Line+1) {
				d.Allowed, a.used = a.Reason, true
			}
		}
		if d.Allowed == "" {
			report(pass, f)
		}
		list = append(list, d)
	}
	for _, a := range allows {
		if a.used || !slices.Contains(rules, a.Rule) {
			continue
		}
		f := finding{a.pos, "allow-comment", "allow comment of " + a.Rule + " allows nothing", "remove it, or write it directly above what needs it"}
		report(pass, f)
		list = append(list, diagnostic(pass, f))
	}
	return list
}

func report(pass *analysis.Pass, f finding) {
	pass.Report(analysis.Diagnostic{Pos: f.pos, Category: f.rule, Message: fmt.Sprintf("%s [%s]\n\tmend: %s", f.message, f.rule, f.mend)})
}

func diagnostic(pass *analysis.Pass, f finding) diag.Diagnostic {
	pos := pass.Fset.Position(f.pos)
	return diag.Diagnostic{File: pos.Filename, Line: pos.Line, Column: pos.Column, Rule: f.rule, Message: f.message, Mend: f.mend}
}

type allow struct {
	lint.Allow

	pos  token.Pos
	used bool
}

// allowsOf gathers the comments in files that speak of vet's rules.
func allowsOf(pass *analysis.Pass, in []*ast.File) []*allow {
	var list []*allow
	for _, file := range in {
		for _, a := range lint.VetAllows(pass.Fset, file) {
			a.File = pass.Fset.Position(file.Package).Filename
			list = append(list, &allow{Allow: a, pos: pass.Fset.File(file.Package).LineStart(a.Line)})
		}
	}
	return list
}

// shipped are the files of a package that a rule about running code looks at: not
// tests, which make their own databases, and not what the generator wrote.
func shipped(pass *analysis.Pass) ([]*ast.File, error) {
	p, err := projectOf(pass)
	if err != nil {
		return nil, err
	}
	var list []*ast.File
	for _, file := range pass.Files {
		name := pass.Fset.Position(file.Package).Filename
		if !isTest(name) && !p.generated(filepath.Dir(name)) {
			list = append(list, file)
		}
	}
	return list, nil
}

// otherBuilds are the files like those of shipped that are for other platforms or
// build tags. Nobody has looked at their types.
func otherBuilds(pass *analysis.Pass, p place) ([]*ast.File, error) {
	var list []*ast.File
	for _, name := range pass.IgnoredFiles {
		if filepath.Ext(name) != ".go" || isTest(name) || p.generated(filepath.Dir(name)) {
			continue
		}
		file, err := parser.ParseFile(pass.Fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("read a file of another build: %w", err)
		}
		list = append(list, file)
	}
	return list, nil
}
