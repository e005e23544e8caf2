package handlers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
)

// write puts the file together.
func (g *generator) write() ([]byte, error) {
	p := g.in.Project
	f := &gosrc.File{
		Package: handlersPackage(p.Handlers), Source: p.OpenAPI,
		Doc: "Package " + handlersPackage(p.Handlers) + " answers the operations of " + p.OpenAPI + ".\n" +
			"Those bound to a query are complete; the others call [Custom].",
	}
	for name, importPath := range g.imports {
		f.Import(name, importPath)
	}
	for _, s := range g.scopes {
		f.Import(s.facade, p.Import(s.pkg.Scope.Facade))
	}
	f.Import(g.api.Qualifier, p.Import(p.API))
	f.Import("tenant", runtimePath)
	f.Import("rest", runtimePath+"/rest")
	for _, std := range []string{"context", "errors", "fmt"} {
		f.Import(std, std)
	}
	f.Import("http", "net/http")
	g.frame(f)
	for _, text := range slices.Concat(g.bound, g.custom) {
		f.Printf("%s", text)
	}
	if len(g.stored) > 0 {
		f.Printf("\n// stored is an answer that was kept for an Idempotency-Key.\ntype stored struct{ rest.Stored }\n%s", strings.Join(g.stored, ""))
	}
	g.mappers.write(f)
	return f.Bytes()
}

// frame is what every project's handlers begin with.
//
//nolint:dupword // Go's own repetitions.
func (g *generator) frame(f *gosrc.File) {
	f.Printf("// This file fits the runtime's generation of generated code; a newer one needs\n" +
		"// a newer runtime, and does not compile with this one.\nconst _ = tenant.GeneratedV2\n\n")
	f.Printf("// Custom is the operations that are written by hand.\ntype Custom interface {\n%s}\n\n", strings.Join(g.interfaceText, ""))
	f.Printf(`// Config is what the handlers need.
type Config struct {
	// DB runs the queries.
	DB *tenant.DB
	// Custom answers the operations that no query is bound to.
	Custom Custom
	// Middlewares run around each operation, the last one outermost, once the caller
	// is known and the request is valid; they see it as a value of the operation's own
	// type, such as GetThingRequestObject. Nil means none.
	Middlewares []%s.StrictMiddlewareFunc
	// Options are those of package rest: authentication, limits, logging.
	Options rest.Options
}

// New returns the handler of the whole API: requests are authenticated and
// validated against the document before a handler sees them.
func New(cfg Config) (http.Handler, error) {
	if cfg.DB == nil {
		return nil, errors.New("handlers: Config.DB is nil")
	}
`, g.api.Qualifier)
	if len(g.interfaceText) > 0 {
		f.Printf("\tif cfg.Custom == nil {\n\t\treturn nil, errors.New(\"handlers: Config.Custom is nil\")\n\t}\n")
	}
	g.require(f)
	f.Printf(`	doc, err := %[1]s.GetSpec()
	if err != nil {
		return nil, fmt.Errorf("read the embedded document: %%w", err)
	}
	strict := %[1]s.NewStrictHandlerWithOptions(&server{db: cfg.DB, custom: cfg.Custom}, cfg.Middlewares, %[1]s.StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  rest.WriteRequestError,
		ResponseErrorHandlerFunc: rest.WriteError,
	})
	next := %[1]s.HandlerWithOptions(strict, %[1]s.StdHTTPServerOptions{ErrorHandlerFunc: rest.WriteRequestError})
	return rest.Wrap(doc, cfg.Options, next)
}

type server struct {
	db     *tenant.DB
	custom Custom
}
`, g.api.Qualifier)
	g.accessors(f)
}

// require tells the database what a schema has to bear before it is queried.
func (g *generator) require(f *gosrc.File) {
	var fields []string
	for _, s := range []struct{ name, field string }{{scopeTenant, "Tenant"}, {scopePublic, "Public"}} {
		if scope := g.scopes[s.name]; scope != nil {
			fields = append(fields, s.field+": "+scope.facade+".Statements")
		}
	}
	f.Printf("\tcfg.DB.Require(tenant.Statements{%s})\n", strings.Join(fields, ", "))
}

