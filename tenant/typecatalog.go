package tenant

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// pgType is a row of pg_type.
type pgType struct {
	oid           uint32
	schema, name  string
	kind          string // b base, d domain, e enum, c composite, p pseudo, r range, m multirange
	category      string
	base, element uint32
	array         uint32
}

// typeCatalog is what a schema's statements can speak of.
type typeCatalog struct {
	byOID  map[uint32]*pgType
	byName map[string]*pgType
	path   [3]string
}

// loadTypes needs no binding: it names what it reads.
func loadTypes(ctx context.Context, pg *pgconn.PgConn, schema string) (*typeCatalog, error) {
	const sql = `SELECT t.oid, n.nspname, t.typname, t.typtype, t.typcategory, t.typbasetype, t.typelem, t.typarray
		FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
		WHERE n.nspname IN ($1, 'public', 'pg_catalog')`
	result := pg.ExecParams(ctx, sql, [][]byte{[]byte(schema)}, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, fmt.Errorf("read the types: %w", result.Err)
	}
	c := &typeCatalog{byOID: map[uint32]*pgType{}, byName: map[string]*pgType{}, path: [3]string{schema, publicVersion, "pg_catalog"}}
	for _, r := range result.Rows {
		t := &pgType{
			oid: parseOID(r[0]), schema: string(r[1]), name: string(r[2]), kind: string(r[3]), category: string(r[4]),
			base: parseOID(r[5]), element: parseOID(r[6]), array: parseOID(r[7]),
		}
		c.byOID[t.oid], c.byName[t.schema+"."+t.name] = t, t
	}
	return c, nil
}

// find resolves a type as a [Statement] has it; nil when the schema has none of
// that name.
func (c *typeCatalog) find(name string) *pgType {
	name, array := strings.CutSuffix(name, "[]")
	t := c.byName[name] // public.x
	for _, schema := range c.path {
		if t == nil {
			t = c.byName[schema+"."+name]
		}
	}
	if t != nil && array {
		return c.byOID[t.array]
	}
	return t
}

// resolve follows domains to the type that they stand for.
func (c *typeCatalog) resolve(t *pgType) *pgType {
	for t != nil && t.kind == "d" {
		t = c.byOID[t.base]
	}
	return t
}

func (c *typeCatalog) elementOf(t *pgType) *pgType {
	if t.category != "A" {
		return nil
	}
	return c.resolve(c.byOID[t.element])
}

// carries is true when each value of type from has its place in type to.
func (c *typeCatalog) carries(from, to *pgType) bool {
	from, to = c.resolve(from), c.resolve(to)
	if from == nil || to == nil {
		return false
	}
	if from.oid == to.oid {
		return true
	}
	if fe, te := c.elementOf(from), c.elementOf(to); fe != nil || te != nil {
		return fe != nil && te != nil && c.carries(fe, te)
	}
	switch {
	case from.kind == "e" && to.kind == "e":
		return false
	case textual(from) && textual(to):
		return true
	case widths[from.name] > 0 && widths[to.name] > 0:
		return widths[from.name] <= widths[to.name]
	case widths[from.name] > 0 && to.name == "numeric", from.name == "float4" && to.name == "float8":
		return true
	}
	return documents[from.name] && documents[to.name]
}

var (
	widths    = map[string]int{"int2": 2, "int4": 4, "int8": 8}
	documents = map[string]bool{"json": true, "jsonb": true}
	texts     = []string{"text", "varchar", "bpchar", "name", "citext", "char"}
)

func textual(t *pgType) bool { return t.kind == "e" || slices.Contains(texts, t.name) }

// builtins gives for each local type of a description the built-in type with the
// same text form, as [session.builtinTypes] does by asking.
func (c *typeCatalog) builtins(s *session, sd *pgconn.StatementDescription) map[uint32]uint32 {
	var builtin func(oid uint32) uint32
	builtin = func(oid uint32) uint32 {
		if oid < firstLocalOID {
			return oid
		}
		t := c.byOID[oid]
		switch {
		case t != nil && t.kind == "d":
			return builtin(t.base)
		case t != nil && t.category == "A" && t.element != 0:
			return s.arrayOf(builtin(t.element))
		}
		return pgtype.TextOID
	}
	all := map[uint32]uint32{}
	for _, oid := range sd.ParamOIDs {
		all[oid] = builtin(oid)
	}
	for _, f := range sd.Fields {
		all[f.DataTypeOID] = builtin(f.DataTypeOID)
	}
	return all
}

// spell names a type for people.
func (c *typeCatalog) spell(t *pgType) string {
	if t == nil {
		return "of a type outside of the schema"
	}
	if e := c.byOID[t.element]; t.category == "A" && e != nil {
		return c.spell(e) + "[]"
	}
	if t.schema == publicVersion {
		return "public." + t.name
	}
	return t.name
}
