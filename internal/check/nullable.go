package check

import (
	"strings"
	"unicode/utf8"

	pgquery "github.com/pganalyze/pg_query_go/v6"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
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
	at   int // position in the statement, in characters from 1; zero is unknown
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
	notNull map[string]bool // columns that WHERE or an inner join's ON proves not null
	merged  map[string]bool // columns that USING makes one of two
	grouped bool
	having  bool
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
	return &block{c: b.c, schema: b.schema, parent: b, ctes: map[string][]output{}, notNull: map[string]bool{}, merged: map[string]bool{}}
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
	inner.grouped, inner.having = len(s.GetGroupClause()) > 0, s.GetHavingClause() != nil
	inner.from(s.GetFromClause(), s.GetWhereClause())
	return inner.targets(s.GetTargetList())
}

// either joins the two sides of a UNION.
func either(left, right []output) []output {
	if len(left) != len(right) {
		return nil
	}
	for i := range left {
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
			v, why := b.expr(item)
			one = append(one, output{null: v, why: why})
		}
		if i == 0 {
			list = one
		} else {
			list = either(list, one)
		}
	}
	for i := range list {
		list[i].name = "column" + string(rune('1'+i))
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
		alias := n.GetRangeFunction().GetAlias()
		b.add(&source{alias: alias.GetAliasname(), outer: outer})
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
		o := output{name: col.Name}
		switch {
		case col.NotNull:
			o.null = no
		case !r.view:
			o.null, o.why = yes, "the column of the table is nullable"
		case len(inner) == len(r.columns):
			o.null, o.why = inner[i].null, inner[i].why
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

// prove notes the columns that a true condition shows to be not null.
func (b *block) prove(n *pgquery.Node) {
	switch {
	case n.GetBoolExpr() != nil && n.GetBoolExpr().GetBoolop() == pgquery.BoolExprType_AND_EXPR:
		for _, arg := range n.GetBoolExpr().GetArgs() {
			b.prove(arg)
		}
	case n.GetNullTest() != nil && n.GetNullTest().GetNulltesttype() == pgquery.NullTestType_IS_NOT_NULL:
		b.proven(n.GetNullTest().GetArg())
	case n.GetAExpr() != nil:
		e := n.GetAExpr()
		switch e.GetKind() {
		case pgquery.A_Expr_Kind_AEXPR_DISTINCT, pgquery.A_Expr_Kind_AEXPR_NOT_DISTINCT, pgquery.A_Expr_Kind_AEXPR_NULLIF:
			return
		default: // the others are strict
		}
		b.proven(e.GetLexpr())
		b.proven(e.GetRexpr())
	case n.GetColumnRef() != nil:
		b.proven(n)
	}
}

func (b *block) proven(n *pgquery.Node) {
	table, column, ok := reference(n.GetColumnRef())
	if !ok {
		return
	}
	b.notNull[table+"."+column] = true
	if s, _ := b.lookup(table, column); s != nil {
		s.outer = false // a row made of nulls would not have passed
		b.notNull[s.alias+"."+column] = true
	}
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