// accessors are the methods by which a handler gets its queries.
//
//nolint:dupword // As above.
func (g *generator) accessors(f *gosrc.File) {
	if g.usesQuerier[scopeTenant] {
		f.Printf(`
// tenant gives the queries of the request's tenant, and what ends their use.
func (s *server) tenant(ctx context.Context) (*%[1]s.Queries, func(), error) {
	t, ok := tenant.FromContext(ctx)
	if !ok {
		return nil, nil, &tenant.Error{Code: tenant.CodeNoTenant, Err: errors.New("the request's context carries no tenant")}
	}
	q, err := s.db.Bind(t)
	if err != nil {
		return nil, nil, err
	}
	return %[1]s.New(q), q.Close, nil
}
`, g.scopes[scopeTenant].facade)
	}
	if g.usesQuerier[scopePublic] {
		f.Printf(`
// public gives the queries of the shared schema.
func (s *server) public() *%[1]s.Queries {
	return %[1]s.New(s.db.Public())
}
`, g.scopes[scopePublic].facade)
	}
}

func handlersPackage(dir string) string {
	name := dir[strings.LastIndex(dir, "/")+1:]
	return strings.ReplaceAll(name, "-", "")
}

// write writes the handler of one bound operation.
func (b *binding) write() {
	g, q := b.g, b.query
	g.usesQuerier[b.op.Scope] = true
	qual := g.api.Qualifier
	var t strings.Builder
	fmt.Fprintf(&t, "\n%s", gosrc.Comment(fmt.Sprintf("%s answers %s %s with the query %s of %s.",
		b.name, b.op.Method, b.op.Path, q.Name, q.File)))
	lines := strings.Join(b.lines, "\n")
	request := "req"
	if !strings.Contains(lines+b.args+strings.Join(b.tail, ""), "req.") {
		request = "_"
	}
	if b.split() {
		b.outer(&t)
		fmt.Fprintf(&t, "\nfunc (s *server) %s(ctx context.Context, q *%s.Queries, %s %s.%sRequestObject) (%s.%sResponseObject, error) {\n",
			with(b.name), b.scope.facade, request, qual, b.name, qual, b.name)
	} else {
		fmt.Fprintf(&t, "func (s *server) %s(ctx context.Context, %s %s.%sRequestObject) (%s.%sResponseObject, error) {\n",
			b.name, request, qual, b.name, qual, b.name)
		t.WriteString(acquire(b.op.Scope))
	}
	args := b.args
	if strings.Contains(lines+b.args, "&in,") {
		t.WriteString("\tvar in rest.Fields\n")
		if lines != "" {
			t.WriteString(lines + "\n")
		}
		args = b.argNames()
		fmt.Fprintf(&t, "\t%s := %s\n\tif err := in.Invalid(); err != nil {\n\t\treturn nil, err\n\t}\n", args, b.args)
	}
	if args != "" {
		args = ", " + args
	}
	b.call(&t, args)
	t.WriteString("}\n")
	g.bound = append(g.bound, t.String())
}

// argNames are the variables that hold the arguments while they are checked.
func (b *binding) argNames() string {
	if b.positional == 0 {
		return "arg"
	}
	names := make([]string, b.positional)
	for i := range names {
		names[i] = fmt.Sprintf("arg%d", i+1)
	}
	return strings.Join(names, ", ")
}

// call runs the query and makes the response.
func (b *binding) call(t *strings.Builder, args string) {
	assign := ":="
	if b.op.Scope == scopeTenant && !b.split() {
		assign = "=" // err is there already
	}
	fail := "\tif err != nil {\n\t\treturn nil, err\n\t}\n"
	switch {
	case b.query.Cmd == queries.Exec:
		fmt.Fprintf(t, "\tif err %s q.%s(ctx%s); err != nil {\n\t\treturn nil, err\n\t}\n", assign, b.query.Name, args)
	case b.query.Cmd == queries.ExecRows:
		fmt.Fprintf(t, "\trows, err := q.%s(ctx%s)\n%s", b.query.Name, args, fail)
		t.WriteString("\tif err := rest.Affected(rows); err != nil {\n\t\treturn nil, err\n\t}\n")
	case b.result == "":
		fmt.Fprintf(t, "\tif _, err %s q.%s(ctx%s); err != nil {\n\t\treturn nil, err\n\t}\n", assign, b.query.Name, args)
	default:
		name := rowName
		if b.query.Cmd == queries.Many {
			name = "rows"
		}
		fmt.Fprintf(t, "\t%s, err := q.%s(ctx%s)\n%s", name, b.query.Name, args, fail)
		t.WriteString("\tvar out rest.Fields\n")
		for _, line := range b.after {
			t.WriteString("\t" + line + "\n")
		}
		fmt.Fprintf(t, "\tbody := %s\n\tif err := out.Unanswerable(); err != nil {\n\t\treturn nil, err\n\t}\n", b.result)
	}
	for _, line := range b.tail {
		t.WriteString(line + "\n")
	}
	fmt.Fprintf(t, "\treturn %s, nil\n", b.answer)
}
