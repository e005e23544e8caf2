package handlers

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/convert"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
)

// input is one value of the request.
type input struct {
	// place is where it stands, such as "path.id" or "body.name".
	place, name string
	line        int
	required    bool
	schema      *openapi.Schema
	expr        string
	typ         convert.Type
	used        bool
}

// absent is true when the value may be missing or null for the query.
func (in *input) absent() bool {
	return in.schema.Nullable || (!in.required && in.schema.Default == nil)
}

// request finds a source for each parameter of the query.
func (b *binding) request() {
	before := len(b.g.found)
	object, ok := b.g.apiPkg.StructOf(ast.NewIdent(b.name + "RequestObject"))
	if !ok {
		b.reportf(b.op.Line, "oapi-codegen", "", "report this as a bug of bailiwick", "oapi-codegen wrote no %sRequestObject", b.name)
		return
	}
	b.parameters(object)
	b.body(object)
	b.findPaging()
	b.findGuard()
	if len(b.g.found) > before {
		return
	}
	values := make([]string, 0, len(b.query.Params))
	for i := range b.query.Params {
		values = append(values, b.argument(b.query.Params[i]))
	}
	b.checkArgs()
	b.findCount()
	b.checkUnused()
	b.noteVariation()
	b.join(values)
}

// parameters lists path, query and header parameters.
func (b *binding) parameters(object *ast.StructType) {
	params := map[string]gosrc.Field{}
	for _, f := range b.g.apiPkg.Fields(object) {
		switch {
		case f.JSON != "":
			params["path."+f.JSON] = gosrc.Field{Name: "req." + f.Name, Type: f.Type}
		case f.Name == "Params":
			if st, ok := b.g.apiPkg.StructOf(f.Type); ok {
				for _, p := range b.g.apiPkg.Fields(st) {
					params[p.JSON] = gosrc.Field{Name: "req.Params." + p.Name, Type: p.Type}
				}
			}
		}
	}
	for _, p := range b.op.Parameters {
		place := p.In + "." + p.Name
		key := p.Name
		if p.In == openapi3.ParameterInPath {
			key = place
		}
		field, ok := params[key]
		if !ok || p.Schema == nil {
			b.reportf(parameterLine(p, b.op), "unsupported-parameter", place, "give it a `schema`, or write the handler by hand", "the parameter has no form that a query can take")
			continue
		}
		b.inputs = append(b.inputs, &input{
			place: place, name: p.Name, line: parameterLine(p, b.op), required: p.Required,
			schema: openapi.Flatten(p.Schema), expr: field.Name, typ: b.g.api.Resolve(field.Type),
		})
	}
}

func parameterLine(p *openapi3.Parameter, op *openapi.Operation) int {
	if p.Origin != nil && p.Origin.Key != nil {
		return p.Origin.Key.Line
	}
	return op.Line
}

// argument gives the expression of one parameter of the query.
func (b *binding) argument(v queries.Value) string {
	if source, ok := b.op.Query.Args[v.Name]; ok {
		return b.explicit(v, source)
	}
	if b.paged != nil {
		if text, ok := b.pagingArgument(v); ok {
			return text
		}
	}
	found := b.named(v.Name)
	switch len(found) {
	case 1:
		return b.take(v, found[0], found[0].line)
	case 0:
	default:
		places := make([]string, len(found))
		for i, in := range found {
			places[i], in.used = in.place, true
		}
		b.reportf(b.op.Query.Line, "ambiguous-source", v.Name, "say which one: `x-query: {name: "+b.query.Name+", args: {"+v.Name+": "+places[0]+"}}`",
			"parameter %s of query %s has several sources: %s", v.Name, b.query.Name, strings.Join(places, ", "))
		return ""
	}
	if name, ok := strings.CutPrefix(v.Name, "set_"); ok {
		if found := b.named(name); len(found) == 1 {
			return b.given(v, found[0])
		}
	}
	b.noSource(v)
	return ""
}

