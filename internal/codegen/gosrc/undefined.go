package gosrc

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// Undefined lists the names that a package of one file uses and nowhere
// declares. Imported packages are not looked into, so what is selected from
// them counts as declared.
func Undefined(src []byte) []string {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", src, parser.SkipObjectResolution)
	if err != nil {
		return nil // whoever parses the package reports it
	}
	var names []string
	conf := types.Config{
		Importer:         noImports{},
		IgnoreFuncBodies: true,
		Error: func(err error) {
			if typeErr, ok := errors.AsType[types.Error](err); ok {
				if name, ok := strings.CutPrefix(typeErr.Msg, "undefined: "); ok && token.IsIdentifier(name) && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		},
	}
	_, _ = conf.Check(file.Name.Name, fset, []*ast.File{file}, nil) // each error went to conf.Error
	slices.Sort(names)
	return names
}

type noImports struct{}

// Import gives an empty package: what is selected from it is invalid, not undefined.
func (noImports) Import(path string) (*types.Package, error) {
	return nil, errors.New("not imported: " + path)
}
