// Package client writes the Go client of an API beside what oapi-codegen makes
// of it: a constructor that sends requests again where that is safe, a walk
// through all pages for each operation that has pages, and one through the
// lines of each streamed answer.
//
// It imports the standard library, kin-openapi, internal/diag and the
// generator's openapi and gosrc.
package client

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

const (
	// runtimePath is the package that generated clients stand on.
	runtimePath = "github.com/bailiwick-dev/bailiwick/client"
	// ownFile is the file that is written beside oapi-codegen's.
	ownFile = "bailiwick.gen.go"
	// receiver is the type of oapi-codegen's that gets the methods.
	receiver = "ClientWithResponses"
	// constructor is no plain New: an enum with the value "new" makes a constant
	// of that name.
	constructor = "NewAPI"
	rule        = "client"
)

// Generate returns the client's files. base is oapi-codegen's.
func Generate(doc *openapi.Document, base []byte) (map[string][]byte, error) {
	pkg, err := gosrc.Parse(map[string][]byte{openapi.ClientFile: base})
	if err != nil {
		return nil, fmt.Errorf("read the client: %w", err)
	}
	g := &generator{doc: doc, pkg: pkg, methods: map[string]*ast.FuncDecl{}}
	for _, name := range []string{receiver, "Client"} {
		for _, fn := range pkg.Methods(name) {
			g.methods[fn.Name.Name] = fn
		}
	}
	g.constructor()
	g.shadowed()
	for _, op := range doc.Operations {
		g.pages(op)
		g.lines(op)
	}
	if err := g.found.Err(); err != nil {
		return nil, err
	}
	own, err := g.file()
	if err != nil {
		return nil, fmt.Errorf("write the client: %w", err)
	}
	return map[string][]byte{openapi.ClientFile: base, ownFile: own}, nil
}

type generator struct {
	doc     *openapi.Document
	pkg     *gosrc.Package
	methods map[string]*ast.FuncDecl
	body    strings.Builder
	found   diag.List
}

func (g *generator) file() ([]byte, error) {
	f := &gosrc.File{
		Package: g.pkg.Name, Source: g.doc.File,
		Doc: fmt.Sprintf("Package %s is a Go client of the API of %s. [%s] makes one.", g.pkg.Name, g.doc.File, constructor),
	}
	for name, importPath := range g.pkg.Imports {
		f.Import(name, importPath)
	}
	f.Import("context", "context")
	f.Import("http", "net/http")
	f.Import("iter", "iter")
	f.Import("json", "encoding/json")
	f.Import("httpclient", runtimePath)
	f.Printf("%s", g.body.String())
	return f.Bytes()
}

func (g *generator) printf(format string, args ...any) { fmt.Fprintf(&g.body, format, args...) }

func (g *generator) constructor() {
	if g.declares(constructor) {
		g.reportf(0, constructor, "give what is called so another name, by `x-go-name` or `x-enum-varnames`", "the client's constructor has this name")
	}
	g.printf(`
// This file fits the runtime's generation of generated clients; a newer one needs
// a newer runtime, and does not compile with this one.
const _ = httpclient.GeneratedV1

// %[3]s returns a client of the service at baseURL, such as https://acme.example.com,
// which sends the token with each request; without a token, only what needs none
// can be called. Nil options are the defaults.
//
// Requests that may arrive twice are sent again when the service is busy or
// unreachable. Answers of status 400 and more are errors: a *client.Problem of
// %[1]s.
func %[3]s(baseURL, token string, options *httpclient.Options) (*%[2]s, error) {
	sender, err := httpclient.New(baseURL, options)
	if err != nil {
		return nil, err
	}
	return New%[2]s(baseURL, WithHTTPClient(sender), WithRequestEditorFn(httpclient.Bearer(token)))
}
`, runtimePath, receiver, constructor)
}

// shadowed reports an operation whose method has the name of what oapi-codegen
// makes of another one's answer: one type embeds the other, so Go sees no
// redeclaration, and calls the wrong one.
func (g *generator) shadowed() {
	for _, op := range g.doc.Operations {
		for _, fn := range g.pkg.Methods(receiver) {
			if openapi.SameGoName(fn.Name.Name, op.ID) {
				g.reportf(op.Line, op.ID, "give one of the operations another operationId", "the client already has something called %s, which belongs to another operation", fn.Name.Name)
			}
		}
	}
}

// declares tells whether oapi-codegen's part has a name already.
func (g *generator) declares(name string) bool {
	return g.pkg.Types[name] != nil ||
		slices.ContainsFunc(g.pkg.Values, func(v gosrc.Value) bool { return v.Name == name }) ||
		slices.ContainsFunc(g.pkg.Funcs, func(fn *ast.FuncDecl) bool { return fn.Recv == nil && fn.Name.Name == name })
}

// method checks that a new method's name is free, and takes it.
func (g *generator) method(op *openapi.Operation, name string) bool {
	if g.methods[name] != nil {
		g.reportf(op.Line, op.ID, "give one of the operations another operationId", "the client already has something called %s, which this operation needs", name)
		return false
	}
	g.methods[name] = &ast.FuncDecl{Name: ast.NewIdent(name)}
	return true
}

func (g *generator) reportf(line int, subject, mend, format string, args ...any) {
	g.found = append(g.found, g.doc.At(line, rule, subject, mend, format, args...))
}

// call is a method of oapi-codegen's, and how it is called.
type call struct {
	fn *ast.FuncDecl
	// parameters are those of its signature.
	parameters string
	// names are those of the arguments, the editors' with dots.
	names []string
	// params is the name of the argument that holds query parameters and
	// headers, and its type; empty without one.
	params, paramsType string
}

// callOf reads the signature of a method; nil when there is none of this name.
func (g *generator) callOf(name string) *call {
	fn := g.methods[name]
	if fn == nil || fn.Type == nil {
		return nil
	}
	c := &call{fn: fn, parameters: g.pkg.FormatFields(fn.Type.Params, "")}
	for _, field := range fn.Type.Params.List {
		for _, n := range field.Names {
			arg := n.Name
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				arg += "..."
			}
			c.names = append(c.names, arg)
		}
		star, ok := field.Type.(*ast.StarExpr)
		if ok && strings.HasSuffix(g.pkg.Format(star.X, ""), "Params") && len(field.Names) == 1 {
			c.params, c.paramsType = field.Names[0].Name, g.pkg.Format(star.X, "")
		}
	}
	return c
}

// free gives a name that no parameter of the call has.
func (c *call) free(name string) string {
	for slices.Contains(c.names, name) {
		name += "_"
	}
	return name
}

// arguments are the call's, with another expression for its params.
func (c *call) arguments(params string) string {
	args := slices.Clone(c.names)
	for i, name := range args {
		if name == c.params {
			args[i] = params
		}
	}
	return strings.Join(args, ", ")
}

// goName is the operation's name in Go, which its methods begin with; empty when
// oapi-codegen was told to leave it out.
func (g *generator) goName(op *openapi.Operation) string {
	for name, fn := range g.methods {
		name = strings.TrimSuffix(name, "WithBody")
		if fn.Type != nil && openapi.SameGoName(name, op.ID) {
			return name
		}
	}
	return ""
}
