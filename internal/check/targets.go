package check

import (
	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// targets evaluates a target list; nil when a star cannot be expanded.
func (b *block) targets(list []*pgquery.Node) []output {
	outputs := []output{}
	for _, n := range list {
		target := n.GetResTarget()
		if fields := target.GetVal().GetColumnRef().GetFields(); len(fields) > 0 && fields[len(fields)-1].GetAStar() != nil {
			expanded, ok := b.star(fields)
			if !ok {
				return nil
			}
			outputs = append(outputs, expanded...)
			continue
		}
		o := b.output(target.GetVal())
		o.name, o.at = targetName(target), int(target.GetLocation())
		outputs = append(outputs, o)
	}
	return outputs
}

func (b *block) star(fields []*pgquery.Node) ([]output, bool) {
	table := ""
	if len(fields) > 1 {
		table = fields[len(fields)-2].GetString_().GetSval()
	}
	var list []output
	for _, s := range b.sources {
		if table != "" && s.alias != table {
			continue
		}
		if !s.complete {
			return nil, false
		}
		for _, o := range s.columns {
			o.null, o.why = b.column(s, &o, b)
			o.at = 0
			list = append(list, o)
		}
	}
	return list, len(list) > 0
}

func targetName(t *pgquery.ResTarget) string {
	if t.GetName() != "" {
		return t.GetName()
	}
	n := t.GetVal()
	for n.GetTypeCast() != nil {
		n = n.GetTypeCast().GetArg()
	}
	if _, column, ok := reference(n.GetColumnRef()); ok {
		return column
	}
	if f := n.GetFuncCall().GetFuncname(); len(f) > 0 {
		return f[len(f)-1].GetString_().GetSval()
	}
	if n.GetCoalesceExpr() != nil {
		return "coalesce"
	}
	return "?column?"
}

// output is what is known of an expression's value.
func (b *block) output(n *pgquery.Node) output {
	o := output{element: b.element(n)}
	o.null, o.why = b.expr(n)
	if t := b.typeOf(n); t != nil {
		o.oid = t.OID
	}
	return o
}

// column is a column of a source of up, as seen from b.
func (b *block) column(s *source, o *output, up *block) (verdict, string) {
	if b.shown(up, s.alias+"."+o.name) {
		return no, ""
	}
	if up.keys[s.alias+"."+o.name] {
		return yes, groupKey
	}
	if s.outer && !b.shown(up, s.alias+".") {
		return yes, "an outer join may have no row of " + s.alias
	}
	return o.null, o.why
}

// element says why an element of an array can be null; empty without evidence.
func (b *block) element(n *pgquery.Node) string {
	switch {
	case n.GetTypeCast() != nil:
		return b.element(n.GetTypeCast().GetArg())
	case n.GetCoalesceExpr() != nil:
		return b.elementOf(n.GetCoalesceExpr().GetArgs(), b.element)
	case n.GetAArrayExpr() != nil:
		return b.elementOf(n.GetAArrayExpr().GetElements(), b.reason)
	case n.GetSubLink().GetSubLinkType() == pgquery.SubLinkType_ARRAY_SUBLINK:
		if columns := b.statement(n.GetSubLink().GetSubselect()); len(columns) == 1 && columns[0].null == yes {
			return columns[0].why
		}
	case lastOf(n.GetFuncCall().GetFuncname()) == "array_agg":
		var why string
		b.ofRows(n.GetFuncCall(), func() { why = b.elementOf(n.GetFuncCall().GetArgs(), b.reason) })
		return why
	case n.GetColumnRef() != nil:
		table, column, ok := reference(n.GetColumnRef())
		for up := b; ok && up != nil; up = up.parent {
			if _, o := up.lookup(table, column); o != nil {
				return o.element
			}
		}
	}
	return ""
}

func (b *block) elementOf(list []*pgquery.Node, judge func(*pgquery.Node) string) string {
	for _, n := range list {
		if why := judge(n); why != "" {
			return why
		}
	}
	return ""
}

// reason says why an expression can be null; empty without evidence.
func (b *block) reason(n *pgquery.Node) string {
	if v, why := b.expr(n); v == yes {
		return why
	}
	return ""
}

// typeOf is the type of an expression, where it is plain to see.
func (b *block) typeOf(n *pgquery.Node) *pgType {
	switch {
	case n.GetTypeCast() != nil:
		_, name := typeName(n.GetTypeCast().GetTypeName())
		return b.c.types.find(name, len(n.GetTypeCast().GetTypeName().GetArrayBounds()) > 0)
	case n.GetColumnRef() != nil:
		table, column, ok := reference(n.GetColumnRef())
		for up := b; ok && up != nil; up = up.parent {
			if _, o := up.lookup(table, column); o != nil {
				return b.c.types.byOID[o.oid]
			}
		}
	}
	return nil
}

func typeName(t *pgquery.TypeName) (schema, name string) {
	names := t.GetNames()
	if len(names) > 1 {
		schema = names[len(names)-2].GetString_().GetSval()
	}
	return schema, lastOf(names)
}
