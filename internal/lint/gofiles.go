package lint

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// Go looks at the project's Go files for ways round the facade: linkname,
// unsafe, cgo and assembly anywhere, and anything hand-written where only
// generated code belongs. Nested modules and vendored code are not looked at.
func Go(p *project.Project) (diag.List, error) {
	g := &goGuard{project: p, facades: p.Scopes(), fset: token.NewFileSet()}
	err := filepath.WalkDir(p.Root, g.visit)
	if err != nil {
		return nil, fmt.Errorf("lint: %w", err)
	}
	g.list.Sort()
	return g.list, nil
}

// GoFile looks at one file of the project, Go or assembly, as [Go] does at all
// of them. rel is its path below the project's root, with forward slashes.
func GoFile(p *project.Project, rel string) (diag.List, error) {
	g := &goGuard{project: p, facades: p.Scopes(), fset: token.NewFileSet()}
	if err := g.file(p.Abs(rel), rel); err != nil {
		return nil, fmt.Errorf("lint: %w", err)
	}
	return g.list, nil
}

type goGuard struct {
	project *project.Project
	facades []*project.Scope
	fset    *token.FileSet
	list    diag.List
}

func (g *goGuard) visit(file string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(g.project.Root, file)
	if err != nil {
		return err
	}
	rel = filepath.ToSlash(rel)
	if entry.IsDir() {
		return g.directory(file, rel, entry.Name())
	}
	return g.file(file, rel)
}

func (g *goGuard) file(file, rel string) error {
	switch path.Ext(rel) {
	case ".go":
		return g.goFile(file, rel)
	case ".s", ".S", ".sx":
		g.report(rel, 1, ruleGoUnsafe, "assembly can reach any symbol", "write it in Go")
	}
	return nil
}

func (g *goGuard) directory(file, rel, name string) error {
	if rel == "." {
		return nil
	}
	// Go refuses import paths with a leading dot; generation works in such a folder.
	if strings.HasPrefix(name, ".") || slices.Contains([]string{"vendor", "node_modules"}, name) {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(file, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func (g *goGuard) report(file string, line int, rule, message, mend string) {
	g.list = append(g.list, diag.Diagnostic{File: file, Line: line, Column: 1, Rule: rule, Message: message, Mend: mend})
}

func (g *goGuard) goFile(file, rel string) error {
	src, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before := len(g.list)
	mode := parser.ImportsOnly | parser.ParseComments
	if bytes.Contains(src, []byte("go:linkname")) || bytes.Contains(src, []byte(allowMarker)) {
		mode = parser.ParseComments // directives stand anywhere in the file
	}
	tree, err := parser.ParseFile(g.fset, file, src, mode|parser.SkipObjectResolution)
	if err != nil && tree == nil {
		g.report(rel, 1, ruleGoSyntax, err.Error(), "mend the file")
		return nil
	}
	g.imports(rel, tree)
	g.linknames(rel, tree)
	g.place(rel, src[:g.fset.PositionFor(tree.Package, false).Offset])
	allows := goAllows(g.fset, tree)
	if g.isOutput(rel) {
		allows = nil // sqlc copies the comments of queries into its Go
	}
	found := g.settle(rel, slices.Clone(g.list[before:]), allows)
	g.list = append(g.list[:before], found...)
	return nil
}

func (g *goGuard) line(pos token.Pos) int { return g.fset.PositionFor(pos, false).Line }

func (g *goGuard) imports(rel string, tree *ast.File) {
	for _, spec := range tree.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // go-syntax: the compiler refuses it
		}
		switch name {
		case "unsafe", "C":
			g.report(rel, g.line(spec.Pos()), ruleGoUnsafe, fmt.Sprintf("import %q goes round Go's types", name),
				"write it without; the facade's types are what keeps a query inside its tenant")
		}
	}
}

func (g *goGuard) linknames(rel string, tree *ast.File) {
	for _, group := range tree.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:linkname") {
				g.report(rel, g.line(c.Pos()), ruleGoLinkname, "go:linkname reaches unexported and internal symbols",
					"call the facade's exported functions")
			}
		}
	}
}

// place checks files in the generator's output folders: none is written by
// hand, and beside the facade and sqlc's package no package may live in the
// facade's tree, because Go would let it import the internal one. head is what
// stands before the package clause.
func (g *goGuard) place(rel string, head []byte) {
	dir := path.Dir(rel)
	for _, s := range g.facades {
		if within(rel, s.Facade) && dir != s.Facade && dir != s.Out {
			g.report(rel, 1, ruleGoFacade, fmt.Sprintf("a package inside %s can import %s past the facade", s.Facade, s.Out),
				"move it out of the folder; only generated code lives there")
			return
		}
		if dir == s.Out && !generatedBy(head, "sqlc") {
			g.report(rel, 1, ruleGoHandmade, "a hand-written file in sqlc's package", "move it out of the folder")
			return
		}
		if dir == s.Facade && !generatedBy(head, "bailiwick") {
			g.report(rel, 1, ruleGoHandmade, "a hand-written file in the facade's package", "move it out of the folder")
			return
		}
	}
	for _, out := range g.project.Outputs() {
		if within(rel, out) && !generatedBy(head, "") {
			g.report(rel, 1, ruleGoHandmade, "a hand-written file in a folder of generated code",
				"move it out of "+out+"; generation replaces the folder")
			return
		}
	}
}

func (g *goGuard) isOutput(rel string) bool {
	return slices.ContainsFunc(g.project.Outputs(), func(out string) bool { return within(rel, out) })
}

func within(file, dir string) bool { return strings.HasPrefix(file, dir+"/") }

var generatedHeader = regexp.MustCompile(`(?m)^// Code generated (?:by )?(.*)DO NOT EDIT\.\r?$`)

// generatedBy is true when a generator's header stands there; an empty tool
// means any.
func generatedBy(head []byte, tool string) bool {
	m := generatedHeader.FindSubmatch(head)
	return m != nil && bytes.Contains(m[1], []byte(tool))
}

// goAllows reads the allow comments of a Go file.
func goAllows(fset *token.FileSet, tree *ast.File) []*allow {
	var list []*allow
	for _, group := range tree.Comments {
		for _, c := range group.List {
			a, ok := parseAllow(c.Text)
			if !ok {
				continue
			}
			pos := fset.PositionFor(c.Pos(), false)
			a.line, a.column = pos.Line, pos.Column
			list = append(list, &a)
		}
	}
	return list
}

// settle gives each allow comment the findings of its own line and the next.
func (g *goGuard) settle(rel string, found diag.List, allows []*allow) diag.List {
	done := make(diag.List, 0, len(found))
	for _, d := range found {
		near := slices.DeleteFunc(slices.Clone(allows), func(a *allow) bool {
			return a.problem != "" || d.Line != a.line && d.Line != a.line+1
		})
		for _, a := range near {
			if a.rule == d.Rule {
				d.Allowed, a.used = a.reason, true
			}
		}
		done = append(done, d)
	}
	return settle(rel, done, slices.DeleteFunc(allows, func(a *allow) bool { return a.used }))
}
