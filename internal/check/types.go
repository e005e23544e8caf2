package check

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// pgType is one row of pg_type.
type pgType struct {
	OID           uint32
	Schema, Name  string
	Kind          string // b base, d domain, e enum, c composite, p pseudo, r range
	Category      string
	Base, Element uint32
	Array         uint32
	NotNull       bool // of a domain
}

// types is what the database knows of types, after the schemas were realised.
type types struct {
	byOID  map[uint32]*pgType
	byName map[string]*pgType // schema.name
	path   []string
}

// relation is a table or view with its columns.
type relation struct {
	name    string
	view    bool
	query   string // of a view, with names as seen from the tenant's schema
	columns []column
}

type column struct {
	Name      string
	Type      uint32
	NotNull   bool
	Default   bool // has a default, an identity or a generation expression
	Generated bool
}

type tables struct {
	byName map[string]*relation // schema.name
	byOID  map[uint32]*relation
	strict map[string]bool       // schema.name of functions that give null for a null argument
	own    map[string][]*routine // schema.name of functions that the schema files declare
}

func (r *relation) column(name string) *column {
	for i := range r.columns {
		if r.columns[i].Name == name {
			return &r.columns[i]
		}
	}
	return nil
}

func (c *checker) loadCatalog(ctx context.Context) error {
	if err := c.loadTypes(ctx); err != nil {
		return fmt.Errorf("read the types: %w", err)
	}
	if err := c.loadTables(ctx); err != nil {
		return fmt.Errorf("read the tables: %w", err)
	}
	return nil
}

func (c *checker) loadTypes(ctx context.Context) error {
	rows, err := c.tx.Query(ctx, `
		SELECT t.oid, n.nspname, t.typname, t.typtype::text, t.typcategory::text, t.typbasetype, t.typelem, t.typarray, t.typnotnull
		FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace`)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[pgType])
	if err != nil {
		return err
	}
	c.types = &types{byOID: map[uint32]*pgType{}, byName: map[string]*pgType{}, path: []string{c.schema, publicSchema, "pg_catalog"}}
	for _, t := range list {
		c.types.byOID[t.OID] = t
		c.types.byName[t.Schema+"."+t.Name] = t
	}
	return nil
}

func (c *checker) loadTables(ctx context.Context) error {
	c.tables = &tables{byName: map[string]*relation{}, byOID: map[uint32]*relation{}, strict: map[string]bool{}, own: map[string][]*routine{}}
	rows, err := c.tx.Query(ctx, `
		SELECT c.oid, n.nspname || '.' || c.relname, c.relkind IN ('v', 'm'), a.attname, a.atttypid, a.attnotnull,
		       a.atthasdef OR a.attidentity <> '', a.attgenerated <> '',
		       CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) ELSE '' END
		FROM pg_catalog.pg_class c
		JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE n.nspname IN ($1, 'public') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
		ORDER BY c.oid, a.attnum`, c.schema)
	if err != nil {
		return err
	}
	var oid uint32
	var name, query string
	var view bool
	var col column
	into := []any{&oid, &name, &view, &col.Name, &col.Type, &col.NotNull, &col.Default, &col.Generated, &query}
	_, err = pgx.ForEachRow(rows, into, func() error {
		r := c.tables.byOID[oid]
		if r == nil {
			r = &relation{name: name, view: view, query: query}
			c.tables.byOID[oid], c.tables.byName[name] = r, r
		}
		r.columns = append(r.columns, col)
		return nil
	})
	if err != nil {
		return err
	}
	return c.loadStrict(ctx)
}

func (c *checker) loadStrict(ctx context.Context) error {
	rows, err := c.tx.Query(ctx, `
		SELECT n.nspname || '.' || p.proname FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname IN ('pg_catalog', 'public', $1) AND p.prokind = 'f'
		GROUP BY 1 HAVING bool_and(p.proisstrict AND NOT p.proretset)`, c.schema)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, name := range names {
		c.tables.strict[name] = true
	}
	if err != nil {
		return err
	}
	return c.loadRoutines(ctx)
}

