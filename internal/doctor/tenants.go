package doctor

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/project"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

var tenantChecks = []databaseCheck{
	{"registry", checkRegistry},
	{"half-made", checkHalfMade},
	{"orphans", checkOrphans},
	{"tenant-role", checkTenantRoles},
	{"membership", checkMembership},
	{"owner", checkOwnership},
	{"grants", checkGrants},
	{"foreign-rights", checkForeignRights},
	{"version", checkSchemaVersions},
	{"locks", checkLocks},
}

// registered is a tenant of the registry.
type registered struct {
	slug, schema, state, version string
}

const undefinedTable = "42P01"

// checkRegistry reads the tenants, which the other checks of the area go over.
func checkRegistry(ctx context.Context, d *database) ([]outcome, error) {
	rows, err := d.tx.Query(ctx, "SELECT slug, id::text, state::text, schema_fingerprint FROM public.tenants WHERE state::text <> 'purged' ORDER BY slug")
	if err == nil {
		d.tenants, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (registered, error) {
			var r registered
			var text string
			if err := row.Scan(&r.slug, &text, &r.state, &r.version); err != nil {
				return r, err
			}
			id, err := tenant.ParseID(text)
			r.schema = id.SchemaName()
			return r, err
		})
	}
	if sqlState(err) == undefinedTable {
		return failf("bailiwick tenant create SLUG, which installs it first", "there is no registry, public.tenants, in database %s", d.name), nil
	}
	if err != nil {
		return nil, err
	}
	byState := map[string]int{}
	d.slugs = map[string]string{}
	for _, t := range d.tenants {
		byState[t.state]++
		d.slugs[t.schema] = t.slug
	}
	return okf("%d tenants, %d of them active", len(d.tenants), byState["active"]), nil
}

// schemas are the names of all tenants' schemas and roles.
func (d *database) schemas() []string {
	names := make([]string, len(d.tenants))
	for i, t := range d.tenants {
		names[i] = t.schema
	}
	return names
}

// slug turns the name of a schema into what people call the tenant.
func (d *database) slug(schema string) string {
	return cmp.Or(d.slugs[schema], schema)
}

// perTenant runs a query that lists schemas, and makes one finding of them. In
// mend, %[1]s is the quoted name of the first.
func (d *database) perTenant(ctx context.Context, level Status, message, mend, sql string, args ...any) ([]outcome, error) {
	bad, err := stringsOf(ctx, d.tx, sql, append([]any{d.schemas()}, args...)...)
	if err != nil || len(bad) == 0 {
		return nil, err
	}
	slices.SortFunc(bad, func(a, b string) int { return strings.Compare(d.slug(a), d.slug(b)) })
	if strings.Contains(mend, "%[1]s") {
		mend = fmt.Sprintf(mend, tenant.QuoteIdent(bad[0]))
	}
	if len(bad) > 1 {
		mend += fmt.Sprintf(" -- and so for %d more", len(bad)-1)
	}
	names := make([]string, len(bad))
	for i, schema := range bad {
		names[i] = d.slug(schema)
	}
	return []outcome{{level, fmt.Sprintf(message, sample(names)), mend}}, nil
}

// checkHalfMade: a registered tenant has its schema and its role. Creation is
// one transaction, so somebody took them away, or inserted the row by hand.
func checkHalfMade(ctx context.Context, d *database) ([]outcome, error) {
	const mend = "restore it from a backup, or remove the row from public.tenants"
	schema, err := d.perTenant(ctx, Fail, "registered, but without a schema: %s", mend,
		"SELECT name FROM unnest($1::text[]) AS name WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = name)")
	if err != nil {
		return nil, err
	}
	role, err := d.perTenant(ctx, Fail, "registered, but without a role: %s", "CREATE ROLE %[1]s NOLOGIN NOINHERIT, and then what `bailiwick doctor` asks for",
		"SELECT name FROM unnest($1::text[]) AS name WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)")
	if err != nil {
		return nil, err
	}
	var stuck []string
	for _, t := range d.tenants {
		if t.state == "provisioning" || t.state == "offboarding" {
			stuck = append(stuck, t.slug+" ("+t.state+")")
		}
	}
	problems := slices.Concat(schema, role)
	if len(stuck) > 0 {
		problems = append(problems, warnf("finish it, or set public.tenants.state to what it is", "not routed, since they are in between: %s", sample(stuck))...)
	}
	return orOK(problems, "every tenant has its schema and its role"), nil
}

