package check

import (
	"cmp"
	"strconv"
	"unicode/utf8"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// verdict says whether an expression can be null. It is yes only on evidence.
type verdict int

const (
	unknown verdict = iota
	no
	yes
)

// output is one column that a statement returns.
type output struct {
	name string
	null verdict
	why  string
	at   int    // position in the statement, in characters from 1; zero is unknown
	oid  uint32 // of the type, for a column of a table
	// element says why an element of the array can be null; empty without evidence.
	element string
}

// source is one entry of a FROM clause.
type source struct {
	alias    string
	columns  []output
	complete bool // columns are all that there are
	outer    bool // on the nullable side of an outer join
}

// block is one SELECT, INSERT, UPDATE or DELETE with what its names mean.
type block struct {
	c       *checker
	schema  string // of unqualified names
	parent  *block
	ctes    map[string][]output
	sources []*source
	notNull facts
	merged  map[string]bool // columns that USING makes one of two
	grouped bool            // no group is without a row
	having  bool
	keys    map[string]bool // expressions that some groups have no value of
	args    []output        // of the function whose body this is
}

// analyse returns the columns of a query, or nil when its text is beyond it.
func (c *checker) analyse(s *subject) []output {
	outputs := c.root(s).text(s.text)
	for i := range outputs {
		if at := outputs[i].at; at > 0 {
			outputs[i].at = utf8.RuneCountInString(s.text[:min(at, len(s.text))]) + 1
		}
	}
	return outputs
}

func (c *checker) root(s *subject) *block {
	schema := publicSchema
	if s.scope == c.model.Project.Tenant {
		schema = c.schema
	}
	return &block{c: c, schema: schema, ctes: map[string][]output{}}
}

func (b *block) child() *block {
	return &block{c: b.c, schema: b.schema, parent: b, ctes: map[string][]output{}, notNull: facts{}, merged: map[string]bool{}}
}

func (b *block) statement(n *pgquery.Node) []output {
	inner := b.child()
	switch {
	case n.GetSelectStmt() != nil:
		return b.selectStmt(n.GetSelectStmt())
	case n.GetInsertStmt() != nil:
		i := n.GetInsertStmt()
		inner.with(i.GetWithClause())
		inner.add(inner.table(i.GetRelation()))
		return inner.targets(i.GetReturningList())
	case n.GetUpdateStmt() != nil:
		u := n.GetUpdateStmt()
		inner.with(u.GetWithClause())
		inner.add(inner.table(u.GetRelation()))
		inner.from(u.GetFromClause(), u.GetWhereClause())
		return inner.targets(u.GetReturningList())
	case n.GetDeleteStmt() != nil:
		d := n.GetDeleteStmt()
		inner.with(d.GetWithClause())
		inner.add(inner.table(d.GetRelation()))
		inner.from(d.GetUsingClause(), d.GetWhereClause())
		return inner.targets(d.GetReturningList())
	}
	return nil
}

func (b *block) selectStmt(s *pgquery.SelectStmt) []output {
	inner := b.child()
	inner.with(s.GetWithClause())
	if s.GetLarg() != nil {
		return either(inner.selectStmt(s.GetLarg()), inner.selectStmt(s.GetRarg()))
	}
	if len(s.GetValuesLists()) > 0 {
		return inner.values(s.GetValuesLists())
	}
	inner.having = s.GetHavingClause() != nil
	inner.from(s.GetFromClause(), s.GetWhereClause())
	inner.group(s)
	return inner.targets(s.GetTargetList())
}

// either joins the two sides of a UNION.
func either(left, right []output) []output {
	if len(left) != len(right) {
		return nil
	}
	for i := range left {
		left[i].element = cmp.Or(left[i].element, right[i].element)
		switch {
		case left[i].null == yes:
		case right[i].null == yes:
			left[i].null, left[i].why = yes, right[i].why
		case right[i].null == unknown:
			left[i].null = unknown
		}
	}
	return left
}

func (b *block) values(rows []*pgquery.Node) []output {
	var list []output
	for i, row := range rows {
		var one []output
		for _, item := range row.GetList().GetItems() {
			one = append(one, b.output(item))
		}
		if i == 0 {
			list = one
		} else {
			list = either(list, one)
		}
	}
	for i := range list {
		list[i].name = "column" + strconv.Itoa(i+1)
	}
	return list
}

func (b *block) with(w *pgquery.WithClause) {
	for _, n := range w.GetCtes() {
		cte := n.GetCommonTableExpr()
		if w.GetRecursive() {
			b.ctes[cte.GetCtename()] = nil // its own columns are not known inside it
		}
		b.ctes[cte.GetCtename()] = renamed(b.statement(cte.GetCtequery()), cte.GetAliascolnames())
	}
}

func renamed(columns []output, names []*pgquery.Node) []output {
	columns = append([]output(nil), columns...)
	for i, n := range names {
		if i < len(columns) {
			columns[i].name = n.GetString_().GetSval()
		}
	}
	return columns
}