func (b *binding) noSource(v queries.Value) {
	mend := fmt.Sprintf("add a parameter or property %s, or name another source: `x-query: {name: %s, args: {%s: ...}}` (there is %s)",
		v.Name, b.query.Name, v.Name, b.sources())
	if v.Unnamed {
		mend = "give the parameter a name in SQL: sqlc.arg('name')"
	}
	b.reportf(b.op.Query.Line, "no-source", v.Name, mend, "parameter %s of query %s (%s:%d) has no source in the request",
		v.Name, b.query.Name, b.query.File, b.query.Line)
}

// named finds the inputs that a parameter's name means: those of exactly this
// name or, without one, those that spell it in another style.
func (b *binding) named(name string) []*input {
	var exact, found []*input
	for _, in := range b.inputs {
		switch {
		case in.name == "":
		case in.name == name:
			exact = append(exact, in)
		case sameName(in.name, name):
			found = append(found, in)
		}
	}
	if exact != nil {
		return exact
	}
	return found
}

// explicit resolves a source that the document names.
func (b *binding) explicit(v queries.Value, source openapi.Source) string {
	if source.Text == "auth.subject" {
		return b.subject(v, source)
	}
	for _, in := range b.inputs {
		if in.place == source.Text {
			return b.take(v, in, source.Line)
		}
	}
	b.reportf(source.Line, "no-source", v.Name, "write one of: auth.subject, "+b.sources(), "the request has no %s", source.Text)
	return ""
}

func (b *binding) subject(v queries.Value, source openapi.Source) string {
	if !b.op.Secured {
		b.reportf(source.Line, "no-source", v.Name, "give the operation a `security` requirement", "the operation needs no authentication, so there may be no subject")
		return ""
	}
	kind, _ := convert.KindOf(b.scope.pkg, v, b.goType(v))
	fn, ok := convert.Chain(kind, convert.StringType, b.goType(v))
	if !ok || (kind != convert.Text && kind != convert.UUID) {
		b.reportf(source.Line, "type-mismatch", v.Name, "compare it with a text or uuid column", "the subject is text, but %s is %s", v.Name, v.SQL)
		return ""
	}
	if fn == "" {
		fn = "rest.Same[string]"
	}
	return fmt.Sprintf("rest.SubjectArg(ctx, &in, %s)", fn)
}

// goType is the type of a parameter or column, with its NULL.
func (b *binding) goType(v queries.Value) convert.Type {
	t := b.scope.resolver.Resolve(v.Go)
	if !v.NotNull {
		t = t.AsNull()
	}
	return t
}

// take checks that an input suits a parameter and converts it.
func (b *binding) take(v queries.Value, in *input, line int) string {
	in.used = true
	if m := convert.Match(b.scope.pkg, v, b.goType(v), in.schema, true); m != nil {
		b.reportf(in.line, m.Rule, in.place, m.Mend, "%s (query %s, %s:%d)", m.Message, b.query.Name, b.query.File, b.query.Line)
		return ""
	}
	if in.typ.Wrapper == convert.None && in.absent() {
		b.reportf(in.line, "go-type", in.place, "remove x-go-type and x-go-type-skip-optional-pointer, or make it required", "its Go type %s cannot tell that it is absent or null", in.typ.Text)
		return ""
	}
	if v.NotNull && in.absent() {
		b.reportf(in.line, "optional-argument", in.place, "make it required, give it a default, or write sqlc.narg('"+v.Name+"') in the query",
			"it may be absent or null, but parameter %s of query %s is NOT NULL", v.Name, b.query.Name)
		return ""
	}
	if convert.LosesNull(in.schema, in.typ, b.goType(v)) {
		b.nullItems(in.line, in.place)
		return ""
	}
	kind, _ := convert.KindOf(b.scope.pkg, v, b.goType(v))
	fn, ok := convert.Chain(kind, in.typ, b.goType(v))
	if !ok {
		b.unconvertible(line, in.place, v, in.typ)
		return ""
	}
	if fn == "" {
		return in.expr
	}
	return fmt.Sprintf("rest.Take(&in, %q, %s, %s)", in.place, fn, in.expr)
}

