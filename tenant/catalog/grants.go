package catalog

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// NoRoutines is run before any schema is made. Functions are executable by
// everyone unless said otherwise beforehand; afterwards would be too late, for a
// schema may grant what it wants granted.
const NoRoutines = "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC"

// PublicGrants are what the runtime role gets of the shared schema.
func PublicGrants(runtime string) []string {
	role := tenant.QuoteIdent(runtime)
	return []string{
		"GRANT USAGE ON SCHEMA public TO " + role,
		"GRANT SELECT ON ALL TABLES IN SCHEMA public TO " + role,
		"GRANT EXECUTE ON ALL ROUTINES IN SCHEMA public TO " + role,
	}
}

// TenantGrants are what a tenant's role, which has the schema's name, gets of its
// schema.
func TenantGrants(schema string) []string {
	name := tenant.QuoteIdent(schema)
	return []string{
		"GRANT USAGE ON SCHEMA " + name + " TO " + name,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + name + " TO " + name,
		"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA " + name + " TO " + name,
		"REVOKE ALL ON ALL ROUTINES IN SCHEMA " + name + " FROM PUBLIC",
		"GRANT EXECUTE ON ALL ROUTINES IN SCHEMA " + name + " TO " + name,
	}
}

// TenantComment tells whoever looks at a tenant's schema whose it is.
func TenantComment(schema string) string {
	return "COMMENT ON SCHEMA " + tenant.QuoteIdent(schema) + " IS 'A tenant of Bailiwick, changed by rollouts only'"
}

// grantsOf is what TenantGrants are, without a look at all that the database has:
// PostgreSQL finds "all tables in schema" by reading about every table there is.
// Of routines there are fewer, and naming one takes longer: by its name PostgreSQL
// reads about all of that name, which are as many as there are tenants.
func grantsOf(schema string) string {
	return fmt.Sprintf(`DO $grants$
DECLARE
	found record;
BEGIN
	GRANT USAGE ON SCHEMA %[1]s TO %[1]s;
	FOR found IN
		SELECT CASE WHEN c.relkind = 'S' THEN 'USAGE, SELECT ON SEQUENCE ' ELSE 'SELECT, INSERT, UPDATE, DELETE ON ' END AS what,
		       pg_catalog.string_agg(c.oid::pg_catalog.regclass::text, ', ') AS names
		FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_class AS c ON c.oid = d.objid
		WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = '%[1]s'::pg_catalog.regnamespace
		  AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.relkind IN ('r', 'v', 'm', 'f', 'p', 'S')
		GROUP BY 1
	LOOP
		EXECUTE 'GRANT ' || found.what || found.names || ' TO %[1]s';
	END LOOP;
	IF EXISTS (
		SELECT FROM pg_catalog.pg_depend AS d
		WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = '%[1]s'::pg_catalog.regnamespace
		  AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
	) THEN
		REVOKE ALL ON ALL ROUTINES IN SCHEMA %[1]s FROM PUBLIC;
		GRANT EXECUTE ON ALL ROUTINES IN SCHEMA %[1]s TO %[1]s;
	END IF;
END
$grants$`, tenant.QuoteIdent(schema))
}

// setOption is the first server version in which a membership says for itself
// whether it inherits.
const setOption = 16

// membership lets the runtime role take on a tenant's role, and nothing more.
func membership(version int, schema, runtime string) string {
	grant := "GRANT " + tenant.QuoteIdent(schema) + " TO " + tenant.QuoteIdent(runtime)
	if version >= setOption {
		grant += " WITH INHERIT FALSE, SET TRUE"
	}
	return grant
}

// serverVersion is the server's major version, which it tells each connection.
func serverVersion(tx pgx.Tx) int {
	text := tx.Conn().PgConn().ParameterStatus("server_version")
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(text)
	}
	version, err := strconv.Atoi(text[:end])
	if err != nil {
		return 0
	}
	return version
}
