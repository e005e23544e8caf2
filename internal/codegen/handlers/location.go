package handlers

import (
	"cmp"
	"fmt"
	"go/ast"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
)

const (
	locationRule   = "location"
	locationHeader = "Location"
)

// placeholder is a parameter of a path.
var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// checkLocation fills the header Location of what a POST has created: the path
// of the GET that answers with it.
func (b *binding) checkLocation(code string, r *openapi3.Response, body ast.Expr, line int) {
	if b.op.Method != http.MethodPost || code != "201" || !declares(r, locationHeader) {
		return
	}
	subject := code + " " + locationHeader
	paths := locationPaths(b.op.Path)
	get := b.g.firstGet(paths)
	if get == nil {
		b.reportf(line, locationRule, subject, "add GET "+paths[0]+", or remove the header", "there is no GET %s of what was created", strings.Join(paths, " or "))
		return
	}
	param := strings.Trim(get.Path[strings.LastIndex(get.Path, "/")+1:], "{}")
	property, field := b.namesCreated(r, body, param)
	if property == nil {
		names := "id"
		if param != names {
			names = param + " or id"
		}
		b.reportf(line, locationRule, subject, "answer with an object that has one, required and not nullable, or remove the header",
			"the answer has no property %s that could fill GET %s", names, get.Path)
		return
	}
	if want := pathParameter(get, param); want != nil && (want.Type != property.Schema.Type || want.Format != property.Schema.Format) {
		b.reportf(property.Line, locationRule, subject, "give both the same type and format, or remove the header",
			"the property %s is %s, but GET %s takes %s", property.Name, describe(property.Schema), get.Path, describe(want))
		return
	}
	b.tail = append(b.tail, fmt.Sprintf("\tif err := rest.SetLocation(ctx, %s); err != nil {\n\t\treturn nil, err\n\t}",
		strings.Join(append([]string{fmt.Sprintf("%q", get.Path)}, b.locationValues(get.Path, field)...), ", ")))
}

// locationPaths are the paths at which what a POST creates may be, with any
// name for the last parameter: below the POST's or, where that is within
// another thing, as if it were not.
func locationPaths(post string) []string {
	paths := []string{post + "/{id}"}
	segments := strings.Split(post, "/")
	if n := len(segments); n > 3 && isParameter(segments[n-2]) && !isParameter(segments[n-1]) {
		paths = append(paths, strings.Join(slices.Delete(segments, n-3, n-1), "/")+"/{id}")
	}
	return paths
}

func isParameter(segment string) bool {
	return strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}")
}

// firstGet finds the GET of the first path that has one. Parameters may have
// other names.
func (g *generator) firstGet(paths []string) *openapi.Operation {
	for _, path := range paths {
		for _, op := range g.in.Document.Operations {
			if op.Method == http.MethodGet && anonymous(op.Path) == anonymous(path) {
				return op
			}
		}
	}
	return nil
}

func anonymous(path string) string { return placeholder.ReplaceAllString(path, "{}") }

// namesCreated finds the property that a path can name the created object by,
// and the expression of its value.
func (b *binding) namesCreated(r *openapi3.Response, body ast.Expr, param string) (*openapi.Property, string) {
	media, ok := jsonMedia(r.Content)
	st, isObject := b.g.apiPkg.StructOf(body)
	if !ok || !isObject {
		return nil, ""
	}
	schema := openapi.Flatten(media.Schema)
	fields := b.g.apiPkg.Fields(st)
	for _, name := range []string{param, "id"} {
		p := schema.Find(name)
		if p == nil || !p.Required || p.Schema.Nullable || (p.Schema.Type != typeString && p.Schema.Type != typeInteger) {
			continue
		}
		for _, f := range fields {
			if f.JSON == name {
				return p, "body." + f.Name
			}
		}
	}
	return nil, ""
}

func pathParameter(op *openapi.Operation, name string) *openapi.Schema {
	for _, p := range op.Parameters {
		if p.In == openapi3.ParameterInPath && p.Name == name {
			return openapi.Flatten(p.Schema)
		}
	}
	return nil
}

func describe(s *openapi.Schema) string {
	return strings.TrimSuffix(cmp.Or(s.Type, "anything")+" of format "+s.Format, " of format ")
}

// locationValues are the values of a path's parameters: those of the request
// and, for the last, the created object's.
func (b *binding) locationValues(path, created string) []string {
	own := placeholder.FindAllString(b.op.Path, -1)
	values := make([]string, 0, len(own)+1)
	for i := range len(placeholder.FindAllString(path, -1)) - 1 {
		for _, in := range b.inputs {
			if in.place == "path."+strings.Trim(own[i], "{}") {
				values = append(values, in.expr)
			}
		}
	}
	return append(values, created)
}
