package check

import (
	pgquery "github.com/pganalyze/pg_query_go/v6"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

func (b *block) add(s *source) { b.sources = append(b.sources, s) }

// from fills the sources and what the conditions prove not null.
func (b *block) from(items []*pgquery.Node, where *pgquery.Node) {
	for _, item := range items {
		b.item(item, false)
	}
	b.prove(where)
}

func (b *block) item(n *pgquery.Node, outer bool) {
	switch {
	case n.GetRangeVar() != nil:
		s := b.table(n.GetRangeVar())
		s.outer = outer
		b.add(s)
	case n.GetRangeSubselect() != nil:
		r := n.GetRangeSubselect()
		columns := b.statement(r.GetSubquery())
		b.add(&source{
			alias: r.GetAlias().GetAliasname(), columns: renamed(columns, r.GetAlias().GetColnames()),
			complete: columns != nil, outer: outer,
		})
	case n.GetJoinExpr() != nil:
		b.join(n.GetJoinExpr(), outer)
	case n.GetRangeFunction() != nil:
		b.add(b.rangeFunction(n.GetRangeFunction(), outer))
	default:
		b.add(&source{outer: outer})
	}
}

func (b *block) join(j *pgquery.JoinExpr, outer bool) {
	left, right := outer, outer
	switch j.GetJointype() {
	case pgquery.JoinType_JOIN_LEFT:
		right = true
	case pgquery.JoinType_JOIN_RIGHT:
		left = true
	case pgquery.JoinType_JOIN_FULL:
		left, right = true, true
	default: // an inner join keeps both sides
	}
	for _, n := range j.GetUsingClause() {
		b.merged[n.GetString_().GetSval()] = true
	}
	b.item(j.GetLarg(), left)
	b.item(j.GetRarg(), right)
	if j.GetJointype() == pgquery.JoinType_JOIN_INNER && !outer {
		b.prove(j.GetQuals())
	}
}

// table is a CTE or a table of the database.
func (b *block) table(v *pgquery.RangeVar) *source {
	s := &source{alias: v.GetRelname()}
	if a := v.GetAlias(); a != nil {
		s.alias = a.GetAliasname()
	}
	if v.GetSchemaname() == "" {
		for up := b; up != nil; up = up.parent {
			if columns, ok := up.ctes[v.GetRelname()]; ok {
				s.columns, s.complete = renamed(columns, v.GetAlias().GetColnames()), columns != nil
				return s
			}
		}
	}
	schema := v.GetSchemaname()
	if schema == "" {
		schema = b.schema
	}
	r := b.c.tables.byName[schema+"."+v.GetRelname()]
	if r == nil {
		return s
	}
	s.complete = true
	s.columns = renamed(b.c.columns(r), v.GetAlias().GetColnames())
	return s
}

// columns says which columns of a relation can be null; a view's are those of
// its query.
func (c *checker) columns(r *relation) []output {
	var inner []output
	if r.view {
		inner = (&block{c: c, schema: c.schema, ctes: map[string][]output{}}).text(r.query)
	}
	list := make([]output, 0, len(r.columns))
	for i, col := range r.columns {
		o := output{name: col.Name, oid: col.Type}
		switch {
		case col.NotNull:
			o.null = no
		case !r.view:
			o.null, o.why = yes, "the column of the table is nullable"
		case len(inner) == len(r.columns):
			o.null, o.why, o.element = inner[i].null, inner[i].why, inner[i].element
		}
		list = append(list, o)
	}
	return list
}

// text analyses a statement given as SQL; nil when it is beyond the parser.
func (b *block) text(sql string) []output {
	tree, err := lint.Parse(sql)
	if err != nil || len(tree.GetStmts()) != 1 {
		return nil // newer syntax than the parser's; PostgreSQL itself has accepted it
	}
	return b.statement(tree.GetStmts()[0].GetStmt())
}

// reference reads column, table.column or schema.table.column.
func reference(r *pgquery.ColumnRef) (table, column string, ok bool) {
	fields := r.GetFields()
	if len(fields) == 0 {
		return "", "", false
	}
	last := fields[len(fields)-1].GetString_()
	if last == nil {
		return "", "", false
	}
	if len(fields) > 1 {
		table = fields[len(fields)-2].GetString_().GetSval()
	}
	return table, last.GetSval(), true
}

// lookup finds the source of a column in this block.
func (b *block) lookup(table, column string) (*source, *output) {
	for _, s := range b.sources {
		if table != "" && s.alias != table {
			continue
		}
		for i := range s.columns {
			if s.columns[i].name == column {
				return s, &s.columns[i]
			}
		}
	}
	return nil, nil
}
