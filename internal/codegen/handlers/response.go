package handlers

import (
	"cmp"
	"fmt"
	"go/ast"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/convert"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
)

// response finds the operation's success and how the rows become its body.
func (b *binding) response() {
	code, r := b.success()
	if r == nil {
		return
	}
	line := b.op.Line
	if r.Origin != nil && r.Origin.Key != nil {
		line = r.Origin.Key.Line
	}
	b.checkHeaders(code, r)
	b.checkETag(code, r, line)
	if len(r.Content) == 0 {
		b.checkLocation(code, r, nil, line)
		b.answer = b.empty(code)
		if b.query.Cmd == queries.Many {
			b.reportf(line, "response-shape", code, "give the response a body, or make the query :exec", "query %s returns rows, but the response has no body", b.query.Name)
		}
		return
	}
	media, ok := jsonMedia(r.Content)
	if !ok {
		b.reportf(line, "content-type", code, "offer application/json alone, or write the handler by hand", "a query answers with one JSON body")
		return
	}
	if b.query.Cmd == queries.Exec || b.query.Cmd == queries.ExecRows {
		b.reportf(line, "response-shape", code, "answer 204 without a body, or make the query :one with RETURNING", "query %s is %s and returns no rows, but the response has a body", b.query.Name, b.query.Cmd)
		return
	}
	target, ok := b.target(code, len(r.Headers) > 0)
	if !ok {
		b.reportf(line, "response-shape", code, "write the handler by hand", "the response has a form that a query cannot fill")
		return
	}
	b.checkLocation(code, r, target, line)
	b.fill(openapi.Flatten(media.Schema), target, line)
}