// Names of pg_catalog that stand in several tables here.
const (
	pgInt2   = "int2"
	pgInt4   = "int4"
	pgInt8   = "int8"
	pgFloat4 = "float4"
	pgFloat8 = "float8"
)

// aliases are the names that SQL and sqlc have for types of pg_catalog.
var aliases = map[string]string{
	"integer": pgInt4, "int": pgInt4, "bigint": pgInt8, "smallint": pgInt2, "boolean": "bool",
	"double precision": pgFloat8, "real": pgFloat4, "float": pgFloat8, "decimal": "numeric",
	"character varying": "varchar", "character": "bpchar", "string": "text",
	"timestamp with time zone": "timestamptz", "timestamp without time zone": "timestamp",
	"time with time zone": "timetz", "time without time zone": "time", "bit varying": "varbit",
	"serial": pgInt4, "serial4": pgInt4, "bigserial": pgInt8, "serial8": pgInt8, "smallserial": pgInt2, "serial2": pgInt2,
}

// find resolves the name that sqlc gives a type; nil when it gives none.
func (t *types) find(name string, array bool) *pgType {
	name = strings.TrimPrefix(name, "pg_catalog.")
	if alias := aliases[name]; alias != "" {
		name = alias
	}
	var found *pgType
	if strings.Contains(name, ".") {
		found = t.byName[name]
	}
	for _, schema := range t.path {
		if found == nil {
			found = t.byName[schema+"."+name]
		}
	}
	if found == nil || found.Kind == "p" {
		return nil
	}
	if array {
		return t.byOID[found.Array]
	}
	return found
}

// base follows domains to the type that they stand for.
func (t *types) base(p *pgType) *pgType {
	for p != nil && p.Kind == "d" {
		p = t.byOID[p.Base]
	}
	return p
}

func (t *types) element(p *pgType) *pgType {
	if p != nil && p.Category == "A" {
		return t.base(t.byOID[p.Element])
	}
	return nil
}

// sql spells a type for messages and casts.
func (t *types) sql(p *pgType) string {
	if p == nil {
		return "unknown"
	}
	if e := t.element(p); e != nil {
		return t.sql(e) + "[]"
	}
	switch p.Schema {
	case "pg_catalog":
		return spell(p.Name)
	case publicSchema:
		return "public." + p.Name
	}
	return p.Name
}

func spell(name string) string {
	for _, long := range []string{"integer", "bigint", "smallint", "boolean", "double precision", "real"} {
		if aliases[long] == name {
			return long
		}
	}
	return name
}

var width = map[string]int{pgInt2: 2, pgInt4: 4, pgInt8: 8}
var textual = map[string]bool{"text": true, "varchar": true, "bpchar": true, "name": true, "citext": true, "char": true}

// carries is true when every value of type from fits into what was generated
// for type to: for a column from is PostgreSQL's, for a parameter the
// generated one.
func (t *types) carries(from, to *pgType) bool {
	from, to = t.base(from), t.base(to)
	if from == nil || to == nil {
		return false
	}
	if from.OID == to.OID {
		return true
	}
	if fe, te := t.element(from), t.element(to); fe != nil || te != nil {
		return fe != nil && te != nil && t.carries(fe, te)
	}
	text := func(p *pgType) bool { return textual[p.Name] || p.Kind == "e" }
	switch {
	case from.Kind == "e" && to.Kind == "e":
		return false
	case text(from) && text(to):
		return true
	case width[from.Name] > 0 && width[to.Name] > 0:
		return width[from.Name] <= width[to.Name]
	case width[from.Name] > 0 && to.Name == "numeric":
		return true
	case from.Name == pgFloat4 && to.Name == pgFloat8:
		return true
	}
	json := map[string]bool{"json": true, "jsonb": true}
	return json[from.Name] && json[to.Name]
}
