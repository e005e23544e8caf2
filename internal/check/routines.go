package check

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	pgquery "github.com/pganalyze/pg_query_go/v6"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// routine is a function that the schema files declare.
type routine struct {
	Schema, Name   string
	Language, Body string
	Set            bool
	Returns        uint32
	In, Out        []string // names of the arguments; empty for those without one

	busy bool // its body is being looked at
}

func (c *checker) loadRoutines(ctx context.Context) error {
	rows, err := c.tx.Query(ctx, `
		SELECT n.nspname, p.proname, l.lanname, coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc), p.proretset, p.prorettype,
		       ARRAY(SELECT coalesce(p.proargnames[i], '') FROM pg_catalog.generate_series(1, coalesce(pg_catalog.cardinality(p.proallargtypes), p.pronargs)) i
		             WHERE coalesce(p.proargmodes[i], 'i') IN ('i', 'b', 'v') ORDER BY i),
		       ARRAY(SELECT coalesce(p.proargnames[i], '') FROM pg_catalog.generate_series(1, pg_catalog.cardinality(p.proargmodes)) i
		             WHERE p.proargmodes[i] IN ('o', 'b', 't') ORDER BY i)
		FROM pg_catalog.pg_proc p
		JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
		JOIN pg_catalog.pg_language l ON l.oid = p.prolang
		WHERE n.nspname IN ($1, 'public') AND p.prokind = 'f' AND NOT EXISTS (
		  SELECT FROM pg_catalog.pg_depend d
		  WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')`, c.schema)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*routine, error) {
		r := &routine{}
		return r, row.Scan(&r.Schema, &r.Name, &r.Language, &r.Body, &r.Set, &r.Returns, &r.In, &r.Out)
	})
	for _, r := range list {
		name := r.Schema + "." + r.Name
		c.tables.own[name] = append(c.tables.own[name], r)
	}
	return err
}

// routines are the project's own functions that a call can mean.
func (b *block) routines(schema, name string, args int) []*routine {
	if schema == "" {
		schema = b.schema
	}
	all := b.c.tables.own[schema+"."+name]
	var fitting []*routine
	for _, r := range all {
		if len(r.In) == args {
			fitting = append(fitting, r)
		}
	}
	if len(fitting) > 0 {
		return fitting
	}
	return all // defaults and variadic arguments
}

// ownCall judges a call of the project's own function as a value.
func (b *block) ownCall(f *pgquery.FuncCall, name string, own []*routine) (verdict, string) {
	if v, why := b.strict(f.GetArgs()); v == yes && b.c.tables.strict[own[0].Schema+"."+name] {
		return yes, why
	}
	if columns := b.results(f, own); len(columns) == 1 {
		return columns[0].null, columns[0].why
	}
	return unknown, "" // a row, though its fields may be null
}

// results are the columns that a call of one of the project's functions gives.
func (b *block) results(f *pgquery.FuncCall, own []*routine) []output {
	args := make([]output, 0, len(f.GetArgs()))
	for _, n := range f.GetArgs() {
		args = append(args, b.output(n))
	}
	list := b.c.result(own[0], args)
	for _, other := range own[1:] {
		list = all(list, b.c.result(other, args))
	}
	return list
}

// all keeps what two functions of the same name have in common, as types do
// not tell here which of them is called.
func all(left, right []output) []output {
	if len(left) != len(right) {
		return nil
	}
	for i := range left {
		if left[i].null != right[i].null {
			left[i].null = unknown
		}
		if right[i].element == "" {
			left[i].element = ""
		}
	}
	return left
}

// result looks into a body in SQL; what another language returns may be null
// unless its type says otherwise.
func (c *checker) result(r *routine, args []output) []output {
	t := c.types.byOID[r.Returns]
	var list []output
	row := c.tables.byName[t.Schema+"."+t.Name]
	switch {
	case len(r.Out) > 0:
		for _, name := range r.Out {
			list = append(list, output{name: name})
		}
	case row != nil && t.Kind == "c":
		list = append(list, c.columns(row)...)
	case t.Kind == "p" || t.Kind == "d" && t.NotNull:
		return []output{{name: r.Name}} // void, and what no query can select
	case t.Kind == "c":
		return nil
	default:
		list = []output{{name: r.Name, oid: r.Returns}}
	}
	body := c.body(r, args)
	for i := range list {
		o := &list[i]
		switch {
		case len(body) == len(list):
			o.null, o.why, o.element = body[i].null, body[i].why, body[i].element
		case r.Language == "sql":
			o.null = unknown
		case o.null == no:
			o.null = unknown // the function may make up a row
		default:
			o.null, o.why = yes, "function "+r.Name+" may return null"
		}
	}
	return list
}

