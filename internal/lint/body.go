package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

// routine is what the options of CREATE FUNCTION say.
type routine struct {
	language  string
	body      string
	hasBody   bool
	definer   bool
	path      *pgquery.VariableSetStmt
	hasPath   bool
	otherSets []*pgquery.VariableSetStmt
	support   []*pgquery.Node
	at        int // location of the body's option
}

func readRoutine(options []*pgquery.Node) routine {
	r := routine{language: "sql"}
	for _, o := range options {
		d := o.GetDefElem()
		switch d.GetDefname() {
		case "language":
			r.language = strings.ToLower(d.GetArg().GetString_().GetSval())
		case "security":
			r.definer = d.GetArg().GetBoolean().GetBoolval()
		case "as":
			r.at = int(d.GetLocation())
			if items := d.GetArg().GetList().GetItems(); len(items) > 0 {
				r.body, r.hasBody = items[0].GetString_().GetSval(), true
			}
		case "support":
			r.support = d.GetArg().GetList().GetItems()
		case "set":
			r.set(d.GetArg().GetVariableSetStmt())
		}
	}
	return r
}

func (r *routine) set(v *pgquery.VariableSetStmt) {
	if v.GetName() != "search_path" {
		r.otherSets = append(r.otherSets, v)
		return
	}
	switch v.GetKind() {
	case pgquery.VariableSetKind_VAR_SET_VALUE, pgquery.VariableSetKind_VAR_SET_CURRENT:
		r.path, r.hasPath = v, true
	default:
		r.otherSets = append(r.otherSets, v)
	}
}

// fixedPath is true when nobody can put a schema before those of the path:
// FROM CURRENT (the tenant's schema, then pg_temp), empty, or ending in pg_temp.
func (r *routine) fixedPath() bool {
	if !r.hasPath {
		return false
	}
	if r.path.GetKind() == pgquery.VariableSetKind_VAR_SET_CURRENT {
		return true
	}
	args := r.path.GetArgs()
	if len(args) == 0 {
		return false
	}
	last := args[len(args)-1].GetAConst().GetSval().GetSval()
	return last == "pg_temp" || len(args) == 1 && last == ""
}

const mendPath = "add SET search_path FROM CURRENT, which is the schema it is created in, then pg_temp"

// function checks CREATE FUNCTION: its settings, and the SQL of its body.
func (c *checker) function(f *pgquery.CreateFunctionStmt) {
	r := readRoutine(f.GetOptions())
	name := lastName(f.GetFuncname())
	c.settings(r)
	if r.definer && !r.fixedPath() {
		c.report(0, ruleDefiner, fmt.Sprintf("function %s is SECURITY DEFINER without a fixed search_path", name),
			mendPath+"; or SET search_path = '' and qualify every name")
	}
	if f.GetSqlBody() != nil {
		c.atomic(f)
		return
	}
	body := &checker{
		model: c.model, scope: c.scope, st: c.st, ctes: map[string]bool{}, inBody: true,
		fixed: c.bodyOffset(r.body, r.at),
	}
	switch language := r.language; {
	case !r.hasBody: // the PL/pgSQL parser would end the process
		body.report(0, ruleOpaque, fmt.Sprintf("function %s has no body", name), "add AS $$ ... $$")
	case language == "sql":
		body.sqlText(r.body)
	case language == "plpgsql":
		body.plpgsql(c.st.source[c.st.start:c.st.end])
	default:
		body.report(0, ruleOpaque, fmt.Sprintf("function %s is written in %s, which lint cannot read", name, r.language),
			"write it in sql or plpgsql")
	}
	c.found = append(c.found, body.found...)
	if body.unqualified != "" && !r.hasPath {
		c.report(0, rulePath, fmt.Sprintf("function %s uses %s without a search_path of its own", name, body.unqualified), mendPath)
	}
}

// settings refuses SET role and the like in a function's options.
func (c *checker) settings(r routine) {
	for _, v := range r.otherSets {
		c.setting(v)
	}
	if len(r.support) > 0 {
		c.functionName(r.support, 0)
	}
	if !r.hasPath {
		return
	}
	allowed := []string{"", pgCatalog, publicSchema, "pg_temp"}
	for _, a := range r.path.GetArgs() {
		schema := a.GetAConst().GetSval().GetSval()
		if !slices.Contains(allowed, schema) {
			c.report(0, ruleForeign, "search_path of a function names schema "+schema, mendPath)
		}
	}
}

func (c *checker) setting(v *pgquery.VariableSetStmt) {
	harmless := []string{"timezone", "datestyle", "intervalstyle", "work_mem", "jit", "extra_float_digits"}
	isSet := v.GetKind() == pgquery.VariableSetKind_VAR_SET_VALUE
	if isSet && slices.Contains(harmless, strings.ToLower(v.GetName())) {
		return
	}
	c.report(0, ruleSettings, "a function sets or resets "+cmp.Or(v.GetName(), "all settings"),
		"remove it; only search_path, timezone, datestyle, intervalstyle, work_mem and jit may be set")
}

// alterFunction looks at ALTER FUNCTION's actions as at CREATE's options.
func (c *checker) alterFunction(f *pgquery.AlterFunctionStmt) {
	r := readRoutine(f.GetActions())
	c.settings(r)
	if r.definer && !r.fixedPath() {
		c.report(0, ruleDefiner, "ALTER FUNCTION ... SECURITY DEFINER without a fixed search_path", mendPath)
	}
}

// atomic checks a body that PostgreSQL binds when the function is created, so
// that it needs no path. The walk over the statement has seen its names.
func (c *checker) atomic(f *pgquery.CreateFunctionStmt) {
	body := &checker{model: c.model, scope: c.scope, st: c.st, base: c.base, ctes: map[string]bool{}, inBody: true}
	body.collect(f.GetSqlBody().ProtoReflect())
	body.walk(f.GetSqlBody().ProtoReflect(), 0)
	c.found = appendNew(c.found, body.found)
}

// bodyOffset is where the body's text stands in the file.
func (c *checker) bodyOffset(body string, at int) int {
	from := c.st.start + at
	if i := strings.Index(c.st.source[from:c.st.end], body); i >= 0 && body != "" {
		return from + i
	}
	return from
}

// sqlText checks a piece of SQL of a body, with all findings at one place.
func (c *checker) sqlText(text string) {
	result, err := Parse(text)
	if err != nil {
		c.report(0, ruleOpaque, "the body cannot be read: "+err.Error(), "correct the function's SQL")
		return
	}
	for _, s := range result.GetStmts() {
		c.ctes, c.local = map[string]bool{}, scopeNames{}
		c.tree(s.GetStmt())
	}
}

// appendNew appends the findings that the list does not have yet.
func appendNew(list, found diag.List) diag.List {
	for _, d := range found {
		if !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	return list
}
