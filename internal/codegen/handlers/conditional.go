package handlers

import (
	"fmt"
	"go/ast"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
)

const (
	etagRule    = "etag"
	ifMatchRule = "if-match"
	ifMatch     = "header.if-match" // in lower case
)

// guard is a change that If-Match may keep from happening, with the GET that
// tells what is there.
type guard struct {
	b   *binding
	in  *input
	get *openapi.Operation
}

// checkETag reads the header ETag of the answer, which the runtime makes from
// the body of a GET, or of a change that answers with the same.
func (b *binding) checkETag(code string, r *openapi3.Response, line int) {
	if !declaresETag(r) {
		if in := b.headerInput("header.if-none-match"); in != nil && b.op.Method == http.MethodGet {
			b.reportf(in.line, etagRule, in.place, "declare the header ETag in the response "+code+", or remove the parameter", "nothing can match it, for the answer has no ETag")
		}
		return
	}
	subject := code + " ETag"
	switch {
	case b.query.Cmd == queries.Many:
		b.reportf(line, etagRule, subject, "remove the header", "a list has no ETag: it is one of single things, to which If-Match and If-None-Match refer")
		return
	case len(r.Content) == 0:
		b.reportf(line, etagRule, subject, "answer with the object, or remove the header", "an ETag is made from the body, and there is none")
		return
	case b.op.Method != http.MethodGet && !b.sameAsGet():
		b.reportf(line, etagRule, subject, "answer with the schema that the GET answers with, or remove the header",
			"the answer is not what a bound GET with an ETag answers, so its ETag would match nothing")
		return
	}
	b.tail = append(b.tail, "\tif err := rest.SetETag(ctx, body); err != nil {\n\t\treturn nil, err\n\t}")
}

func declaresETag(r *openapi3.Response) bool { return declares(r, etagRule) }

// sameAsGet is true when a GET with an ETag answers with the body that this
// operation answers with: that of the same path, or for POST one below it.
func (b *binding) sameAsGet() bool {
	own := b.bodyText()
	return own != "" && slices.ContainsFunc(b.g.in.Document.Operations, func(get *openapi.Operation) bool {
		near := get.Path == b.op.Path || (b.op.Method == http.MethodPost && strings.HasPrefix(get.Path, b.op.Path+"/"))
		return near && tagged(get) && (&binding{g: b.g, op: get, name: b.g.methods[get.Method+" "+get.Path]}).bodyText() == own
	})
}

// bodyText is the Go type of the body of the only successful response.
func (b *binding) bodyText() string {
	code, r := onlySuccess(b.op)
	if r == nil {
		return ""
	}
	probe := binding{g: b.g, op: b.op, name: b.name}
	target, ok := probe.target(code, len(r.Headers) > 0)
	if !ok {
		return ""
	}
	return b.g.apiPkg.Format(target, "")
}

func onlySuccess(op *openapi.Operation) (string, *openapi3.Response) {
	found, result := "", (*openapi3.Response)(nil)
	for code, ref := range op.Op.Responses.Map() {
		if !strings.HasPrefix(code, "2") {
			continue
		}
		if result != nil {
			return "", nil
		}
		found, result = code, ref.Value
	}
	return found, result
}

// tagged is true for a GET that is bound and declares an ETag.
func tagged(op *openapi.Operation) bool {
	if op.Method != http.MethodGet || op.Query == nil {
		return false
	}
	_, r := onlySuccess(op)
	return r != nil && declaresETag(r)
}

func (b *binding) headerInput(place string) *input {
	for _, in := range b.inputs {
		if strings.ToLower(in.place) == place {
			return in
		}
	}
	return nil
}

// findGuard finds what an If-Match of the request is compared with.
func (b *binding) findGuard() {
	if in := b.headerInput("header.if-none-match"); in != nil {
		in.used = true // The runtime answers it.
	}
	if in := b.headerInput(idempotencyKey); in != nil {
		in.used = true
	}
	in := b.headerInput(ifMatch)
	if in == nil {
		return
	}
	in.used = true
	if !plainText(in) {
		b.reportf(in.line, ifMatchRule, in.place, "write `schema: {type: string}`", "it is a list of entity tags")
	}
	if !slices.Contains([]string{http.MethodPut, http.MethodPatch, http.MethodDelete}, b.op.Method) {
		b.reportf(in.line, ifMatchRule, in.place, "remove the parameter", "it guards PUT, PATCH and DELETE of what a GET at the same path answers, not %s", b.op.Method)
		return
	}
	get := b.g.guardedBy(b.op)
	mend := fmt.Sprintf("give GET %s x-query and the header ETag in its 200 response, or remove x-query here and call rest.IfMatch by hand", b.op.Path)
	switch {
	case get == nil:
		b.reportf(in.line, ifMatchRule, in.place, mend, "there is no GET %s to compare it with", b.op.Path)
	case get.Query == nil:
		b.reportf(in.line, ifMatchRule, in.place, mend, "GET %s is written by hand, so what it answers is not known here", b.op.Path)
	case !tagged(get):
		b.reportf(in.line, ifMatchRule, in.place, mend, "GET %s declares no ETag that a client could send", b.op.Path)
	case get.Scope != b.op.Scope:
		b.reportf(in.line, ifMatchRule, in.place, "give both the same x-scope", "GET %s is of scope %s, this operation of scope %s", b.op.Path, get.Scope, b.op.Scope)
	default:
		b.guard = &guard{b: b, in: in, get: get}
		b.g.guards = append(b.g.guards, b.guard)
	}
}

