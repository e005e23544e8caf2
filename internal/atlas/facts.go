package atlas

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// facts are what PostgreSQL's catalogs say of a schema beyond what Atlas asks
// them. A thing that Atlas sees only half has a reason, and is left alone.
type facts struct {
	tables      map[string]fact
	columns     map[string]fact // by table and column, see key
	constraints map[string]fact // by table and name
	indexes     map[string]fact // by table and name, without those of constraints
	types       map[string]fact
}

type fact struct {
	// category is that of a column's type, or of what its array or domain is made
	// of: pg_type.typcategory.
	category string
	// definition is PostgreSQL's own, under the schema's search_path.
	definition string
	// odd says why it is not for Atlas, and is empty for most.
	odd string
}

func key(table, name string) string { return table + "\x00" + name }

// Atlas sees no partitions. One that is a table of its own on the other side must
// not look as if it went or came with its rows.
const tableFacts = `
	SELECT c.relname, '', '', coalesce(pg_get_partkeydef(c.oid), ''),
	       CASE WHEN c.reloftype <> 0 THEN 'is made of a type'
	            WHEN c.relispartition THEN 'is a partition'
	            WHEN EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid) THEN 'inherits from another table'
	            ELSE '' END
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')`

// The default of a serial column is odd: the sequence behind it has a value,
// which Atlas would begin again.
const columnFacts = `
	SELECT c.relname, a.attname, coalesce(e.typcategory, t.typcategory)::text, format_type(a.atttypid, a.atttypmod),
	       CASE WHEN pg_get_expr(d.adbin, d.adrelid) ~ '\mnextval\(' THEN 'takes its values from a sequence'
	            ELSE '' END
	FROM pg_attribute a
	JOIN pg_class c ON c.oid = a.attrelid
	JOIN pg_namespace n ON n.oid = c.relnamespace
	JOIN pg_type t ON t.oid = a.atttypid
	LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
	LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated = ''
	WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped`

const constraintFacts = `
	SELECT c.relname, k.conname, '', pg_get_constraintdef(k.oid, true),
	       CASE WHEN k.contype NOT IN ('p', 'u', 'f', 'c') THEN 'is of a kind that Atlas can''t write'
	            WHEN k.condeferrable THEN 'is deferrable'
	            WHEN NOT k.convalidated THEN 'is not valid'
	            WHEN k.contype = 'p' AND k.conname <> c.relname || '_pkey' THEN 'has a name of its own'
	            WHEN k.contype = 'f' AND k.confmatchtype <> 's' THEN 'has a MATCH clause'
	            WHEN to_jsonb(k) ->> 'confdelsetcols' IS NOT NULL THEN 'sets some columns on delete'
	            WHEN NOT k.conislocal OR k.conparentid <> 0 THEN 'is inherited'
	            WHEN x.reloptions IS NOT NULL OR x.reltablespace <> 0 THEN 'has storage parameters'
	            ELSE '' END
	FROM pg_constraint k
	JOIN pg_class c ON c.oid = k.conrelid
	JOIN pg_namespace n ON n.oid = c.relnamespace
	LEFT JOIN pg_class x ON x.oid = k.conindid AND k.contype IN ('p', 'u', 'x')
	WHERE n.nspname = $1`

// oddPartition is the reason why an index is its parent's affair.
const oddPartition = "is a partition's"

const indexFacts = `
	SELECT c.relname, x.relname, '', pg_get_indexdef(i.indexrelid, 0, true),
	       CASE WHEN NOT i.indisvalid THEN 'is invalid'
	            WHEN x.reloptions IS NOT NULL OR x.reltablespace <> 0 THEN 'has storage parameters'
	            WHEN x.relispartition THEN 'is a partition''s'
	            WHEN EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = x.oid AND o.attoptions IS NOT NULL)
	              THEN 'has operator class parameters'
	            WHEN EXISTS (SELECT FROM unnest(i.indclass::oid[]) AS u (oid) JOIN pg_opclass o ON o.oid = u.oid
	                         WHERE o.opcnamespace <> 'pg_catalog'::regnamespace) THEN 'has an operator class of another schema'
	            WHEN EXISTS (SELECT FROM unnest(i.indcollation::oid[], i.indkey::int2[]) AS u (coll, attnum)
	                         LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum
	                         WHERE u.coll NOT IN (0, coalesce(a.attcollation, 'pg_catalog."default"'::regcollation)))
	              THEN 'has a collation of its own'
	            ELSE '' END
	FROM pg_index i
	JOIN pg_class x ON x.oid = i.indexrelid
	JOIN pg_class c ON c.oid = i.indrelid
	JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = $1 AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.oid AND k.contype IN ('p', 'u', 'x'))`

const typeFacts = `
	SELECT t.typname, '', '', t.typtype::text, ''
	FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
	WHERE n.nspname = $1`

// readFacts is for the same search_path as Atlas's inspection.
func readFacts(ctx context.Context, conn *pgx.Conn, schema string) (facts, error) {
	f := facts{map[string]fact{}, map[string]fact{}, map[string]fact{}, map[string]fact{}, map[string]fact{}}
	for _, q := range []struct {
		sql  string
		into map[string]fact
	}{
		{tableFacts, f.tables},
		{columnFacts, f.columns},
		{constraintFacts, f.constraints},
		{indexFacts, f.indexes},
		{typeFacts, f.types},
	} {
		rows, err := conn.Query(ctx, q.sql, schema)
		if err != nil {
			return f, fmt.Errorf("read the catalogs: %w", err)
		}
		var table, name string
		var one fact
		_, err = pgx.ForEachRow(rows, []any{&table, &name, &one.category, &one.definition, &one.odd}, func() error {
			entry := one
			if !plain(table) || !plain(name) {
				entry.odd = "has a name that Atlas can't quote"
			}
			if name == "" {
				q.into[table] = entry
			} else {
				q.into[key(table, name)] = entry
			}
			return nil
		})
		if err != nil {
			return f, fmt.Errorf("read the catalogs: %w", err)
		}
	}
	return f, nil
}

// plain tells whether a name between double quotes is itself, in SQL and in Go:
// Atlas quotes partly in one way and partly in the other.
func plain(name string) bool { return strconv.Quote(name) == `"`+name+`"` }