// success gives the only 2xx response.
func (b *binding) success() (string, *openapi3.Response) {
	var codes []string
	for code := range b.op.Op.Responses.Map() {
		if strings.HasPrefix(code, "2") {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	if len(codes) != 1 || strings.HasSuffix(codes[0], "XX") {
		b.reportf(b.op.Query.Line, "response-shape", "", "leave one 2xx response with a definite code, or write the handler by hand",
			"an operation bound to a query has exactly one successful response, with a definite code; this one has %s", cmp.Or(strings.Join(codes, ", "), "none"))
		return "", nil
	}
	return codes[0], b.op.Op.Responses.Value(codes[0]).Value
}

func (b *binding) empty(code string) string {
	return fmt.Sprintf("%s.%s%sResponse{}", b.g.api.Qualifier, b.name, code)
}

// target finds the Go type of the response's body, and writes the answer that
// wraps a value of it. A response with headers is a struct of body and headers.
func (b *binding) target(code string, headers bool) (ast.Expr, bool) {
	pkg, qual := b.g.apiPkg, b.g.api.Qualifier
	spec := b.responseType(code)
	if spec == nil {
		return nil, false
	}
	format := qual + "." + spec.Name.Name + "(%s)"
	if st, ok := spec.Type.(*ast.StructType); ok && len(st.Fields.List) == 1 && len(st.Fields.List[0].Names) == 0 {
		inner, ok := st.Fields.List[0].Type.(*ast.Ident)
		if !ok || pkg.Types[inner.Name] == nil {
			return nil, false
		}
		format = fmt.Sprintf("%s.%s{%s: %s.%s(%%s)}", qual, spec.Name.Name, inner.Name, qual, inner.Name)
		spec = pkg.Types[inner.Name]
	}
	if headers {
		b.answer = fmt.Sprintf(strings.Replace(format, "(%s)", "{%s}", 1), "Body: body")
		return b.bodyField(spec)
	}
	b.answer = fmt.Sprintf(format, "body")
	if under, ok := spec.Type.(*ast.Ident); ok {
		return under, true
	}
	return spec.Name, true
}

// responseType finds the type that oapi-codegen writes for a response.
func (b *binding) responseType(code string) *ast.TypeSpec {
	for _, fn := range b.g.apiPkg.Funcs {
		name := gosrc.ReceiverName(fn)
		if fn.Name.Name == "Visit"+b.name+"Response" && strings.HasPrefix(name, b.name+code) {
			return b.g.apiPkg.Types[name]
		}
	}
	return nil
}

// fill writes the expression of the body.
func (b *binding) fill(s *openapi.Schema, target ast.Expr, line int) {
	if b.query.Cmd == queries.One {
		b.result, _ = b.value(s, target, "", line)
		return
	}
	if elem, ok := b.listElem(target); ok && s.Type == "array" && s.Items != nil {
		b.noCursor(line)
		b.checkTotal(nil)
		b.list(s.Items, elem, "", line)
		return
	}
	items := s.Find("items")
	st, ok := b.g.apiPkg.StructOf(target)
	if !ok || items == nil || items.Schema.Type != "array" || items.Schema.Items == nil {
		b.reportf(line, "response-shape", "", "answer with an array, or an object with an array property items", "query %s is :many, but the response is neither an array nor an object with items", b.query.Name)
		return
	}
	b.envelope(s, b.g.apiPkg.Fields(st), b.g.apiPkg.Format(target, b.g.api.Qualifier))
}

func (b *binding) noCursor(line int) {
	if b.paged != nil {
		b.reportf(line, pagination, "next_cursor", "answer with an object of items and next_cursor", "the list has pages, but no place for the cursor of the next one")
	}
}

// envelope fills an object of items and next_cursor.
func (b *binding) envelope(s *openapi.Schema, fields []gosrc.Field, text string) {
	var parts []string
	for i := range s.Properties {
		p := &s.Properties[i]
		j := slices.IndexFunc(fields, func(f gosrc.Field) bool { return f.JSON == p.Name })
		switch {
		case p.Name == "items" && j >= 0:
			t := b.g.api.Resolve(fields[j].Type)
			list := t
			if t.Wrapper != convert.None {
				list = *t.Elem
			}
			elem, ok := b.listElem(list.Expr)
			if !ok {
				b.reportf(p.Line, "response-shape", "items", "write the handler by hand", "items has a form that a query cannot fill")
				continue
			}
			b.list(p.Schema.Items, elem, "items", p.Line)
			value := b.result
			if t.Wrapper != convert.None {
				value = t.Build + "(" + value + ", true)"
			}
			parts = append(parts, fields[j].Name+": "+value)
		case isCursor(p) && j >= 0:
			parts = append(parts, fields[j].Name+": "+b.cursorValue(p, b.g.api.Resolve(fields[j].Type)))
		case p.Name == totalProperty && j >= 0:
			parts = append(parts, fields[j].Name+": "+b.total(p, fields[j]))
		default:
			b.reportf(p.Line, "unknown-property", p.Name, "remove the property, or write the handler by hand", "query %s fills items, next_cursor and total alone", b.query.Name)
		}
	}
	if b.paged != nil && !slices.ContainsFunc(s.Properties, func(p openapi.Property) bool { return isCursor(&p) }) {
		b.noCursor(s.Line)
	}
	b.checkTotal(s.Properties)
	b.result = text + "{" + strings.Join(parts, ", ") + "}"
}

// cursorValue writes the next page's cursor.
func (b *binding) cursorValue(p *openapi.Property, t convert.Type) string {
	if b.paged == nil {
		b.reportf(p.Line, pagination, p.Name, "write `LIMIT sqlc.arg('page_limit')` and compare with sqlc.narg('after_<column>') in the query, or remove the property",
			"query %s takes no page_limit, so there is no next page (%s:%d)", b.query.Name, b.query.File, b.query.Line)
		return ""
	}
	text := convert.StringType
	from := convert.Type{Text: "*string", Wrapper: convert.Pointer, Elem: &text, Open: "rest.OpenPointer[string]"}
	fn, ok := convert.Chain(convert.Text, from, t)
	if !ok || p.Schema.Type != typeString || (p.Required && !p.Schema.Nullable) {
		b.reportf(p.Line, pagination, p.Name, "write `type: string, nullable: true`", "the last page has no next cursor")
		return ""
	}
	if fn == "" {
		return "next"
	}
	return fmt.Sprintf("rest.Take(&out, %q, %s, next)", p.Name, fn)
}

// listElem follows names to a slice and gives its element.
func (b *binding) listElem(e ast.Expr) (ast.Expr, bool) {
	for range 10 {
		switch t := e.(type) {
		case *ast.ArrayType:
			return t.Elt, t.Len == nil
		case *ast.Ident:
			spec := b.g.apiPkg.Types[t.Name]
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

// list writes the conversion of all rows.
func (b *binding) list(s *openapi.Schema, elem ast.Expr, place string, line int) {
	if b.paged != nil {
		b.nextPage(b.rowText())
	}
	_, fn := b.value(s, elem, place, line)
	b.result = fmt.Sprintf("rest.Rows(&out, rows, %s)", fn)
}

func (b *binding) rowText() string {
	text := b.scope.pkg.Go.Format(b.query.Row, b.scope.facade)
	if b.query.RowPointer {
		return "*" + text
	}
	return text
}

// value converts one row: the expression over row, and the function that does it.
func (b *binding) value(s *openapi.Schema, target ast.Expr, place string, line int) (expr, fn string) {
	t := b.g.api.Resolve(target)
	columns := b.query.Columns
	if len(columns) == 1 && !b.query.RowStruct {
		if _, isObject := b.g.apiPkg.StructOf(target); !isObject || !hasProperty(s, columns[0].Name) {
			return b.single(s, t, place, line)
		}
	}
	name := b.mapper(object{schema: s, target: t, columns: columns, row: b.rowText(), isStruct: b.query.RowStruct, place: place, line: line})
	return name + "(&out, row)", name
}

func hasProperty(s *openapi.Schema, column string) bool {
	return slices.ContainsFunc(s.Properties, func(p openapi.Property) bool { return sameName(p.Name, column) })
}

// single converts a row of one column that is the whole value.
func (b *binding) single(s *openapi.Schema, t convert.Type, place string, line int) (expr, fn string) {
	v := b.query.Columns[0]
	chain, ok := b.column(v, s, t, !s.Nullable, place, line)
	if !ok {
		return "", ""
	}
	if chain == "" {
		chain = "rest.Same[" + t.Text + "]"
	}
	return fmt.Sprintf("rest.Take(&out, %q, %s, row)", v.Name, chain),
		fmt.Sprintf("func(f *rest.Fields, row %s) %s { return rest.Take(f, %q, %s, row) }", b.rowText(), t.Text, v.Name, chain)
}