// guardedBy gives the GET of the same path.
func (g *generator) guardedBy(op *openapi.Operation) *openapi.Operation {
	for _, other := range g.in.Document.Operations {
		if other.Path == op.Path && other.Method == http.MethodGet {
			return other
		}
	}
	return nil
}

// guards is true for a GET whose answer is compared with an If-Match.
func (g *generator) isGuarding(get *openapi.Operation) bool {
	return tagged(get) && slices.ContainsFunc(g.in.Document.Operations, func(op *openapi.Operation) bool {
		return op.Path == get.Path && op.Query != nil && slices.ContainsFunc(op.Parameters, func(p *openapi3.Parameter) bool {
			return strings.ToLower(p.In+"."+p.Name) == ifMatch
		})
	})
}

func plainText(in *input) bool {
	return in.schema.Type == typeString && in.schema.Format == "" && len(in.schema.Enum) == 0 && !in.schema.Nullable && in.schema.Default == nil
}

// checkGuards compares what a GET takes from its request with what a change has.
func (g *generator) checkGuards() {
	for _, guard := range g.guards {
		if place := g.varies[guard.get.Path]; place != "" {
			guard.b.reportf(guard.in.line, ifMatchRule, guard.in.place, "let the GET take path parameters only, or remove x-query here and call rest.IfMatch by hand",
				"what GET %s answers depends on %s, which a change does not have", guard.get.Path, place)
		}
	}
}

// noteVariation remembers what a tagged GET takes from beyond its path.
func (b *binding) noteVariation() {
	if !tagged(b.op) {
		return
	}
	for _, in := range b.inputs {
		if in.used && !strings.HasPrefix(in.place, "path.") && strings.ToLower(in.place) != "header.if-none-match" {
			b.g.varies[b.op.Path] = in.place
		}
	}
}

// matched writes the call that guards the change.
func (b *binding) matched() string {
	qual, get := b.g.api.Qualifier, b.g.methods[http.MethodGet+" "+b.op.Path]
	request, ok := b.pathOf(get)
	if !ok {
		b.reportf(b.guard.in.line, ifMatchRule, b.guard.in.place, "declare the path's parameters once, under the path", "GET %s declares them otherwise", b.op.Path)
		return ""
	}
	header := b.guard.in.expr
	if !strings.HasPrefix(b.guard.in.typ.Text, "*") {
		header = "&" + header
	}
	fn := func(name, request string) string {
		return fmt.Sprintf("func(ctx context.Context, q *%s.Queries) (%s.%sResponseObject, error) {\n\t\treturn s.%s(ctx, q, %s)\n\t}",
			b.scope.facade, qual, name, with(name), request)
	}
	return fmt.Sprintf("\treturn rest.Matched(ctx, q, %s, %s, %s)\n", header, fn(get, qual+"."+get+"RequestObject{"+request+"}"), fn(b.name, "req"))
}

// pathOf writes the fields of another request for the same path.
func (b *binding) pathOf(other string) (string, bool) {
	fields := func(name string) []gosrc.Field {
		st, ok := b.g.apiPkg.StructOf(ast.NewIdent(name + "RequestObject"))
		if !ok {
			return nil
		}
		return slices.DeleteFunc(b.g.apiPkg.Fields(st), func(f gosrc.Field) bool { return f.JSON == "" })
	}
	own := fields(b.name)
	var parts []string
	for _, f := range fields(other) {
		same := slices.ContainsFunc(own, func(o gosrc.Field) bool {
			return o.Name == f.Name && b.g.apiPkg.Format(o.Type, "") == b.g.apiPkg.Format(f.Type, "")
		})
		if !same {
			return "", false
		}
		parts = append(parts, f.Name+": req."+f.Name)
	}
	return strings.Join(parts, ", "), true
}
