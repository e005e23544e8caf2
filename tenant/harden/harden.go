// Package harden takes from PUBLIC what PostgreSQL lets every role do in a new
// database, as far as it would let a query leave its tenant: change the role,
// run SQL given as text, and reach what sessions or tenants share.
//
// The runtime role is a member of every tenant's role, and PostgreSQL asks the
// role that logged in whether it may take on another one. A query that runs as
// one tenant's role could therefore call set_config('role', ...) and read the
// next tenant; once that function is the owner's and the runtime role's alone,
// no query can, whatever text it has.
//
// The package imports the standard library and pgx.
package harden

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// binding is the function by which the runtime binds a transaction to a tenant,
// and by which anything else would.
const binding = "set_config"

// functions are patterns of names in pg_catalog: signatures differ between
// versions of PostgreSQL. Only ts_rewrite is told apart by its arguments.
var functions = []string{
	binding, "setseed",
	"(query|cursor|table|schema|database)_to_xml.*", "ts_stat", // run SQL given as text
	"pg_notify", "pg_(try_)?advisory_.*", "pg_export_snapshot", "pg_logical_emit_message", // reach other sessions
	"pg_(cancel|terminate)_backend",
	"lo_.*", "loread", "lowrite", // large objects are the whole database's
	"pg_prepared_(statement|xact)", "pg_cursor", "pg_show_all_settings", "pg_lock_status", "pg_stat_get_.*", // show sessions
	"pg_(relation|table|indexes|total_relation)_size", // shows tenants, by the number of a table
}

// views are patterns of names in pg_catalog. Anyone may even write pg_settings.
var views = []string{
	"pg_settings", "pg_prepared_(statements|xacts)", "pg_cursors", "pg_locks", "pg_stat_.*", "pg_statio_.*",
}

// objects lists them all, and whether PUBLIC may still use them.
var objects = fmt.Sprintf(`
	SELECT 'FUNCTION' AS kind, 'EXECUTE' AS privilege, p.oid::pg_catalog.regprocedure::text AS object, p.proname = '%s' AS binding,
	       p.oid, pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE') AS exposed
	FROM pg_catalog.pg_proc AS p
	WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
	  AND (p.proname ~ '^(%s)$' OR p.proname = 'ts_rewrite' AND p.pronargs = 2)
	UNION ALL
	SELECT 'TABLE', 'SELECT', c.oid::pg_catalog.regclass::text, false,
	       c.oid, pg_catalog.has_table_privilege('public', c.oid, 'SELECT, INSERT, UPDATE, DELETE')
	FROM pg_catalog.pg_class AS c
	WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND c.relkind = 'v' AND c.relname ~ '^(%s)$'`,
	binding, strings.Join(functions, "|"), strings.Join(views, "|"))

// places are what PUBLIC may make things in, and whether it still may.
const places = `
	SELECT what || ' ON DATABASE ' || pg_catalog.quote_ident(pg_catalog.current_database()) AS object, false AS binding,
	       pg_catalog.has_database_privilege('public', pg_catalog.current_database(), what) AS exposed
	FROM (VALUES ('CREATE'), ('TEMPORARY')) AS database (what)
	UNION ALL
	SELECT 'CREATE ON SCHEMA public', false, pg_catalog.has_schema_privilege('public', 'public', 'CREATE')`

// Script is the SQL that a superuser runs in a database to harden it. The owner
// role keeps what PUBLIC could do, the runtime role what binding a tenant takes,
// and pg_monitor the views that are made for it. It may be repeated, for a further
// runtime role too.
func Script(owner, runtime string) string {
	return fmt.Sprintf(script, objects, literal(owner), literal(runtime))
}

// script gives away nothing that PUBLIC did not have, such as reading the
// server's files by lo_import, and changes only what has to be.
const script = `DO $harden$
DECLARE
	o record;
BEGIN
	FOR o IN SELECT * FROM (%[1]s) AS objects WHERE exposed
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON %%s %%s FROM PUBLIC', o.kind, o.object);
		EXECUTE pg_catalog.format('GRANT %%s ON %%s %%s TO %%I, pg_monitor', o.privilege, o.kind, o.object, %[2]s);
	END LOOP;
	FOR o IN SELECT r.name, f.* FROM (%[1]s) AS f, (VALUES (%[2]s), (%[3]s)) AS r (name)
		WHERE binding AND NOT pg_catalog.has_function_privilege(r.name::pg_catalog.name, oid, privilege)
	LOOP
		EXECUTE pg_catalog.format('GRANT %%s ON %%s %%s TO %%I', o.privilege, o.kind, o.object, o.name);
	END LOOP;
	EXECUTE pg_catalog.format('REVOKE TEMPORARY, CREATE ON DATABASE %%I FROM PUBLIC', pg_catalog.current_database());
	REVOKE CREATE ON SCHEMA public FROM PUBLIC;
END
$harden$;
`

// literal quotes a name for use as an SQL string, also within the script's body.
func literal(s string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(s, "'", "''"), "$", "'||'$'||'") + "'"
}

// Querier is what Check needs of a connection or a pool.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Check says in one sentence what the database would let a query do, or nothing
// when it is hardened. Any role may ask.
func Check(ctx context.Context, db Querier) (warning string, err error) {
	rows, err := db.Query(ctx, "SELECT object, binding FROM (SELECT object, binding, exposed FROM ("+objects+") AS o UNION ALL "+places+") AS objects WHERE exposed")
	if err != nil {
		return "", fmt.Errorf("look at the rights of PUBLIC: %w", err)
	}
	var object string
	var isBinding, rebind bool
	n, first := 0, ""
	_, err = pgx.ForEachRow(rows, []any{&object, &isBinding}, func() error {
		if rebind = rebind || isBinding; first == "" || isBinding {
			first = object
		}
		n++
		return nil
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("look at the rights of PUBLIC: %w", err)
	case n == 0:
		return "", nil
	case rebind:
		return fmt.Sprintf("every role may call %s, so that SQL which slips past the guard could change its tenant: %s", first, mend), nil
	case n == 1:
		return fmt.Sprintf("every role may use %s, which tenants have no need of: %s", first, mend), nil
	}
	return fmt.Sprintf("every role may use %s and %d more that tenants have no need of: %s", first, n-1, mend), nil
}

const mend = "let a superuser run what `bailiwick harden --print` prints"
