package lint

import (
	"fmt"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// names in a statement that decide whether x.f is a column.
type scopeNames struct {
	rows    map[string]bool // aliases of tables, views and subqueries
	others  map[string]bool // aliases of functions, joins and the like
	outputs map[string]bool // columns that the statement itself names
}

// columnRef refuses x.f where f is a refused function: PostgreSQL also takes
// it for f(x). Where x is a row and f the name of a column, it is that column:
// the refused functions take no row. An alias of a function in FROM may stand
// for a scalar, and so is no row here.
func (c *checker) columnRef(r *pgquery.ColumnRef, at int) {
	fields := r.GetFields()
	if len(fields) < 2 {
		return
	}
	table, column := fields[len(fields)-2].GetString_().GetSval(), fields[len(fields)-1]
	name := column.GetString_().GetSval()
	if c.isRow(table) && (c.model.columns[name] || c.local.outputs[name]) {
		return
	}
	c.attribute(column, at)
}

func (c *checker) isRow(alias string) bool {
	switch alias {
	case "new", "old", "excluded":
		return !c.local.others[alias]
	}
	return c.local.rows[alias] && !c.local.others[alias]
}

func (c *checker) indirection(i *pgquery.A_Indirection, at int) {
	for _, n := range i.GetIndirection() {
		c.attribute(n, at)
	}
}

func (c *checker) attribute(n *pgquery.Node, at int) {
	name := n.GetString_().GetSval()
	if rule := functionRule(name); rule != "" {
		c.report(at, rule, fmt.Sprintf("x.%s may be a call of the refused function %s", name, name), mends[rule])
	}
}

// collect notes what a statement names: its CTEs, its aliases and its columns.
func (c *checker) collect(m protoreflect.Message) {
	if c.local.rows == nil {
		c.local = scopeNames{rows: map[string]bool{}, others: map[string]bool{}, outputs: map[string]bool{}}
	}
	c.collectAliases(m)
	outputs(m, c.local.outputs)
}

func (c *checker) collectAliases(m protoreflect.Message) {
	switch n := m.Interface().(type) {
	case *pgquery.CommonTableExpr:
		c.ctes[n.GetCtename()] = true
	case *pgquery.RangeVar:
		if n.GetAlias() == nil {
			c.local.rows[n.GetRelname()] = true
		} else {
			c.local.rows[n.GetAlias().GetAliasname()] = true
		}
	case *pgquery.RangeSubselect:
		c.local.rows[n.GetAlias().GetAliasname()] = true
	case *pgquery.RangeFunction:
		c.functionAliases(n)
	case interface{ GetAlias() *pgquery.Alias }:
		c.local.others[n.GetAlias().GetAliasname()] = true
	}
	each(m, c.collectAliases)
}

// functionAliases are the names of a function in FROM: its alias, or its own.
func (c *checker) functionAliases(r *pgquery.RangeFunction) {
	c.local.others[r.GetAlias().GetAliasname()] = true
	for _, f := range r.GetFunctions() {
		for _, item := range f.GetList().GetItems() {
			if names := item.GetFuncCall().GetFuncname(); len(names) > 0 {
				c.local.others[lastName(names)] = true
			}
		}
	}
}

// outputs notes the columns that a tree names: those of tables, of target
// lists and of aliases.
func outputs(m protoreflect.Message, into map[string]bool) {
	switch n := m.Interface().(type) {
	case *pgquery.ColumnDef:
		into[n.GetColname()] = true
	case *pgquery.ResTarget:
		into[n.GetName()] = true
	case *pgquery.ViewStmt:
		note(n.GetAliases(), into)
	case *pgquery.IntoClause:
		note(n.GetColNames(), into)
	case *pgquery.CommonTableExpr:
		note(n.GetAliascolnames(), into)
	case *pgquery.Alias:
		note(n.GetColnames(), into)
	}
	each(m, func(child protoreflect.Message) { outputs(child, into) })
}

func note(nodes []*pgquery.Node, into map[string]bool) {
	for _, name := range names(nodes) {
		into[name] = true
	}
}
