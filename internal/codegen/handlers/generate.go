// Package handlers writes the package that answers the API: for an operation
// bound by x-query the whole handler, for any other a method of an interface
// that is written by hand. Everything is checked while it is written, so that
// what comes out compiles. It imports the standard library, internal/diag,
// internal/project and the generator's models and conversions.
package handlers

import (
	"fmt"
	"go/ast"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/convert"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

const runtimePath = "github.com/bailiwick-dev/bailiwick/tenant"

// Input is what the handlers are made from.
type Input struct {
	Project  *project.Project
	Document *openapi.Document
	// API is the source of the API package.
	API []byte
	// Tenant and Public are the queries; Public may be nil.
	Tenant, Public *queries.Package
}

// Generate writes the handlers' files, or reports as a diag.List everything
// that keeps them from being written.
func Generate(in Input) (map[string][]byte, error) {
	api, err := gosrc.Parse(map[string][]byte{"api.gen.go": in.API})
	if err != nil {
		return nil, fmt.Errorf("read the API package: %w", err)
	}
	g := newGenerator(in, api)
	g.checkRoutes()
	for _, op := range in.Document.Operations {
		g.operation(op)
	}
	g.checkGuards()
	g.found.Sort()
	if err := g.found.Err(); err != nil {
		return nil, err
	}
	g.fitting()
	data, err := g.write()
	if err != nil {
		return nil, fmt.Errorf("write the handlers: %w", err)
	}
	return map[string][]byte{"handlers.gen.go": data}, nil
}

// scope is one set of queries and the names under which the handlers use it.
type scope struct {
	name, facade, querier string
	pkg                   *queries.Package
	resolver              convert.Resolver
}

type generator struct {
	in      Input
	api     convert.Resolver
	apiPkg  *gosrc.Package
	scopes  map[string]*scope
	imports map[string]string // of all packages, by name
	// methods maps "GET /path" to the operation's Go name.
	methods map[string]string
	// guards are the changes under If-Match; varies has the GETs, by path, that
	// take more than their path from a request, with the first such place.
	guards []*guard
	varies map[string]string
	// stored are the methods that write kept answers.
	stored       []string
	tableChecked bool
	found        diag.List

	bound, custom []string // the text of handlers
	interfaceText []string // methods of Custom
	mappers       mappers
	usesQuerier   map[string]bool
}

// scopeNone is the x-scope of operations without a querier.
const scopeNone = "none"

const (
	scopeTenant = "tenant"
	scopePublic = "public"
	typeString  = "string"
	typeInteger = "integer"
)

// Names that the generated code uses and the generator has to know.
const (
	rowName  = "row"
	bodyName = "body"
)

// locals are the names that the generated code uses itself.
var locals = []string{
	"rest", "tenant", "context", "http", "errors", "fmt",
	"s", "f", "q", "ctx", "req", "err", "done", "in", "out", "arg", rowName, "rows", bodyName, "limit", "cursor", "next", "count", "total",
	"without", "stored", "answer", "doc", "strict", "cfg", "server", "New", "Config", "Custom",
}

func newGenerator(in Input, api *gosrc.Package) *generator {
	g := &generator{
		in: in, apiPkg: api, methods: map[string]string{}, varies: map[string]string{}, scopes: map[string]*scope{},
		usesQuerier: map[string]bool{}, mappers: newMappers(), imports: map[string]string{},
	}
	taken := map[string]bool{}
	for _, name := range locals {
		taken[name] = true
	}
	imports := []map[string]string{api.Imports}
	for _, pkg := range []*queries.Package{in.Tenant, in.Public} {
		if pkg != nil {
			imports = append(imports, pkg.Go.Imports)
		}
	}
	g.mergeImports(taken, imports)
	g.api = convert.Resolver{Pkg: api, Qualifier: unique(taken, api.Name)}
	for _, pkg := range []*queries.Package{in.Tenant, in.Public} {
		if pkg == nil {
			continue
		}
		s := &scope{name: pkg.Scope.Name, pkg: pkg, facade: unique(taken, pkg.Scope.FacadePackage), querier: "tenant.Querier"}
		s.resolver = convert.Resolver{Pkg: pkg.Go, Qualifier: s.facade}
		g.scopes[s.name] = s
	}
	route := regexp.MustCompile(`\((\w+) (\S+)\)`)
	if spec := api.Types["StrictServerInterface"]; spec != nil {
		if iface, ok := spec.Type.(*ast.InterfaceType); ok {
			for _, m := range iface.Methods.List {
				if match := route.FindStringSubmatch(m.Doc.Text()); match != nil && len(m.Names) == 1 {
					g.methods[match[1]+" "+match[2]] = m.Names[0].Name
				}
			}
		}
	}
	return g
}

// mergeImports gathers what the packages import, under the names that they use.
func (g *generator) mergeImports(taken map[string]bool, all []map[string]string) {
	for _, imports := range all {
		for _, name := range slices.Sorted(maps.Keys(imports)) {
			taken[name] = true
			if other := g.imports[name]; other != "" && other != imports[name] {
				g.found = append(g.found, diag.Diagnostic{
					File: project.SQLCFile, Rule: "import-name", Subject: name,
					Message: fmt.Sprintf("the name stands for two packages, %s and %s", other, imports[name]),
					Mend:    "give one of the overrides another name: `go_type: {import: ..., package: othername, type: ...}`",
				})
				continue
			}
			g.imports[name] = imports[name]
		}
	}
}

// unique gives an import name that nothing else uses.
func unique(taken map[string]bool, name string) string {
	for taken[name] {
		name += "gen"
	}
	taken[name] = true
	return name
}

// checkRoutes registers every path as the server will, which refuses some.
func (g *generator) checkRoutes() {
	mux := http.NewServeMux()
	for _, op := range g.in.Document.Operations {
		if reason := register(mux, op); reason != "" {
			g.reportf(op.Line, "route", op.ID, "rename the path or its parameters", "%s %s cannot be routed: %s", op.Method, op.Path, reason)
		}
	}
}

// registeredAt is what ServeMux says of this program's own source.
var registeredAt = regexp.MustCompile(` \(registered at [^)]*\)`)

func register(mux *http.ServeMux, op *openapi.Operation) (reason string) {
	defer func() {
		if v := recover(); v != nil {
			reason = registeredAt.ReplaceAllString(fmt.Sprint(v), "")
			reason, _, _ = strings.Cut(reason, "\n")
			reason = strings.TrimSuffix(reason, ":")
		}
	}()
	mux.HandleFunc(op.Method+" "+openapi.Route(op.Path), func(http.ResponseWriter, *http.Request) {})
	return ""
}

func (g *generator) reportf(line int, rule, subject, mend, format string, args ...any) {
	g.found = append(g.found, g.in.Document.At(line, rule, subject, mend, format, args...))
}

func (g *generator) operation(op *openapi.Operation) {
	name := g.methods[op.Method+" "+op.Path]
	if name == "" {
		g.reportf(op.Line, "oapi-codegen", op.ID, "remove what excludes the operation from "+project.OAPICodegenFile, "oapi-codegen wrote no handler for %s %s", op.Method, op.Path)
		return
	}
	g.checkKey(op)
	if op.Query == nil {
		g.handWritten(op, name)
		return
	}
	b := &binding{g: g, op: op, name: name}
	if op.ID == "" || op.Query.Name == "" || !b.find() {
		return // what is wrong has been reported
	}
	before := len(g.found)
	b.request()
	b.response()
	if len(g.found) == before {
		b.write()
	}
}

// handWritten adds a method to the Custom interface and calls it.
func (g *generator) handWritten(op *openapi.Operation, name string) {
	qual := g.api.Qualifier
	results := fmt.Sprintf("(%s.%sResponseObject, error)", qual, name)
	request := fmt.Sprintf("req %s.%sRequestObject", qual, name)
	doc := fmt.Sprintf("%s answers %s %s", name, op.Method, op.Path)
	if op.Summary != "" {
		doc += ": " + strings.Join(strings.Fields(op.Summary), " ")
	}
	comment := gosrc.Comment(doc + ".")
	if op.Scope == scopeNone {
		g.interfaceText = append(g.interfaceText, fmt.Sprintf("%s%s(ctx context.Context, %s) %s\n", comment, name, request, results))
		g.custom = append(g.custom, fmt.Sprintf("\n%sfunc (s *server) %s(ctx context.Context, %s) %s {\n\treturn rest.Answer(s.custom.%s(ctx, req))\n}\n",
			comment, name, request, results, name))
		return
	}
	sc := g.scopes[op.Scope]
	if sc == nil {
		g.reportf(op.Line, "scope", op.ID, "add a block for the public schema to "+project.SQLCFile, "the project has no queries of scope %s", op.Scope)
		return
	}
	g.usesQuerier[op.Scope] = true
	g.interfaceText = append(g.interfaceText, fmt.Sprintf("%s%s(ctx context.Context, q *%s.Queries, %s) %s\n", comment, name, sc.facade, request, results))
	call := fmt.Sprintf("rest.Answer(s.custom.%s(ctx, q, req))", name)
	text := "\treturn " + call + "\n"
	switch {
	case keyParameter(op) != nil:
		text = g.limited(op, name, g.idempotent(op, name, call))
	case planLimited(op):
		text = fmt.Sprintf("\tanswer, err := s.custom.%s(ctx, q, req)\n\treturn rest.Answer(answer, rest.LimitAsked(ctx, err))\n", name)
	}
	g.custom = append(g.custom, fmt.Sprintf("\n%sfunc (s *server) %s(ctx context.Context, %s) %s {\n%s%s}\n",
		comment, name, request, results, acquireFor(op), text))
}

// acquireFor is acquire for a hand-written operation. What a streamed response
// reads from the querier is read after the handler has returned.
func acquireFor(op *openapi.Operation) string {
	text := acquire(op.Scope)
	if streams(op) {
		text = strings.Replace(text, "\tdefer done()\n", "\trest.AtEnd(ctx, done)\n", 1)
	}
	return text
}

// streams tells whether a response of the operation has a body that the handler
// gives as a reader: any but JSON.
func streams(op *openapi.Operation) bool {
	for _, r := range op.Op.Responses.Map() {
		for name := range r.Value.Content {
			if !openapi.IsJSON(name) {
				return true
			}
		}
	}
	return false
}

// acquire is the code that gets the queries of a scope.
func acquire(scope string) string {
	if scope == scopePublic {
		return "\tq := s.public()\n"
	}
	return "\tq, done, err := s.tenant(ctx)\n\tif err != nil {\n\t\treturn nil, err\n\t}\n\tdefer done()\n"
}
