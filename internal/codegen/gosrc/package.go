// Package gosrc reads generated Go source: which types, fields, methods and
// constants a package declares, under their exact names. It works on syntax
// alone, so it needs no build and no dependencies of the package it reads.
// It imports the standard library only.
package gosrc

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Package is the declarations of one Go package.
type Package struct {
	// Name is the package's name.
	Name string
	// Imports maps the names used in the source to import paths.
	Imports map[string]string
	// Types holds every type declaration by its name.
	Types map[string]*ast.TypeSpec
	// Funcs holds the functions and methods in the order of file and line.
	Funcs []*ast.FuncDecl
	// Values holds the exported constants and variables in source order.
	Values []Value
	// Texts holds the values of all constants that are strings.
	Texts []string
}

// Value is one exported constant or variable.
type Value struct {
	Name string
	// Const is true for a constant.
	Const bool
	// Type is the name of the declared type; empty when it has none.
	Type string
	// Text is the unquoted value of a string constant.
	Text string
}

// Field is one field of a struct.
type Field struct {
	Name string
	Type ast.Expr
	// JSON is the name in the field's json tag; empty without one.
	JSON string
	// OmitEmpty is true when the json tag says omitempty.
	OmitEmpty bool
}

// Parse reads the files of one package, given by name.
func Parse(files map[string][]byte) (*Package, error) {
	p := &Package{Imports: map[string]string{}, Types: map[string]*ast.TypeSpec{}}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, files[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse generated Go: %w", err)
		}
		p.Name = file.Name.Name
		p.addImports(file)
		for _, decl := range file.Decls {
			p.addDecl(decl)
		}
	}
	return p, nil
}

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// ImportName is the name under which a path is used when the import gives none.
func ImportName(importPath string) string {
	base := path.Base(importPath)
	if majorVersion.MatchString(base) {
		base = path.Base(path.Dir(importPath))
	}
	if i := strings.LastIndex(base, ".v"); i > 0 {
		base = base[:i]
	}
	return base
}

func (p *Package) addImports(file *ast.File) {
	for _, spec := range file.Imports {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has checked it
		}
		name := ImportName(importPath)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		p.Imports[name] = importPath
	}
}

func (p *Package) addDecl(decl ast.Decl) {
	if fn, ok := decl.(*ast.FuncDecl); ok {
		p.Funcs = append(p.Funcs, fn)
		return
	}
	gen, ok := decl.(*ast.GenDecl)
	if !ok {
		return
	}
	for _, spec := range gen.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Doc == nil {
				spec.Doc = gen.Doc
			}
			p.Types[spec.Name.Name] = spec
		case *ast.ValueSpec:
			p.addValues(gen.Tok == token.CONST, spec)
		}
	}
}

func (p *Package) addValues(isConst bool, spec *ast.ValueSpec) {
	for _, value := range spec.Values {
		if text, ok := text(value); isConst && ok {
			p.Texts = append(p.Texts, text)
		}
	}
	for i, name := range spec.Names {
		if !name.IsExported() {
			continue
		}
		v := Value{Name: name.Name, Const: isConst}
		if id, ok := spec.Type.(*ast.Ident); ok {
			v.Type = id.Name
		}
		if i < len(spec.Values) {
			if lit, ok := spec.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil {
					v.Text = text
				}
			}
		}
		p.Values = append(p.Values, v)
	}
}

// text evaluates a string, whole or joined by plus signs.
func text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		value, err := strconv.Unquote(e.Value)
		return value, e.Kind == token.STRING && err == nil
	case *ast.BinaryExpr:
		left, ok := text(e.X)
		right, alsoOK := text(e.Y)
		return left + right, ok && alsoOK && e.Op == token.ADD
	}
	return "", false
}

// Methods returns the exported methods of a type, by name.
func (p *Package) Methods(receiver string) []*ast.FuncDecl {
	var methods []*ast.FuncDecl
	for _, fn := range p.Funcs {
		if fn.Recv != nil && fn.Name.IsExported() && ReceiverName(fn) == receiver {
			methods = append(methods, fn)
		}
	}
	slices.SortFunc(methods, func(a, b *ast.FuncDecl) int { return cmp.Compare(a.Name.Name, b.Name.Name) })
	return methods
}

// ReceiverName gives the type name of a method's receiver.
func ReceiverName(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return ""
	}
	t := fn.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// StructOf follows names and aliases of this package until it finds a struct.
func (p *Package) StructOf(e ast.Expr) (*ast.StructType, bool) {
	for range len(p.Types) + 1 {
		switch t := e.(type) {
		case *ast.StructType:
			return t, true
		case *ast.Ident:
			spec := p.Types[t.Name]
			if spec == nil {
				return nil, false
			}
			e = spec.Type
		default:
			return nil, false
		}
	}
	return nil, false
}

// Fields lists the fields of a struct; an embedded field has its type's name.
func (p *Package) Fields(st *ast.StructType) []Field {
	var fields []Field
	for _, f := range st.Fields.List {
		base := Field{Type: f.Type}
		if f.Tag != nil {
			if tag, err := strconv.Unquote(f.Tag.Value); err == nil {
				name, options, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
				base.JSON, base.OmitEmpty = name, strings.Contains(options, "omitempty")
			}
		}
		if len(f.Names) == 0 {
			base.Name = strings.TrimPrefix(p.Format(f.Type, ""), "*")
			fields = append(fields, base)
		}
		for _, name := range f.Names {
			field := base
			field.Name = name.Name
			fields = append(fields, field)
		}
	}
	return fields
}
