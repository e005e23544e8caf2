package catalog

import (
	"context"
	_ "embed"

	"github.com/jackc/pgx/v5"
)

// maxNamed is how many objects an error names.
const maxNamed = 10

// dependents.sql finds what lies outside of a schema and would be dropped with it.
//
//go:embed dependents.sql
var dependentsSQL string

// dependents names the objects outside of a schema that depend on it.
func dependents(ctx context.Context, tx pgx.Tx, schema string) ([]string, error) {
	return names(ctx, tx, dependentsSQL, schema, maxNamed)
}

// rightsOf names what a role owns or may use, in this database and in others of
// the server.
func rightsOf(ctx context.Context, tx pgx.Tx, role string) ([]string, error) {
	return names(ctx, tx, `
		SELECT CASE WHEN d.dbid IN (0, b.oid) THEN pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
		       ELSE pg_catalog.format('objects in database %I', (SELECT o.datname FROM pg_catalog.pg_database AS o WHERE o.oid = d.dbid)) END AS object
		FROM pg_catalog.pg_shdepend AS d, pg_catalog.pg_database AS b
		WHERE b.datname = pg_catalog.current_database()
		  AND d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.refobjid = pg_catalog.to_regrole($1)
		GROUP BY object ORDER BY object LIMIT $2`, role, maxNamed)
}

func names(ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]string, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
