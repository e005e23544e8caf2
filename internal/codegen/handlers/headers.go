package handlers

import (
	"go/ast"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// checkHeaders insists that the headers of a bound operation's answer may be
// absent: the runtime sets those that it knows, and nobody sets the others.
func (b *binding) checkHeaders(code string, r *openapi3.Response) {
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		header := r.Headers[name].Value
		if header == nil || !header.Required {
			continue
		}
		line := b.op.Line
		if header.Origin != nil && header.Origin.Key != nil {
			line = header.Origin.Key.Line
		}
		b.reportf(line, "response-header", code+" "+name, "remove `required: true` from the header, or write the handler by hand",
			"a query gives no response headers, so a required one would be sent empty")
	}
}

// declares tells whether the response has the header.
func declares(r *openapi3.Response, header string) bool {
	for name := range r.Headers {
		if strings.EqualFold(name, header) {
			return true
		}
	}
	return false
}

// bodyField gives the type of the body in a struct of body and headers.
func (b *binding) bodyField(spec *ast.TypeSpec) (ast.Expr, bool) {
	st, ok := b.g.apiPkg.StructOf(spec.Type)
	if !ok {
		return nil, false
	}
	for _, f := range b.g.apiPkg.Fields(st) {
		if f.Name == "Body" {
			return f.Type, true
		}
	}
	return nil, false
}
