package vet

import (
	"go/token"
	"os"
	"slices"

	"golang.org/x/tools/go/analysis"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// files tells what internal/lint has against a package's files, so that go vet
// tells it too.
func files() *analysis.Analyzer {
	return analyzer("projectfiles",
		"refuse go:linkname, unsafe, cgo and assembly, and hand-written files among generated ones\n\nThese are the rules of bailiwick lint that begin with go-.",
		runFiles)
}

func runFiles(pass *analysis.Pass) (any, error) {
	p, err := projectOf(pass)
	if err != nil {
		return nil, err
	}
	list := diag.List{}
	for file, at := range filesOf(pass) {
		rel, ok := p.rel(file)
		if !ok {
			continue
		}
		found, err := lint.GoFile(p.Project, rel)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			d.File = file
			list = append(list, d)
			if d.Allowed == "" {
				report(pass, finding{at(d.Line), d.Rule, d.Message, d.Mend})
			}
		}
	}
	list.Sort()
	return list, nil
}

// filesOf maps a package's files, those of other platforms and languages too, to
// what finds the position of a line. Of a file that cgo has rewritten the lines
// are not known, and its package clause stands for all of them.
func filesOf(pass *analysis.Pass) map[string]func(line int) token.Pos {
	all := map[string]func(line int) token.Pos{}
	for _, file := range pass.Files {
		f := pass.Fset.File(file.Package)
		name := pass.Fset.Position(file.Package).Filename
		if f.Name() == name {
			all[name] = func(line int) token.Pos { return f.LineStart(min(line, f.LineCount())) }
		} else {
			all[name] = func(int) token.Pos { return file.Package }
		}
	}
	for _, name := range slices.Concat(pass.OtherFiles, pass.IgnoredFiles) {
		if _, known := all[name]; !known {
			all[name] = func(line int) token.Pos { return positionIn(pass.Fset, name, line) }
		}
	}
	return all
}

// positionIn adds a file that was not parsed to the set.
func positionIn(fset *token.FileSet, name string, line int) token.Pos {
	text, err := os.ReadFile(name)
	if err != nil {
		return token.NoPos // The file has just been read: what was found is told all the same.
	}
	f := fset.AddFile(name, -1, len(text))
	f.SetLinesForContent(text)
	return f.LineStart(max(1, min(line, f.LineCount())))
}
