package check

import (
	"context"
	"errors"
	"fmt"
	gotypes "go/types"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
)

const (
	publicSchema  = "public"
	rollbackQuery = "ROLLBACK TO SAVEPOINT bailiwick_query"
)

// query prepares one query, plans it as its role, and compares.
func (c *checker) query(ctx context.Context, s *subject, name string) error {
	if err := c.execAll(ctx, []string{"SAVEPOINT bailiwick_query"}); err != nil {
		return err
	}
	description, err := c.prepare(ctx, s, name)
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg):
		c.refused(s, pg, rulePrepare)
	case err != nil:
		return err
	default:
		if err := c.explain(ctx, s, name, len(description.ParamOIDs)); err != nil {
			return err
		}
		c.compare(s, description)
	}
	return c.execAll(ctx, []string{rollbackQuery, "RELEASE SAVEPOINT bailiwick_query"})
}

var valuesClause = regexp.MustCompile(`(?i)\)\s*VALUES\s*\(`)

// prepare asks PostgreSQL for a statement's parameters and columns. COPY may
// fill a column that is GENERATED ALWAYS AS IDENTITY, which the INSERT that
// stands for it in the query file may not.
func (c *checker) prepare(ctx context.Context, s *subject, name string) (*pgconn.StatementDescription, error) {
	server := c.tx.Conn().PgConn()
	description, err := server.Prepare(ctx, name, s.text, nil)
	var pg *pgconn.PgError
	if s.Cmd != ":copyfrom" || !errors.As(err, &pg) || pg.Code != "428C9" || !strings.Contains(pg.Detail, "identity") {
		return description, err
	}
	if err := c.execAll(ctx, []string{rollbackQuery}); err != nil {
		return nil, err
	}
	return server.Prepare(ctx, name, valuesClause.ReplaceAllString(s.text, ") OVERRIDING SYSTEM VALUE VALUES ("), nil)
}

// explain plans the statement and starts its executor, which checks the
// privileges of the role that preparing does not.
func (c *checker) explain(ctx context.Context, s *subject, name string, params int) error {
	sql := "EXPLAIN EXECUTE " + name
	if params > 0 {
		sql += "(" + strings.TrimSuffix(strings.Repeat("NULL, ", params), ", ") + ")"
	}
	_, err := c.tx.Conn().PgConn().Exec(ctx, sql).ReadAll()
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		// A null that a domain or a table refuses says nothing of the query.
		if strings.HasPrefix(pg.Code, "22004") || strings.HasPrefix(pg.Code, "23") {
			return nil
		}
		c.refused(s, pg, rulePrepare)
		return nil
	}
	return err
}

func (c *checker) refused(s *subject, pg *pgconn.PgError, rule string) {
	mend := "correct the query or the schema"
	switch pg.Code {
	case "42501":
		rule = rulePermission
		mend = "a tenant reads its own tables and those that the public schema file grants: GRANT SELECT ON public.x TO PUBLIC (or GRANT EXECUTE ON FUNCTION public.f TO PUBLIC)"
		if s.scope != c.model.Project.Tenant {
			mend = "the runtime role only reads in public; writing is the work of the owner role, through package catalog, not of a generated query"
		}
	case "42883":
		if strings.HasPrefix(pg.Message, "operator ") {
			mend = "add a cast so that both sides have types that PostgreSQL can compare"
			break
		}
		fallthrough
	case "42P01", "42704":
		if s.scope == c.model.Project.Tenant {
			mend = "the search_path is the tenant's schema alone: write public.x for what is in public, and declare the rest in the tenant's schema file"
		}
	}
	message := "PostgreSQL refuses the query: " + describe(pg)
	c.reportAt(s, int(pg.Position), "", rule, message, mend)
}

// reportAt reports at a position of the generated text, if it can be found in
// the query file; else at the query's name.
func (c *checker) reportAt(s *subject, position int, name, rule, message, mend string) {
	c.report(s, name, rule, message, mend)
	if line, column := c.locate(s, position); line > 0 {
		d := &c.found[len(c.found)-1]
		d.Line, d.Column = line, column
	}
}

