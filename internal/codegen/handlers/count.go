package handlers

import (
	"fmt"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/convert"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
)

const (
	countRule     = "count" // the rule of its findings
	totalProperty = "total"
	preferHeader  = "header.Prefer"
)

// counting is the total that a client may ask for with Prefer: count=exact.
type counting struct {
	prefer *input
	// call is the expression that runs the count query.
	call string
}

// findCount binds the count query that x-query names.
func (b *binding) findCount() {
	name, line := b.op.Query.Count, b.op.Query.CountLine
	if name == "" {
		return
	}
	query := b.scope.pkg.Find(name)
	if query == nil {
		b.reportf(line, "unknown-query", name, suggestion(name, b.scope.pkg.Names(), b.scope.pkg.Scope.Queries), "there is no query %s in scope %s", name, b.op.Scope)
		return
	}
	count := &counting{}
	for _, in := range b.inputs {
		if strings.EqualFold(in.place, preferHeader) {
			count.prefer, in.used = in, true
		}
	}
	switch in := count.prefer; {
	case in == nil:
		b.reportf(line, countRule, name, "add the parameter `{name: Prefer, in: header, schema: {type: string}}`", "no client can ask for the total: the operation has no header parameter Prefer")
		return
	case in.typ.Wrapper != convert.Pointer || in.schema.Type != "string" || in.schema.Format != "" || in.schema.Enum != nil:
		b.reportf(in.line, countRule, in.place, "write `{name: Prefer, in: header, schema: {type: string}}`", "Prefer is an optional list of preferences, of which those that nobody knows are ignored")
		return
	}
	if b.query.Cmd != queries.Many {
		b.reportf(line, countRule, name, "remove count", "query %s is %s, which has no total", b.query.Name, b.query.Cmd)
		return
	}
	if !isCount(query) {
		b.reportf(line, countRule, name, "write it as `-- name: "+name+" :one` and `SELECT count(*) FROM ...`",
			"query %s is not a :one of a single bigint that is not null (%s:%d)", name, query.File, query.Line)
		return
	}
	count.call = b.countCall(query)
	b.count = count
}

func isCount(q *queries.Query) bool {
	return q.Cmd == queries.One && len(q.Columns) == 1 && !q.RowStruct && q.Columns[0].SQL == "bigint" && q.Columns[0].NotNull && q.Columns[0].Dims == 0
}

// countCall writes the call of the count query, whose parameters are among
// those of the list and take their values from the same sources.
func (b *binding) countCall(query *queries.Query) string {
	own := *b
	own.query, own.lines, own.args, own.positional = query, nil, "", 0
	values := make([]string, 0, len(query.Params))
	for _, v := range query.Params {
		paging := v.Name == pageLimit || (b.paged != nil && strings.HasPrefix(v.Name, "after_") && len(b.named(v.Name)) == 0)
		if !b.hasParam(v.Name) || paging {
			b.reportf(b.op.Query.CountLine, countRule, query.Name+" "+v.Name, "count with the parameters of the list alone, those of paging left out",
				"it is no parameter by which query %s filters (%s:%d)", b.query.Name, query.File, query.Line)
			return ""
		}
		values = append(values, own.argument(v))
	}
	own.join(values)
	args := own.args
	if strings.Contains(args, "&in,") {
		names := "count"
		if own.positional > 0 {
			names = strings.ReplaceAll(own.argNames(), "arg", "count")
		}
		b.lines = append(b.lines, fmt.Sprintf("\t%s := %s", names, args))
		args = names
	}
	if args != "" {
		args = ", " + args
	}
	return fmt.Sprintf("func() (int64, error) { return q.%s(ctx%s) }", query.Name, args)
}

// total fills the property of the envelope.
func (b *binding) total(p *openapi.Property, field gosrc.Field) string {
	t := b.g.api.Resolve(field.Type)
	text := convert.Int64Type
	from := convert.Type{Text: "*int64", Wrapper: convert.Pointer, Elem: &text, Open: "rest.OpenPointer[int64]"}
	fn, ok := convert.Chain(convert.Int64, from, t)
	switch {
	case b.count == nil && b.op.Query.Count != "":
		return "" // what is wrong with it has been reported
	case b.count == nil:
		b.reportf(p.Line, countRule, p.Name, "write `x-query: {name: "+b.query.Name+", count: CountQuery}`, or remove the property", "no query counts the rows")
		return ""
	case !ok || p.Schema.Type != typeInteger || p.Schema.Format != "int64" || (p.Required && !p.Schema.Nullable):
		b.reportf(p.Line, countRule, p.Name, "write `type: integer, format: int64, nullable: true`", "the total is a bigint, and null unless it is asked for")
		return ""
	}
	b.after = append(b.after, fmt.Sprintf("\ttotal, err := rest.Total(ctx, %s, %s)\n\tif err != nil {\n\t\treturn nil, err\n\t}", b.count.prefer.expr, b.count.call))
	if fn == "" {
		return totalProperty
	}
	return fmt.Sprintf("rest.Take(&out, %q, %s, total)", p.Name, fn)
}

// checkTotal insists on a place for the total.
func (b *binding) checkTotal(properties []openapi.Property) {
	if b.count == nil {
		return
	}
	for i := range properties {
		if properties[i].Name == totalProperty {
			return
		}
	}
	b.reportf(b.op.Query.CountLine, countRule, b.op.Query.Count, "add the property `total: {type: integer, format: int64, nullable: true}`", "the response has no place for the total")
}