// checkOrphans finds schemas that no row names. Roles belong to the whole
// server, so one is an orphan only if nothing in any database depends on it.
func checkOrphans(ctx context.Context, d *database) ([]outcome, error) {
	schemas, err := d.perTenant(ctx, Warn, "schemas that no tenant has: %s", "look into it, and then DROP SCHEMA %[1]s CASCADE; DROP ROLE %[1]s",
		"SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^t_[0-9a-f]{32}$' AND nspname <> ALL ($1::text[]) ORDER BY 1")
	if err != nil {
		return nil, err
	}
	roles, err := d.perTenant(ctx, Warn, "tenants' roles that own and may use nothing: %s", "DROP ROLE %[1]s", `
		SELECT rolname::text FROM pg_roles AS r
		WHERE rolname ~ '^t_[0-9a-f]{32}$' AND rolname <> ALL ($1::text[])
		  AND NOT EXISTS (SELECT FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = r.oid)
		ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	return orOK(slices.Concat(schemas, roles), "no schema or role is left over"), nil
}

func checkTenantRoles(ctx context.Context, d *database) ([]outcome, error) {
	strong, err := d.perTenant(ctx, Fail, "roles that may do more than own nothing: %s",
		"ALTER ROLE %[1]s NOLOGIN NOINHERIT NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS", `
		SELECT rolname::text FROM pg_roles
		WHERE rolname = ANY ($1::text[])
		  AND (rolcanlogin OR rolinherit OR rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
		ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	member, err := d.perTenant(ctx, Fail, "tenants' roles that are members of another role: %s", "REVOKE ... FROM %[1]s", `
		SELECT DISTINCT r.rolname::text FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.member
		WHERE r.rolname = ANY ($1::text[]) ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	return orOK(slices.Concat(strong, member), "tenants' roles can do nothing by themselves"), nil
}

// checkMembership: the runtime role, and besides the owner nobody else, may
// take on a tenant's role.
func checkMembership(ctx context.Context, d *database) ([]outcome, error) {
	if d.runtimeRole == "" {
		return skipf("give the runtime role's connection string to check it"), nil
	}
	grant := "GRANT %[1]s TO " + tenant.QuoteIdent(d.runtimeRole)
	if d.version >= grantorOption {
		grant += " WITH INHERIT FALSE, SET TRUE"
	}
	missing, err := d.perTenant(ctx, Fail, "the service cannot work for these tenants, whose roles "+d.runtimeRole+" is no member of: %s", grant, `
		SELECT r.rolname::text FROM pg_roles AS r
		WHERE r.rolname = ANY ($1::text[]) AND NOT EXISTS (
			SELECT FROM pg_auth_members AS m JOIN pg_roles AS me ON me.oid = m.member WHERE m.roleid = r.oid AND me.rolname = $2)
		ORDER BY 1`, d.runtimeRole)
	if err != nil {
		return nil, err
	}
	others, err := d.perTenant(ctx, Warn, "tenants whose role others may take on too: %s", `\drg+ %[1]s in psql shows whom; REVOKE %[1]s FROM ...`, `
		SELECT DISTINCT r.rolname::text FROM pg_roles AS r
		JOIN pg_auth_members AS m ON m.roleid = r.oid JOIN pg_roles AS other ON other.oid = m.member
		WHERE r.rolname = ANY ($1::text[]) AND other.rolname <> ALL ($2::text[]) AND NOT other.rolsuper
		ORDER BY 1`, []string{d.runtimeRole, d.ownerRole})
	if err != nil {
		return nil, err
	}
	return orOK(slices.Concat(missing, others), "%s may take on every tenant's role", d.runtimeRole), nil
}

func checkOwnership(ctx context.Context, d *database) ([]outcome, error) {
	problems, err := d.perTenant(ctx, Fail, "tenants in whose schema something belongs to another role than "+d.ownerRole+": %s",
		"ALTER SCHEMA %[1]s OWNER TO "+tenant.QuoteIdent(d.ownerRole)+", and ALTER TABLE ... OWNER TO likewise", `
		SELECT n.nspname::text FROM pg_namespace AS n
		WHERE n.nspname = ANY ($1::text[]) AND (pg_get_userbyid(n.nspowner) <> $2
		   OR EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = n.oid AND pg_get_userbyid(c.relowner) <> $2)
		   OR EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = n.oid AND pg_get_userbyid(p.proowner) <> $2))
		ORDER BY 1`, d.ownerRole)
	return orOK(problems, "everything belongs to %s", d.ownerRole), err
}

// checkGrants: a tenant's role has what queries take.
func checkGrants(ctx context.Context, d *database) ([]outcome, error) {
	problems, err := d.perTenant(ctx, Fail, "tenants whose role may not use all of their tables: %s",
		"GRANT USAGE ON SCHEMA %[1]s TO %[1]s; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %[1]s TO %[1]s;"+
			" GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA %[1]s TO %[1]s; GRANT EXECUTE ON ALL ROUTINES IN SCHEMA %[1]s TO %[1]s", `
		SELECT n.nspname::text FROM pg_namespace AS n JOIN pg_roles AS r ON r.rolname = n.nspname
		WHERE n.nspname = ANY ($1::text[]) AND (NOT has_schema_privilege(r.oid, n.oid, 'USAGE')
		   OR EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
		      AND NOT (has_table_privilege(r.oid, c.oid, 'SELECT') AND has_table_privilege(r.oid, c.oid, 'INSERT')
		               AND has_table_privilege(r.oid, c.oid, 'UPDATE') AND has_table_privilege(r.oid, c.oid, 'DELETE')))
		   OR EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = n.oid AND CASE c.relkind WHEN 'S' THEN NOT has_sequence_privilege(r.oid, c.oid, 'USAGE') END)
		   OR EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = n.oid AND NOT has_function_privilege(r.oid, p.oid, 'EXECUTE')))
		ORDER BY 1`)
	return orOK(problems, "every tenant's role may use its tables, sequences and functions"), err
}

// checkForeignRights: nobody but the owner and the tenant's role has a right on
// anything in a tenant's schema, PUBLIC least of all.
func checkForeignRights(ctx context.Context, d *database) ([]outcome, error) {
	problems, err := d.perTenant(ctx, Fail, "tenants whose data or functions others have rights on: %s",
		"REVOKE ALL ON SCHEMA %[1]s FROM PUBLIC; REVOKE ALL ON ALL TABLES IN SCHEMA %[1]s FROM PUBLIC;"+
			" REVOKE ALL ON ALL ROUTINES IN SCHEMA %[1]s FROM PUBLIC (or FROM the role that \\dp and \\df+ in psql show)", `
		SELECT DISTINCT n.nspname::text FROM pg_namespace AS n JOIN pg_roles AS own ON own.rolname = n.nspname,
		LATERAL (
			SELECT a.grantee FROM aclexplode(n.nspacl) AS a
			UNION ALL SELECT a.grantee FROM pg_class AS c, aclexplode(c.relacl) AS a WHERE c.relnamespace = n.oid
			UNION ALL SELECT a.grantee FROM pg_attribute AS t JOIN pg_class AS c ON c.oid = t.attrelid, aclexplode(t.attacl) AS a WHERE c.relnamespace = n.oid
			UNION ALL SELECT a.grantee FROM pg_proc AS p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a WHERE p.pronamespace = n.oid
		) AS rights
		WHERE n.nspname = ANY ($1::text[]) AND rights.grantee <> own.oid AND pg_get_userbyid(rights.grantee) <> $2
		ORDER BY 1`, d.ownerRole)
	return orOK(problems, "nobody else has a right on a tenant's objects"), err
}

// checkSchemaVersions compares what tenants have with the project's files, or
// outside of a project with each other.
func checkSchemaVersions(ctx context.Context, d *database) ([]outcome, error) {
	count := map[string]int{}
	for _, t := range d.tenants {
		count[t.version]++
	}
	if d.project == nil {
		return versionsAmongThemselves(ctx, d, count)
	}
	public, own, err := desired(d.project)
	if err != nil {
		return nil, err
	}
	problems, err := publicBehind(ctx, d, public)
	if err != nil {
		return nil, err
	}
	behind, err := tenantsBehind(ctx, d, own, count)
	if err != nil {
		return nil, err
	}
	if behind > 0 {
		problems = append(problems, warnf("bailiwick schema apply; in development `go run ./server --reset` makes all anew",
			"%d of %d tenants do not have the schema of %s (version %s)", behind, len(d.tenants), d.project.Tenant.OwnSchema, own)...)
	}
	return orOK(problems, "all tenants have the schema of %s (version %s)", d.project.Tenant.OwnSchema, own), nil
}

// versionsAmongThemselves holds tenants against what new ones are made of, or
// where nobody knows that against each other.
func versionsAmongThemselves(ctx context.Context, d *database, count map[string]int) ([]outcome, error) {
	has, err := d.hasLedger(ctx)
	if err != nil {
		return nil, err
	}
	var current []string
	if has {
		if current, err = stringsOf(ctx, d.tx, "SELECT fingerprint FROM bailiwick.schemas WHERE scope = 'tenant' AND current"); err != nil {
			return nil, err
		}
	}
	if len(current) == 1 {
		if behind := len(d.tenants) - count[current[0]]; behind > 0 {
			return warnf("bailiwick schema apply", "%d of %d tenants are not at the state that new ones are made in (%s)", behind, len(d.tenants), current[0]), nil
		}
		return okf("all tenants are at the state that new ones are made in"), nil
	}
	if len(count) > 1 {
		return warnf("run this in the project's folder to see which one is meant", "tenants are at %d versions of the schema", len(count)), nil
	}
	return okf("all tenants are at one version of the schema"), nil
}

// tenantsBehind tells how many tenants are not at what a version of the text makes.
func tenantsBehind(ctx context.Context, d *database, version string, count map[string]int) (int, error) {
	behind := len(d.tenants)
	if has, err := d.hasLedger(ctx); err != nil || !has {
		return behind, err
	}
	made, err := stringsOf(ctx, d.tx, "SELECT fingerprint FROM bailiwick.schemas WHERE scope = 'tenant' AND version = $1", version)
	for _, fingerprint := range made {
		behind -= count[fingerprint]
	}
	return behind, err
}

// hasLedger tells whether Bailiwick's own tables are there.
func (d *database) hasLedger(ctx context.Context) (has bool, err error) {
	err = d.tx.QueryRow(ctx, "SELECT to_regclass('bailiwick.schemas') IS NOT NULL").Scan(&has)
	return has, err
}

func publicBehind(ctx context.Context, d *database, want string) ([]outcome, error) {
	has, err := d.hasLedger(ctx)
	if err != nil {
		return nil, err
	}
	var installed []string
	if has {
		installed, err = stringsOf(ctx, d.tx, "SELECT value FROM bailiwick.meta WHERE key = 'public_version'")
	}
	switch {
	case err == nil && len(installed) == 0:
		return warnf("bailiwick tenant create SLUG installs it", "the shared schema was not installed by this tool"), nil
	case err != nil:
		return nil, err
	case installed[0] != want:
		return warnf("bailiwick schema apply; in development `go run ./server --reset` makes all anew",
			"the shared schema is at version %s, and the project's files are at %s", installed[0], want), nil
	}
	return nil, nil
}

// desired are the versions of the project's shared and tenant schema.
func desired(p *project.Project) (public, own string, err error) {
	publicFiles, ownFiles := lint.SchemaFiles(p)
	text := func(files []string) string {
		var b strings.Builder
		for _, file := range files {
			data, readErr := os.ReadFile(p.Abs(file))
			if readErr != nil {
				err = readErr
			}
			b.Write(data)
			b.WriteByte('\n')
		}
		return b.String()
	}
	return catalog.Version(text(publicFiles)), catalog.Version(text(ownFiles)), err
}

// checkLocks: dropping a tenant locks all of its objects at once, and a dump of
// the database all tables of all tenants. The server has room for so many locks.
func checkLocks(ctx context.Context, d *database) ([]outcome, error) {
	var slots, perTransaction, backends, biggest, tables int
	err := d.tx.QueryRow(ctx, `
		WITH objects AS (
			SELECT c.relnamespace, count(*) AS all_of_it, count(*) FILTER (WHERE c.relkind IN ('r', 'p')) AS tables
			FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
			WHERE n.nspname = ANY ($1::text[]) GROUP BY 1
		), room AS (
			SELECT current_setting('max_locks_per_transaction')::int AS each,
			       current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int AS backends
		)
		SELECT each * backends, each, backends, coalesce((SELECT max(all_of_it) FROM objects), 0), coalesce((SELECT sum(tables) FROM objects), 0)
		FROM room`, d.schemas()).Scan(&slots, &perTransaction, &backends, &biggest, &tables)
	if err != nil {
		return nil, err
	}
	return judgeLocks(slots, perTransaction, backends, biggest, tables), nil
}

// locksPerObject: a drop locks a table, its row type, its array type and its
// constraints too; measured for twelve tables it was 2.5 for each relation.
const locksPerObject = 3

func judgeLocks(slots, perTransaction, backends, biggest, tables int) []outcome {
	mend := func(locks int) string {
		return fmt.Sprintf("ALTER SYSTEM SET max_locks_per_transaction = %d, and restart the server", max(perTransaction*2, (locks*2+backends-1)/backends))
	}
	switch {
	case biggest*locksPerObject > slots/2:
		return failf(mend(biggest*locksPerObject), "the biggest tenant has %d relations, and dropping it may fill the server's %d locks", biggest, slots)
	case tables > slots:
		return warnf(mend(tables), "a dump of the whole database locks %d tables, and the server has room for %d locks", tables, slots)
	}
	return okf("room for %d locks; the biggest tenant has %d relations", slots, biggest)
}