func (b *binding) nullItems(line int, place string) {
	b.reportf(line, "nullable-items", place, "remove `nullable` from the items, or give the column elements that can be nil in sqlc.yaml: `overrides: [{column: table.column, go_type: {slice: true, pointer: true, type: string}}]`",
		"an item may be null, which the elements of the Go slices on the way to or from the database cannot hold")
}

func (b *binding) unconvertible(line int, subject string, v queries.Value, t convert.Type) {
	mend := "remove the override of the type in sqlc.yaml, or write the handler by hand"
	if t := b.scope.pkg.Go.Format(v.Go, b.scope.facade); t == "any" {
		mend = "cast it in SQL, or tell sqlc.yaml its Go type: `overrides: [{db_type: " + v.SQL + ", go_type: string}]`"
	}
	b.reportf(line, "go-type", subject, mend,
		"no conversion between %s, the Go type of %s, and %s", b.scope.pkg.Go.Format(v.Go, b.scope.facade), v.Name, t.Text)
}

// given tells whether a merge patch names a property.
func (b *binding) given(v queries.Value, in *input) string {
	if kind, _ := convert.KindOf(b.scope.pkg, v, b.goType(v)); kind != convert.Boolean || !v.NotNull {
		b.reportf(b.op.Query.Line, "patch-flag", v.Name, "write sqlc.arg('"+v.Name+"')::bool in the query",
			"%s tells whether %s is present, so it has to be a boolean that is not null", v.Name, in.place)
		return ""
	}
	if in.schema.Default != nil {
		b.reportf(in.line, "patch-default", in.place, "remove `default` here; a column's DEFAULT serves new rows",
			"validation fills the default in, so %s would always be true and a patch without the property would overwrite it", v.Name)
		return ""
	}
	switch in.typ.Wrapper {
	case convert.Pointer, convert.Nil:
		return in.expr + " != nil"
	case convert.Nullable:
		return in.expr + ".IsSpecified()"
	case convert.None, convert.Valid:
	}
	return "true" // a required property is always there
}

// checkArgs reports args of x-query that the query does not have.
func (b *binding) checkArgs() {
	for _, name := range slices.Sorted(maps.Keys(b.op.Query.Args)) {
		source := b.op.Query.Args[name]
		if !slices.ContainsFunc(b.query.Params, func(v queries.Value) bool { return v.Name == name }) {
			b.reportf(source.Line, "unknown-argument", name, "remove it, or use it in the query", "query %s has no parameter %s (%s:%d)",
				b.query.Name, name, b.query.File, b.query.Line)
		}
	}
}

// checkUnused reports what a client may send in vain.
func (b *binding) checkUnused() {
	isBody := func(in *input) bool { return strings.HasPrefix(in.place, "body.") }
	whole := slices.ContainsFunc(b.inputs, func(in *input) bool { return in.place == bodyName && in.used })
	parts := slices.ContainsFunc(b.inputs, isBody)
	for _, in := range b.inputs {
		if (in.place == bodyName && parts) || (isBody(in) && whole) {
			continue // the body is used whole, or property by property
		}
		if in.used || (strings.HasPrefix(in.place, "header.") && !in.required) || strings.HasPrefix(in.place, "cookie.") {
			continue
		}
		b.reportf(in.line, "unused-input", in.place, "use it in the query, or remove it from the document", "query %s does not use it (%s:%d)",
			b.query.Name, b.query.File, b.query.Line)
	}
}

// join writes the arguments the way the method takes them.
func (b *binding) join(values []string) {
	if len(values) == 0 {
		return
	}
	if b.query.Args == queries.ArgsPositional {
		b.args, b.positional = strings.Join(values, ", "), len(values)
		return
	}
	var t strings.Builder
	if b.query.Args == queries.ArgsStructPointer {
		t.WriteString("&")
	}
	t.WriteString(b.scope.pkg.Go.Format(b.query.ArgType, b.scope.facade) + "{\n")
	for i, v := range b.query.Params {
		fmt.Fprintf(&t, "\t\t%s: %s,\n", v.GoName, values[i])
	}
	t.WriteString("\t}")
	b.args = t.String()
}
