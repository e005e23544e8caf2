package handlers

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/convert"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
)

// mappers are the functions that turn rows into objects of the API. Operations
// with the same row and the same object share one. They are exported, for what
// is written by hand: so their names follow from the two types alone, and not
// from what else is generated.
type mappers struct {
	names map[string]string // row and object -> function
	taken map[string]bool
	texts []string
}

func newMappers() mappers {
	return mappers{names: map[string]string{}, taken: map[string]bool{}}
}

func (m *mappers) clone() mappers {
	return mappers{names: maps.Clone(m.names), taken: maps.Clone(m.taken), texts: slices.Clone(m.texts)}
}

func (m *mappers) write(f *gosrc.File) {
	for _, text := range m.texts {
		f.Printf("%s", text)
	}
}

// object is a mapper to be written.
type object struct {
	schema   *openapi.Schema
	target   convert.Type
	columns  []queries.Value
	row      string // the row's Go type
	isStruct bool   // else the row is the only column's value
	place    string
	line     int
}

// mapper gives the name of the function that turns a row into an object.
func (b *binding) mapper(o object) string {
	m := &b.g.mappers
	columns := make([]string, len(o.columns))
	for i, c := range o.columns {
		columns[i] = fmt.Sprint(c.Name, c.NotNull)
	}
	key := strings.Join(append([]string{o.row, o.target.Text}, columns...), "\x00")
	if name, ok := m.names[key]; ok {
		return name
	}
	name := unique(m.taken, "To"+lastName(o.target.Text, b.name)+"From"+b.rowPart(o))
	m.names[key] = name
	st, ok := b.g.apiPkg.StructOf(o.target.Expr)
	if !ok || o.schema == nil || o.schema.Union || o.schema.Type != "object" {
		b.reportf(o.line, "response-shape", o.place, "describe an object with properties, or write the handler by hand", "query %s returns rows of %d columns, which this schema cannot hold", b.query.Name, len(o.columns))
		return name
	}
	var t strings.Builder
	fields := b.g.apiPkg.Fields(st)
	for i := range o.schema.Properties {
		p := &o.schema.Properties[i]
		j := slices.IndexFunc(fields, func(f gosrc.Field) bool { return f.JSON == p.Name })
		if p.WriteOnly {
			continue
		}
		if j < 0 || p.Schema == nil {
			b.reportf(p.Line, "unsupported-property", o.path(p), "write the handler by hand", "the property has no form that a query can fill")
			continue
		}
		if value := b.property(o, p, b.g.api.Resolve(fields[j].Type)); value != "" {
			fmt.Fprintf(&t, "\t\t%s: %s,\n", fields[j].Name, value)
		}
	}
	f := "f"
	if !strings.Contains(t.String(), "(f,") {
		f = "_"
	}
	row := rowName
	if !strings.Contains(t.String(), rowName) {
		row = "_"
	}
	m.texts = append(m.texts, fmt.Sprintf("\n%sfunc %s(%s *rest.Fields, %s %s) %s {\n\treturn %s{\n%s\t}\n}\n",
		gosrc.Comment(fmt.Sprintf("%s makes an object of the API of a %s.", name, o.row)), name, f, row, o.row, o.target.Text, o.target.Text, t.String()))
	return name
}

// rowPart is the row's part of a mapper's name. Rows of the shared schema are
// called so where the tenant's have the same name.
func (b *binding) rowPart(o object) string {
	name := b.query.Name + "Row"
	if o.isStruct {
		name = lastName(o.row, name)
	}
	if b.scope.name == scopePublic && b.g.in.Tenant.Go.Types[name] != nil {
		name = "Public" + name
	}
	if o.isStruct && strings.HasPrefix(o.row, "*") {
		name += "Pointer"
	}
	return name
}

func (o object) path(p *openapi.Property) string {
	if o.place == "" {
		return p.Name
	}
	return o.place + "." + p.Name
}

// lastName makes a part of a function's name from a type's text.
func lastName(text, fallback string) string {
	text = strings.TrimPrefix(text, "*")
	text = text[strings.LastIndex(text, ".")+1:]
	if text == "" || !ast.IsExported(text) || strings.ContainsAny(text, " {[") {
		return fallback
	}
	return text
}