// locate finds the line of the query file that a position of the generated
// text comes from. sqlc drops comments and replaces its macros, so the line is
// looked for below the query's name; zero when it is not found.
func (c *checker) locate(s *subject, position int) (line, column int) {
	row, column := place(s.text, position)
	if row == 0 {
		return 0, 0
	}
	wanted := strings.TrimSuffix(strings.TrimSpace(strings.Split(s.text, "\n")[row-1]), ";")
	for i, text := range strings.Split(string(c.model.Inputs[s.File]), "\n") {
		if i < s.Line || wanted == "" {
			continue
		}
		if strings.HasPrefix(strings.TrimSpace(text), "-- name:") {
			break // the next query
		}
		if strings.Contains(text, wanted) {
			return i + 1, column
		}
	}
	return 0, 0
}

func (c *checker) compare(s *subject, d *pgconn.StatementDescription) {
	for i, oid := range d.ParamOIDs {
		if v, ok := s.params[i+1]; ok {
			c.parameter(s, v, oid)
		}
	}
	columns := flatten(s.Columns)
	if len(columns) != len(d.Fields) {
		if s.Cmd == ":one" || s.Cmd == ":many" || strings.HasPrefix(s.Cmd, ":batch") && len(columns) > 0 {
			c.report(s, "", ruleColumnCount, fmt.Sprintf("PostgreSQL returns %d columns, %d were generated", len(d.Fields), len(columns)),
				"name the columns instead of using *")
		}
		return
	}
	outputs := c.analyse(s)
	if len(outputs) != len(columns) {
		outputs = make([]output, len(columns))
	}
	reported := map[string]bool{}
	for i, f := range d.Fields {
		c.columnType(s, columns[i], f, outputs[i].at)
		c.columnNull(s, columns[i], f, outputs[i], reported)
	}
	c.arguments(s)
}

// generated is a column with the struct that embeds it, if any.
type generated struct {
	queries.Value

	embed string
}

func flatten(values []queries.Value) []generated {
	var list []generated
	for _, v := range values {
		if v.Embedded == nil {
			list = append(list, generated{Value: v})
		}
		for _, e := range v.Embedded {
			list = append(list, generated{Value: e, embed: v.Name})
		}
	}
	return list
}

func (g generated) label() string {
	if g.embed != "" {
		return g.embed + "." + g.Name
	}
	return g.Name
}

func goType(v queries.Value) string {
	if v.Go == nil {
		return v.SQL
	}
	return gotypes.ExprString(v.Go)
}

func untyped(goType string) bool {
	return goType == "interface{}" || goType == "any" || goType == "[]interface{}" || goType == "[]any"
}

func (c *checker) parameter(s *subject, v queries.Value, oid uint32) {
	actual, made := c.types.byOID[oid], c.types.find(v.SQL, v.Dims > 0 || v.Slice)
	if made == nil || untyped(goType(v)) {
		c.report(s, v.Name, ruleUntypedParam,
			fmt.Sprintf("parameter %s is %s for PostgreSQL, but generated as %s", v.Name, c.types.sql(actual), goType(v)),
			fmt.Sprintf("add a cast: sqlc.arg('%s')::%s", v.Name, c.types.sql(c.types.base(actual)))+c.override(v.SQL))
		return
	}
	if made.Schema == publicSchema && made.Kind == "b" && made.OID != c.types.base(actual).OID {
		// An extension's operators are not on a tenant's search_path, so that
		// PostgreSQL has silently taken those of a built-in type.
		c.report(s, v.Name, ruleParamType,
			fmt.Sprintf("parameter %s is compared as %s, not as %s: the operators of %s are in public, which is not on the search_path",
				v.Name, c.types.sql(actual), c.types.sql(made), c.types.sql(made)),
			"qualify the operator, as in email OPERATOR(public.=) $1")
		return
	}
	if !c.types.carries(made, actual) {
		c.report(s, v.Name, ruleParamType,
			fmt.Sprintf("parameter %s is %s for PostgreSQL, but generated as %s (%s)", v.Name, c.types.sql(actual), c.types.sql(made), goType(v)),
			fmt.Sprintf("add a cast: sqlc.arg('%s')::%s", v.Name, c.types.sql(actual)))
	}
}

