package handlers

import (
	"go/ast"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/convert"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
)

// body lists the properties of the JSON body.
func (b *binding) body(object *ast.StructType) {
	ref := b.op.Op.RequestBody
	if ref == nil || ref.Value == nil {
		return
	}
	line := b.op.Line
	if ref.Value.Origin != nil && ref.Value.Origin.Key != nil {
		line = ref.Value.Origin.Key.Line
	}
	media, ok := jsonMedia(ref.Value.Content)
	if !ok {
		b.reportf(line, "content-type", bodyName, "offer application/json alone, or write the handler by hand", "a query takes its values from one JSON body")
		return
	}
	if !ref.Value.Required {
		b.reportf(line, "optional-body", bodyName, "write `required: true` under requestBody", "the body may be absent")
		return
	}
	fields := b.g.apiPkg.Fields(object)
	i := slices.IndexFunc(fields, func(f gosrc.Field) bool { return f.Name == "Body" })
	star, ok := ast.Expr(nil), false
	if i >= 0 {
		var pointer *ast.StarExpr
		if pointer, ok = fields[i].Type.(*ast.StarExpr); ok {
			star = pointer.X
		}
	}
	schema := openapi.Flatten(media.Schema)
	if !ok || schema == nil {
		b.reportf(line, "content-type", bodyName, "give the body a schema", "the body has no form that a query can take")
		return
	}
	whole := &input{place: bodyName, line: line, required: true, schema: schema, expr: "*req.Body", typ: b.g.api.Resolve(star)}
	st, isStruct := b.g.apiPkg.StructOf(star)
	b.inputs = append(b.inputs, whole)
	if isStruct && !schema.Union {
		b.properties(schema, b.g.apiPkg.Fields(st))
	}
}

func (b *binding) properties(schema *openapi.Schema, fields []gosrc.Field) {
	for i := range schema.Properties {
		p := &schema.Properties[i]
		if p.ReadOnly || p.Schema == nil {
			continue
		}
		j := slices.IndexFunc(fields, func(f gosrc.Field) bool { return f.JSON == p.Name })
		if j < 0 {
			b.reportf(p.Line, "unsupported-property", "body."+p.Name, "write the handler by hand", "the property has no form that a query can take")
			continue
		}
		in := &input{
			place: "body." + p.Name, name: p.Name, line: p.Line, required: p.Required,
			schema: p.Schema, expr: "req.Body." + fields[j].Name, typ: b.g.api.Resolve(fields[j].Type),
		}
		if in.typ.Text == convert.Any && (!in.required || in.schema.Nullable) {
			elem := in.typ
			in.typ.Wrapper, in.typ.Elem, in.typ.Open = convert.Nil, &elem, "rest.OpenAny"
		}
		b.inputs = append(b.inputs, in)
	}
}

// jsonMedia gives the only media type when that is JSON.
func jsonMedia(content openapi3.Content) (*openapi3.MediaType, bool) {
	if len(content) != 1 {
		return nil, false
	}
	for name, media := range content {
		if openapi.IsJSON(name) && media.Schema != nil {
			return media, true
		}
	}
	return nil, false
}
