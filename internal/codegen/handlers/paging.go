package handlers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/convert"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
)

const (
	pagination = "pagination" // the rule of its findings
	pageLimit  = "page_limit"
)

// paging is the keyset pagination of one operation.
type paging struct {
	limit, cursor *input
	keys          []key
}

// key is one column of the sort key, and the parameter that compares with it.
type key struct {
	param  string
	column queries.Value
	// expr reaches the column from a row.
	expr string
}

// findPaging recognises keyset pagination by page_limit, and checks its parts.
func (b *binding) findPaging() {
	cursor := b.named("cursor")
	hasLimit := false
	for _, v := range b.query.Params {
		hasLimit = hasLimit || v.Name == pageLimit
	}
	if _, explicit := b.op.Query.Args[pageLimit]; explicit {
		return
	}
	if !hasLimit {
		if len(cursor) == 1 && cursor[0].place == "query.cursor" && !b.hasParam("cursor") {
			cursor[0].used = true
			b.reportf(cursor[0].line, pagination, "query.cursor", "write `LIMIT sqlc.arg('page_limit')` and compare with sqlc.narg('after_<column>') in the query, or remove the parameter",
				"query %s takes no page_limit, so there is no next page (%s:%d)", b.query.Name, b.query.File, b.query.Line)
		}
		return
	}
	p := &paging{limit: b.queryInput("limit"), cursor: b.queryInput("cursor")}
	b.checkPageParameters(p)
	b.findKeys(p)
	b.paged = p
	if p.limit != nil && p.cursor != nil {
		b.pageLines(p)
	}
}

// checkPageParameters insists on a bounded limit and an opaque cursor.
func (b *binding) checkPageParameters(p *paging) {
	line := b.op.Query.Line
	if p.limit == nil {
		b.reportf(line, pagination, "limit", "add the query parameter limit: an integer with default and maximum", "query %s takes page_limit, but the operation has no parameter limit", b.query.Name)
	} else if !bounded(p.limit) {
		b.reportf(p.limit.line, pagination, p.limit.place, "write `type: integer, minimum: 1, maximum: 100, default: 20`", "the limit of a page needs type integer, a default and a maximum")
	}
	if p.cursor == nil {
		b.reportf(line, pagination, "cursor", "add the query parameter cursor: a string", "query %s takes page_limit, but the operation has no parameter cursor", b.query.Name)
	} else if p.cursor.schema.Type != typeString || p.cursor.schema.Format != "" {
		b.reportf(p.cursor.line, pagination, p.cursor.place, "write `type: string`", "the cursor is an opaque text")
	}
	if b.query.Cmd != queries.Many {
		b.reportf(line, pagination, pageLimit, "write :many", "query %s is %s, which has no pages", b.query.Name, b.query.Cmd)
	}
}

// findKeys finds the columns of the sort key.
func (b *binding) findKeys(p *paging) {
	after := false
	for _, v := range b.query.Params {
		if name, ok := strings.CutPrefix(v.Name, "after_"); ok && len(b.named(v.Name)) == 0 {
			after = true
			b.addKey(p, v, name)
		}
	}
	if !after {
		b.reportf(b.op.Query.Line, pagination, pageLimit, "compare with sqlc.narg('after_<column>') in the query", "query %s takes page_limit, but no after_<column>, so every page would be the first", b.query.Name)
	}
}

// pageLines writes the statements that read limit and cursor.
func (b *binding) pageLines(p *paging) {
	p.limit.used, p.cursor.used = true, true
	cursor := p.cursor.expr
	if p.cursor.typ.Wrapper == convert.None {
		cursor = "&" + cursor
	}
	limit := p.limit.expr
	if fn, ok := convert.Chain(convert.Int64, p.limit.typ, convert.Int64Type); ok && fn != "" {
		limit = fmt.Sprintf("rest.Take(&in, %q, %s, %s)", p.limit.place, fn, p.limit.expr)
	}
	b.lines = append(b.lines,
		fmt.Sprintf("\tlimit := rest.PageSize(&in, %q, %s)", p.limit.place, limit),
		fmt.Sprintf("\tcursor := rest.ParseCursor(ctx, &in, %q, %d, %s)", b.op.ID, len(p.keys), cursor))
}

func (b *binding) hasParam(name string) bool {
	for _, v := range b.query.Params {
		if v.Name == name {
			return true
		}
	}
	return false
}

func (b *binding) queryInput(name string) *input {
	for _, in := range b.inputs {
		if in.place == "query."+name {
			return in
		}
	}
	return nil
}

