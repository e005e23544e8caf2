package gosrc

import (
	"cmp"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Conflict is one reason why a package would not compile: a name that it
// declares twice, or whatever else can be told without the packages it imports.
type Conflict struct {
	// File and Line are the place in the generated package.
	File string
	Line int
	// Name is the Go name concerned, In the struct that has it twice as a field,
	// or the type of a constant.
	Name, In string
	// Sources are what two fields or constants were made from: the names in
	// their json tags, or their values.
	Sources []string
	// Message is the compiler's.
	Message string
}

// Conflicts finds what keeps the files of one package from compiling.
func Conflicts(files map[string][]byte) []Conflict {
	c := &conflicts{fset: token.NewFileSet(), seen: map[string]bool{}}
	var parsed []*ast.File
	for _, name := range sortedKeys(files) {
		file, err := parser.ParseFile(c.fset, name, files[name], parser.SkipObjectResolution)
		if err != nil {
			return nil // whoever parses the package reports it
		}
		parsed = append(parsed, file)
	}
	for _, file := range parsed {
		c.fields(file)
	}
	c.constants(parsed)
	conf := types.Config{Importer: fakeImports{}, Error: c.typeError}
	_, _ = conf.Check(cmp.Or(packageName(parsed), "p"), c.fset, parsed, nil) // each error went to conf.Error
	slices.SortStableFunc(c.found, func(a, b Conflict) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return c.found
}

type conflicts struct {
	fset    *token.FileSet
	found   []Conflict
	seen    map[string]bool // the constants that are reported
	structs []*ast.StructType
}

func (c *conflicts) add(pos token.Pos, found Conflict) {
	at := c.fset.Position(pos)
	found.File, found.Line = at.Filename, at.Line
	c.found = append(c.found, found)
}

// fields finds structs that have two fields of one name.
func (c *conflicts) fields(file *ast.File) {
	owner := ""
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			owner = spec.Name.Name
		}
		st, ok := n.(*ast.StructType)
		if !ok {
			return true
		}
		tags := map[string]string{}
		for _, f := range st.Fields.List {
			for _, name := range f.Names {
				first, again := tags[name.Name]
				if !again {
					tags[name.Name] = jsonName(f)
					continue
				}
				c.structs = append(c.structs, st)
				c.add(name.Pos(), Conflict{
					Name: name.Name, In: owner, Sources: []string{first, jsonName(f)},
					Message: name.Name + " redeclared",
				})
			}
		}
		return true
	})
}

func jsonName(f *ast.Field) string {
	if f.Tag == nil {
		return ""
	}
	tag, err := strconv.Unquote(f.Tag.Value)
	if err != nil {
		return ""
	}
	name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
	return name
}

// constants finds constants of text that share a name.
func (c *conflicts) constants(files []*ast.File) {
	first := map[string]string{}
	for _, file := range files {
		p := &Package{Types: map[string]*ast.TypeSpec{}}
		for _, decl := range file.Decls {
			before := len(p.Values)
			p.addDecl(decl)
			for _, v := range p.Values[before:] {
				text, again := first[v.Name]
				first[v.Name] = v.Text
				if again && v.Const {
					c.seen[v.Name] = true
					c.add(decl.Pos(), Conflict{Name: v.Name, In: v.Type, Sources: []string{text, v.Text}, Message: v.Name + " redeclared"})
				}
			}
		}
	}
}

// telling are the errors that hold whatever the imported packages declare.
var telling = regexp.MustCompile(`redeclared in this block|duplicate (?:case|method|key)|already declared|field and method|invalid recursive type|is not a type|redeclared$`)

// firstName finds the name that a message is about.
var firstName = regexp.MustCompile(`^(?:duplicate case |duplicate method |method |field and method with the same name |invalid recursive type:? )?(\w+(?:\.\w+)?)`)

func (c *conflicts) typeError(err error) {
	found, ok := errors.AsType[types.Error](err)
	if !ok || !telling.MatchString(found.Msg) {
		return
	}
	name := ""
	if m := firstName.FindStringSubmatch(found.Msg); m != nil {
		name = m[1][strings.LastIndex(m[1], ".")+1:]
		if pkg, _, ok := strings.Cut(m[1], "."); ok && strings.HasSuffix(found.Msg, "is not a type") {
			name = pkg // something else hides the package
		}
	}
	inside := func(st *ast.StructType) bool { return st.Pos() <= found.Pos && found.Pos < st.End() }
	if c.seen[name] || slices.ContainsFunc(c.structs, inside) {
		return // fields and constants are reported with what they were made from
	}
	message, _, _ := strings.Cut(found.Msg, "\n")
	c.add(found.Pos, Conflict{Name: name, Message: message})
}

// fakeImports gives packages whose every name is taken for granted.
type fakeImports struct{}

// Import implements types.Importer. An error beside a package makes it a fake one.
func (fakeImports) Import(path string) (*types.Package, error) {
	return types.NewPackage(path, ImportName(path)), errors.New("not imported: " + path)
}

func sortedKeys(files map[string][]byte) []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func packageName(files []*ast.File) string {
	if len(files) == 0 {
		return ""
	}
	return files[0].Name.Name
}