// override adds to a mend that sqlc can be told of a domain once for all.
func (c *checker) override(sql string) string {
	if t := c.types.find(sql, false); t != nil && t.Kind == "d" {
		return fmt.Sprintf("; or give db_type %s a go_type in sqlc.yaml's overrides, as sqlc knows no domains", sql)
	}
	return ""
}

func (c *checker) columnType(s *subject, v generated, f pgconn.FieldDescription, at int) {
	actual, made := c.types.byOID[f.DataTypeOID], c.types.find(v.SQL, v.Dims > 0)
	if made == nil || untyped(goType(v.Value)) {
		c.reportAt(s, at, v.label(), ruleUntypedCol,
			fmt.Sprintf("column %s is %s for PostgreSQL, but generated as %s", v.label(), c.types.sql(actual), goType(v.Value)),
			"add a cast: (...)::"+c.types.sql(actual)+" AS "+v.Name+c.override(v.SQL))
		return
	}
	if !c.types.carries(actual, made) {
		c.reportAt(s, at, v.label(), ruleColumnType,
			fmt.Sprintf("column %s is %s for PostgreSQL, but generated as %s (%s)", v.label(), c.types.sql(actual), c.types.sql(made), goType(v.Value)),
			fmt.Sprintf("say which you want by a cast: (...)::%s or (...)::%s", c.types.sql(actual), c.types.sql(made)))
	}
}

// columnNull reports a column that was generated as never null although it can
// be, and an array whose elements were.
func (c *checker) columnNull(s *subject, v generated, f pgconn.FieldDescription, o output, reported map[string]bool) {
	if untyped(goType(v.Value)) {
		return // it can hold anything; columnType has said so
	}
	if !v.NotNull {
		c.elementNull(s, v, f, o)
		return
	}
	verdict, why := o.null, o.why
	if r := c.tables.byOID[f.TableOID]; o.name == "" && r != nil && !r.view {
		if col := r.column(f.Name); col != nil && !col.NotNull {
			verdict, why = yes, "the column of the table is nullable"
		}
	}
	key := v.embed
	if key == "" {
		key = v.label()
	}
	if verdict != yes {
		c.elementNull(s, v, f, o)
		return
	}
	if reported[key] {
		return
	}
	reported[key] = true
	mend := "wrap it: coalesce(..., <value>); or select the column without a cast, or from the nullable side of a LEFT JOIN: those are generated as nullable"
	if v.embed != "" {
		mend = "select the columns one by one instead of sqlc.embed, or use an inner join"
	}
	c.reportAt(s, o.at, key, ruleNullableCol, fmt.Sprintf("column %s can be null (%s), but is generated as never null (%s)", v.label(), why, goType(v.Value)), mend)
}

// nullable matches the Go types that have a value for null.
var nullable = regexp.MustCompile(`^(\*|\[\]|pgtype\.|sql\.Null|any$|interface)`)

// elementNull reports an array that can hold null; sqlc's slices cannot.
func (c *checker) elementNull(s *subject, v generated, f pgconn.FieldDescription, o output) {
	element, slice := strings.CutPrefix(goType(v.Value), "[]")
	if o.element == "" || !slice || c.types.element(c.types.byOID[f.DataTypeOID]) == nil || nullable.MatchString(element) {
		return
	}
	c.reportAt(s, o.at, v.label(), ruleNullableCol,
		fmt.Sprintf("an element of column %s can be null (%s), but is generated as never null (%s)", v.label(), o.element, goType(v.Value)),
		"leave the nulls out, as in array_agg(x) FILTER (WHERE x IS NOT NULL), or coalesce the element")
}