// body is what the last statement of a function in SQL returns; nil when that
// is not known.
func (c *checker) body(r *routine, args []output) []output {
	if r.Language != "sql" || r.busy {
		return nil
	}
	tree, err := lint.Parse(r.statements())
	if err != nil || len(tree.GetStmts()) == 0 {
		return nil
	}
	r.busy = true
	defer func() { r.busy = false }()
	b := &block{c: c, schema: r.Schema, ctes: map[string][]output{}, notNull: facts{}, args: args}
	named := &source{alias: r.Name}
	for i, name := range r.In {
		o := output{name: name}
		if i < len(args) {
			o.null, o.why, o.oid, o.element = args[i].null, args[i].why, args[i].oid, args[i].element
		}
		named.columns = append(named.columns, o)
	}
	b.add(named)
	last := tree.GetStmts()[len(tree.GetStmts())-1].GetStmt()
	columns := b.statement(last)
	if r.Set || oneRow(last.GetSelectStmt()) || last.GetInsertStmt() != nil || len(last.GetSelectStmt().GetValuesLists()) > 0 {
		return columns
	}
	for i := range columns {
		if columns[i].null != yes && last.GetSelectStmt().GetHavingClause() == nil {
			columns[i].null, columns[i].why = yes, "function "+r.Name+" may find no row"
		}
	}
	return columns
}

// statements is the body as plain SQL, whichever way it was written.
func (r *routine) statements() string {
	text := strings.TrimSpace(r.Body)
	if expression, ok := strings.CutPrefix(text, "RETURN "); ok {
		return "SELECT " + expression
	}
	if inner, ok := strings.CutPrefix(text, "BEGIN ATOMIC"); ok {
		return strings.TrimSuffix(strings.TrimSpace(inner), "END")
	}
	return text
}

// argumentAt is the n-th argument of the function whose body this is.
func (b *block) argumentAt(n int) (verdict, string) {
	for up := b; up != nil; up = up.parent {
		if n > 0 && n <= len(up.args) {
			return up.args[n-1].null, up.args[n-1].why
		}
	}
	return unknown, ""
}

// field is (f(...)).name.
func (b *block) field(f *pgquery.FuncCall, name string) (verdict, string) {
	schema, function := qualified(f.GetFuncname())
	own := b.routines(schema, function, len(f.GetArgs()))
	if f == nil || len(own) == 0 {
		return unknown, ""
	}
	for _, o := range b.results(f, own) {
		if o.name == name {
			return o.null, o.why
		}
	}
	return unknown, ""
}

// rangeFunction is a function in FROM.
func (b *block) rangeFunction(r *pgquery.RangeFunction, outer bool) *source {
	s := &source{alias: r.GetAlias().GetAliasname(), outer: outer}
	for _, n := range r.GetColdeflist() {
		s.columns = append(s.columns, output{name: n.GetColumnDef().GetColname(), null: yes, why: "a key may be absent"})
	}
	if len(r.GetFunctions()) != 1 || len(s.columns) > 0 {
		return s
	}
	items := r.GetFunctions()[0].GetList().GetItems()
	if len(items) == 0 || items[0].GetFuncCall() == nil {
		return s
	}
	f := items[0].GetFuncCall()
	schema, name := qualified(f.GetFuncname())
	own := b.routines(schema, name, len(f.GetArgs()))
	if len(own) == 0 {
		return s
	}
	if s.alias == "" {
		s.alias = name
	}
	s.columns = b.results(f, own)
	if len(s.columns) == 1 && len(own[0].Out) == 0 {
		s.columns[0].name = s.alias
	}
	s.columns = renamed(s.columns, r.GetAlias().GetColnames())
	s.complete = len(s.columns) > 0 && !r.GetOrdinality()
	return s
}
