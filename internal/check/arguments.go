package check

import (
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// arguments reports parameters that may be null for columns that may not.
func (c *checker) arguments(s *subject) {
	tree, err := lint.Parse(s.text)
	if err != nil || len(tree.GetStmts()) != 1 {
		return
	}
	b := c.root(s)
	node := tree.GetStmts()[0].GetStmt()
	if i := node.GetInsertStmt(); i != nil {
		c.insertArguments(s, b, i)
	}
	if u := node.GetUpdateStmt(); u != nil {
		r := c.relationOf(b, u.GetRelation())
		for _, t := range u.GetTargetList() {
			c.argument(s, r, t.GetResTarget().GetName(), t.GetResTarget().GetVal())
		}
	}
}

func (c *checker) relationOf(b *block, v *pgquery.RangeVar) *relation {
	schema := v.GetSchemaname()
	if schema == "" {
		schema = b.schema
	}
	return c.tables.byName[schema+"."+v.GetRelname()]
}

func (c *checker) insertArguments(s *subject, b *block, i *pgquery.InsertStmt) {
	r := c.relationOf(b, i.GetRelation())
	if r == nil {
		return
	}
	named := map[string]bool{}
	sel := i.GetSelectStmt().GetSelectStmt()
	for n, col := range i.GetCols() {
		name := col.GetResTarget().GetName()
		named[name] = true
		for _, row := range sel.GetValuesLists() {
			if items := row.GetList().GetItems(); n < len(items) {
				c.argument(s, r, name, items[n])
			}
		}
		if targets := sel.GetTargetList(); n < len(targets) {
			c.argument(s, r, name, targets[n].GetResTarget().GetVal())
		}
	}
	if s.Cmd != ":copyfrom" || len(named) == 0 {
		return
	}
	for _, col := range r.columns {
		if !named[col.Name] && col.NotNull && !col.Default && !col.Generated {
			c.report(s, col.Name, ruleCopyColumns, "column "+col.Name+" is NOT NULL without a default, and is not copied",
				"add it to the column list, or give it a default")
		}
	}
}

// argument compares one parameter that is written to a column as it is.
func (c *checker) argument(s *subject, r *relation, name string, n *pgquery.Node) {
	for n.GetTypeCast() != nil {
		n = n.GetTypeCast().GetArg()
	}
	p := n.GetParamRef()
	if p == nil || r == nil {
		return
	}
	col := r.column(name)
	v, ok := s.params[int(p.GetNumber())]
	if ok && col != nil && col.NotNull && !v.NotNull && !v.Slice {
		c.report(s, v.Name, ruleNullableArg, "parameter "+v.Name+" may be null, but column "+name+" is NOT NULL",
			"write sqlc.arg('"+v.Name+"') instead of sqlc.narg, or coalesce it to the column's default")
	}
}

func lastOf(nodes []*pgquery.Node) string {
	if len(nodes) == 0 {
		return ""
	}
	return strings.ToLower(nodes[len(nodes)-1].GetString_().GetSval())
}
