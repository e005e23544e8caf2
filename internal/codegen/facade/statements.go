package facade

import (
	"fmt"
	"go/types"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
)

// Statement is what generated code relies on of one query, in the form of
// tenant.Statement.
type Statement struct {
	Name, SQL       string
	Params, Columns []string
}

// notNull follows the type of what is never null.
const notNull = " NOT NULL"

// Statements lists the queries of a package as the schema has to bear them.
// What a comment allows to differ is not relied on.
func Statements(pkg *queries.Package) []Statement {
	list := make([]Statement, 0, len(pkg.Queries))
	for _, q := range pkg.Queries {
		s := Statement{Name: q.Name, SQL: q.Text}
		for _, v := range q.Placeholders {
			s.Params = append(s.Params, paramType(q, v))
		}
		if returnsRows(q) {
			for _, v := range q.Columns {
				s.Columns = append(s.Columns, columnTypes(q, v)...)
			}
		}
		if q.Allows("column-count") {
			s.Columns = nil
		}
		list = append(list, s)
	}
	return list
}

func returnsRows(q *queries.Query) bool {
	switch q.Cmd {
	case queries.One, queries.Many, ":batchone", ":batchmany":
		return true
	}
	return false
}

func paramType(q *queries.Query, v queries.Value) string {
	if q.Allows("parameter-type") || q.Allows("untyped-parameter") {
		return ""
	}
	return typeName(v, v.NotNull && !q.Allows("nullable-parameter"))
}

func columnTypes(q *queries.Query, v queries.Value) []string {
	if v.Embedded == nil {
		if q.Allows("column-type") || q.Allows("untyped-column") {
			return []string{""}
		}
		return []string{typeName(v, v.NotNull && !q.Allows("nullable-column"))}
	}
	var list []string
	for _, e := range v.Embedded {
		list = append(list, columnTypes(q, e)...)
	}
	return list
}

// typeName is the type of pg_catalog under its own name, and any other as the
// SQL has it. It is empty for what Go takes as any value at all.
func typeName(v queries.Value, never bool) string {
	if v.Name == "" || pseudo[v.SQL] || (v.Go != nil && untyped[types.ExprString(v.Go)]) {
		return ""
	}
	name := strings.TrimPrefix(v.SQL, "pg_catalog.")
	if alias := aliases[name]; alias != "" {
		name = alias
	}
	if v.Dims > 0 || v.Slice {
		name += "[]"
	}
	if never {
		name += notNull
	}
	return name
}

var untyped = map[string]bool{"interface{}": true, "any": true, "[]interface{}": true, "[]any": true}

// pseudo are the names that sqlc has for a type that it does not know.
var pseudo = map[string]bool{"": true, "any": true, "anyelement": true, "anyarray": true, "record": true, "unknown": true, "void": true, "null": true}

const (
	pgInt2   = "int2"
	pgInt4   = "int4"
	pgInt8   = "int8"
	pgFloat8 = "float8"
)

// aliases are the names that SQL and sqlc have for types of pg_catalog.
var aliases = map[string]string{
	"integer": pgInt4, "int": pgInt4, "bigint": pgInt8, "smallint": pgInt2, "boolean": "bool",
	"double precision": pgFloat8, "real": "float4", "float": pgFloat8, "decimal": "numeric",
	"character varying": "varchar", "character": "bpchar", "string": "text",
	"timestamp with time zone": "timestamptz", "timestamp without time zone": "timestamp",
	"time with time zone": "timetz", "time without time zone": "time", "bit varying": "varbit",
	"serial": pgInt4, "serial4": pgInt4, "bigserial": pgInt8, "serial8": pgInt8, "smallserial": pgInt2, "serial2": pgInt2,
}

// statements writes what the runtime and rollouts hold a schema against.
func (w *writer) statements() ([]byte, error) {
	f := w.file(strings.Join(w.pkg.Scope.Queries, ", "))
	f.Printf(`
// Statements are the queries with the types that this package was generated
// for. A schema that does not bear them is not queried, and one that is in use
// does not lose what they need.
var Statements = []tenant.Statement{
`)
	for _, s := range Statements(w.pkg) {
		f.Printf("\t{\n\t\tName: %q,\n\t\tSQL: %s,\n", s.Name, literal(s.SQL))
		w.list(f, "Params", s.Params)
		w.list(f, "Columns", s.Columns)
		f.Printf("\t},\n")
	}
	f.Printf("}\n")
	return f.Bytes()
}

func (w *writer) list(f *gosrc.File, field string, items []string) {
	if len(items) > 0 {
		f.Printf("\t\t%s: %#v,\n", field, items)
	}
}

// literal writes a text over as many lines as it has, where Go can.
func literal(text string) string {
	if strings.ContainsAny(text, "`\r\x00\ufeff") {
		return fmt.Sprintf("%q", text)
	}
	return "`" + text + "`"
}