// property gives the expression of one property.
func (b *binding) property(o object, p *openapi.Property, t convert.Type) string {
	found := matching(o.columns, p)
	switch {
	case len(found) == 0:
		b.reportf(p.Line, "unknown-property", o.path(p), "add the column to the query, or remove the property", "query %s has no column for it (%s:%d); there is %s",
			b.query.Name, b.query.File, b.query.Line, columnNames(o.columns))
		return ""
	case len(found) > 1:
		b.reportf(p.Line, "ambiguous-column", o.path(p), "give one of the columns another name with AS", "query %s has several columns of this name (%s:%d)", b.query.Name, b.query.File, b.query.Line)
		return ""
	}
	v := found[0]
	expr := rowName
	if o.isStruct {
		expr = "row." + v.GoName
	}
	if v.Embedded != nil {
		return b.embedded(o, p, v, t, expr)
	}
	chain, ok := b.column(v, p.Schema, anyValue(t, p), p.Required && !p.Schema.Nullable, o.path(p), p.Line)
	if !ok {
		return ""
	}
	if chain == "" {
		return expr
	}
	return fmt.Sprintf("rest.Take(f, %q, %s, %s)", o.path(p), chain, expr)
}

// anyValue lets a property of any value, which is never a pointer, be absent.
func anyValue(t convert.Type, p *openapi.Property) convert.Type {
	if t.Text != convert.Any || (p.Required && !p.Schema.Nullable) {
		return t
	}
	elem := t
	t.Wrapper, t.Elem, t.Build = convert.Nil, &elem, "rest.BuildAny"
	return t
}

// embedded gives the expression of a table that sqlc.embed put into the row.
func (b *binding) embedded(o object, p *openapi.Property, v queries.Value, t convert.Type, expr string) string {
	target := t
	if t.Wrapper != convert.None {
		target = *t.Elem
	}
	if p.Schema.Type != "object" {
		b.reportf(p.Line, "type-mismatch", o.path(p), "describe the object", "it is the embedded table %s, but the schema says %s", v.Table, p.Schema.Type)
		return ""
	}
	name := b.mapper(object{
		schema: p.Schema, target: target, columns: v.Embedded, isStruct: true,
		row: b.scope.pkg.Go.Format(v.Go, b.scope.facade), place: o.path(p), line: p.Line,
	})
	value := name + "(f, " + expr + ")"
	if t.Wrapper != convert.None {
		return t.Build + "(" + value + ", true)"
	}
	return value
}

// column checks that a column suits a schema, and gives the conversion.
func (b *binding) column(v queries.Value, s *openapi.Schema, t convert.Type, mustBe bool, place string, line int) (string, bool) {
	at := fmt.Sprintf("query %s, %s:%d", b.query.Name, b.query.File, b.query.Line)
	if m := convert.Match(b.scope.pkg, v, b.goType(v), s, false); m != nil {
		b.reportf(line, m.Rule, place, m.Mend, "%s (%s)", m.Message, at)
		return "", false
	}
	if !v.NotNull && !mustBe && t.Wrapper == convert.None {
		b.reportf(line, "go-type", place, "remove x-go-type and x-go-type-skip-optional-pointer, or coalesce the column in SQL", "column %s can be NULL, which its Go type %s cannot hold (%s)", v.Name, t.Text, at)
		return "", false
	}
	if !v.NotNull && mustBe {
		b.reportf(line, "nullable-column", place, "write `nullable: true`, or coalesce the column in SQL", "it is required, but column %s can be NULL (%s)", v.Name, at)
		return "", false
	}
	if convert.LosesNull(s, t, b.goType(v)) {
		b.nullItems(line, place)
		return "", false
	}
	kind, _ := convert.KindOf(b.scope.pkg, v, b.goType(v))
	chain, ok := convert.Chain(kind, b.goType(v), t)
	if !ok {
		b.unconvertible(line, place, v, t)
	}
	return chain, ok
}

// matching finds the columns that a property's name means: those of exactly
// this name or, without one, those that spell it in another style. An embedded
// table goes by its own name and by that of its struct.
func matching(columns []queries.Value, p *openapi.Property) []queries.Value {
	var exact, found []queries.Value
	for _, c := range columns {
		if c.Name == p.Name && c.Embedded == nil {
			exact = append(exact, c)
		}
		if sameName(p.Name, c.Name) || (c.Embedded != nil && (sameName(p.Name, c.Table) || sameName(p.Name, c.GoName))) {
			found = append(found, c)
		}
	}
	if exact != nil {
		return exact
	}
	return found
}

func sameName(a, b string) bool { return queries.Normalize(a) == queries.Normalize(b) }

func columnNames(columns []queries.Value) string {
	if len(columns) == 0 {
		return "no column"
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}
