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
		v, why := b.expr(target.GetVal())
		outputs = append(outputs, output{name: targetName(target), null: v, why: why, at: int(target.GetLocation())})
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
			v, why := b.column(s, &o)
			list = append(list, output{name: o.name, null: v, why: why})
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

func (b *block) column(s *source, o *output) (verdict, string) {
	if b.notNull[s.alias+"."+o.name] {
		return no, ""
	}
	if s.outer {
		return yes, "an outer join may have no row of " + s.alias
	}
	return o.null, o.why
}