func bounded(in *input) bool {
	s := in.schema
	return s.Type == typeInteger && s.Max != nil && *s.Max < 1<<31-1 && (in.required || s.Default != nil)
}

// addKey finds the column that an after_ parameter compares with.
func (b *binding) addKey(p *paging, v queries.Value, name string) {
	var found []key
	same := sameName
	if slices.ContainsFunc(b.query.Columns, func(c queries.Value) bool { return c.Name == name && c.Embedded == nil }) {
		same = func(column, name string) bool { return column == name }
	}
	for _, c := range b.query.Columns {
		if same(c.Name, name) && c.Embedded == nil {
			expr := rowName
			if b.query.RowStruct {
				expr = "row." + c.GoName
			}
			found = append(found, key{v.Name, c, expr})
		}
		for _, e := range c.Embedded {
			if same(e.Name, name) {
				found = append(found, key{v.Name, e, "row." + c.GoName + "." + e.GoName})
			}
		}
	}
	at := fmt.Sprintf("query %s, %s:%d", b.query.Name, b.query.File, b.query.Line)
	line := b.op.Query.Line
	switch {
	case len(found) == 0:
		b.reportf(line, pagination, v.Name, "select the column, or rename the parameter", "there is no column %s to continue after (%s)", name, at)
	case len(found) > 1:
		b.reportf(line, pagination, v.Name, "give one of them another name with AS", "several columns are called %s (%s)", name, at)
	case v.NotNull:
		b.reportf(line, pagination, v.Name, "write sqlc.narg('"+v.Name+"')", "it is NOT NULL, but the first page has no value for it (%s)", at)
	case !found[0].column.NotNull:
		b.reportf(line, pagination, v.Name, "sort by columns that are NOT NULL, or use coalesce", "column %s can be NULL, after which nothing comes (%s)", name, at)
	default:
		p.keys = append(p.keys, found[0])
	}
}

// pagingArgument gives the expression of page_limit and the after_ parameters.
func (b *binding) pagingArgument(v queries.Value) (string, bool) {
	if v.Name == pageLimit {
		fn, ok := convert.Chain(convert.Int64, convert.Int64Type, b.goType(v))
		switch {
		case !ok:
			b.unconvertible(b.op.Query.Line, v.Name, v, convert.Int64Type)
			return "", true
		case fn == "":
			return "limit + 1", true
		}
		return fmt.Sprintf("rest.Take(&in, \"query.limit\", %s, limit+1)", fn), true
	}
	if !strings.HasPrefix(v.Name, "after_") || len(b.named(v.Name)) > 0 {
		return "", false
	}
	for i, k := range b.paged.keys {
		if k.param != v.Name {
			continue
		}
		kind, _ := convert.KindOf(b.scope.pkg, v, b.goType(v))
		elem := unwrapped(b.goType(k.column))
		from := convert.Type{Text: "*" + elem.Text, Wrapper: convert.Pointer, Elem: &elem, Open: "rest.OpenPointer[" + elem.Text + "]"}
		fn, ok := convert.Chain(kind, from, b.goType(v))
		if !ok {
			b.unconvertible(b.op.Query.Line, v.Name, v, elem)
			return "", true
		}
		if fn == "" {
			fn = "rest.Same[" + from.Text + "]"
		}
		return fmt.Sprintf("rest.CursorValue(&in, cursor, %d, %s)", i, fn), true
	}
	return "", true // addKey has reported it
}

func unwrapped(t convert.Type) convert.Type {
	if t.Wrapper != convert.None {
		return *t.Elem
	}
	return t
}

// nextPage writes the statement that cuts the rows to the page.
func (b *binding) nextPage(rowText string) {
	values := make([]string, len(b.paged.keys))
	for i, k := range b.paged.keys {
		t := b.goType(k.column)
		values[i] = k.expr
		if t.Wrapper != convert.None {
			values[i] = fmt.Sprintf("rest.Take(f, %q, rest.Must(%s, rest.Same[%s]), %s)", k.column.Name, t.Open, t.Elem.Text, k.expr)
		}
	}
	fields := "_"
	if strings.Contains(strings.Join(values, ""), "(f,") {
		fields = "f"
	}
	b.after = append(b.after, fmt.Sprintf("\trows, next := rest.NextPage(ctx, &out, %q, rows, limit, func(%s *rest.Fields, row %s) []any {\n\t\treturn []any{%s}\n\t})",
		b.op.ID, fields, rowText, strings.Join(values, ", ")))
}

// isCursor is true for the property that holds the next page's cursor.
func isCursor(p *openapi.Property) bool { return queries.Normalize(p.Name) == "nextcursor" }
