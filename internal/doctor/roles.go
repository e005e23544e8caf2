package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/harden"
)

var roleChecks = []databaseCheck{
	{"runtime-role", checkRuntimeRole},
	{"runtime-database", checkRuntimeDatabase},
	{"runtime-member", checkRuntimeMember},
	{"owner-role", checkOwnerRole},
	{"public-schema", checkPublicSchema},
	{"hardened", checkHardened},
}

// attribute is one property that a role may have and should not.
type attribute struct {
	column, option, why string
	level               Status
}

var runtimeAttributes = []attribute{
	{"rolsuper", "NOSUPERUSER", "it may read every tenant", Fail},
	{"rolbypassrls", "NOBYPASSRLS", "row security does not hold it", Fail},
	{"rolreplication", "NOREPLICATION", "it may copy the whole server", Fail},
	{"rolcreaterole", "NOCREATEROLE", "it may change the roles that keep tenants apart", Fail},
	{"rolinherit", "NOINHERIT", "it may read every tenant without taking on a role", Fail},
	{"rolcreatedb", "NOCREATEDB", "a service makes no databases", Warn},
}

// attributesOf lists the attributes that a role has of those that it should not.
func attributesOf(ctx context.Context, d *database, role string, list []attribute) (problems []outcome, err error) {
	columns := make([]string, len(list))
	values, targets := make([]bool, len(list)), make([]any, len(list))
	for i, a := range list {
		columns[i], targets[i] = a.column, &values[i]
	}
	sql := "SELECT " + strings.Join(columns, ", ") + " FROM pg_roles WHERE rolname = $1"
	if err := d.tx.QueryRow(ctx, sql, role).Scan(targets...); err != nil {
		return nil, err
	}
	for i, a := range list {
		if values[i] {
			problems = append(problems, outcome{
				a.level, fmt.Sprintf("role %s is %s: %s", role, strings.TrimPrefix(a.option, "NO"), a.why),
				fmt.Sprintf("ALTER ROLE %s %s", tenant.QuoteIdent(role), a.option),
			})
		}
	}
	return problems, nil
}

func checkRuntimeRole(ctx context.Context, d *database) ([]outcome, error) {
	if d.runtimeRole == "" {
		return skipf("give the runtime role's connection string to check it"), nil
	}
	problems, err := attributesOf(ctx, d, d.runtimeRole, runtimeAttributes)
	if errors.Is(err, pgx.ErrNoRows) {
		return failf(fmt.Sprintf("CREATE ROLE %s LOGIN NOINHERIT PASSWORD '...'", tenant.QuoteIdent(d.runtimeRole)), "there is no role %s", d.runtimeRole), nil
	}
	return orOK(problems, "%s may log in and nothing else", d.runtimeRole), err
}

func checkRuntimeDatabase(ctx context.Context, d *database) ([]outcome, error) {
	if d.runtimeRole == "" {
		return skipf("give the runtime role's connection string to check it"), nil
	}
	role, db := tenant.QuoteIdent(d.runtimeRole), tenant.QuoteIdent(d.name)
	var problems []outcome
	for _, right := range []struct{ question, what, mend string }{
		{"has_database_privilege($1, current_database(), 'CREATE')", "make schemas", "REVOKE CREATE ON DATABASE " + db + " FROM PUBLIC, " + role},
		{"has_database_privilege($1, current_database(), 'TEMPORARY')", "make temporary tables, which hide a tenant's", "REVOKE TEMPORARY ON DATABASE " + db + " FROM PUBLIC, " + role},
		{"has_schema_privilege($1, 'public', 'CREATE')", "make objects in public", "REVOKE CREATE ON SCHEMA public FROM PUBLIC, " + role},
		{"NOT has_schema_privilege($1, 'public', 'USAGE')", "not even look into public, where the registry is", "GRANT USAGE ON SCHEMA public TO " + role},
	} {
		var has bool
		if err := d.tx.QueryRow(ctx, "SELECT "+right.question, d.runtimeRole).Scan(&has); err != nil {
			return nil, err
		}
		if has {
			problems = append(problems, failf(right.mend, "role %s may %s", d.runtimeRole, right.what)...)
		}
	}
	return orOK(problems, "%s may make nothing in database %s", d.runtimeRole, d.name), nil
}

// grantorOption is the first server version in which a membership belongs to
// whoever granted it, and is changed in that one's name only.
const grantorOption = 160000

// checkRuntimeMember: the runtime role is a member of tenants' roles, and of
// nothing else; and it may take these on, not use or hand them on as they are.
func checkRuntimeMember(ctx context.Context, d *database) ([]outcome, error) {
	if d.runtimeRole == "" {
		return skipf("give the runtime role's connection string to check it"), nil
	}
	rows, err := d.tx.Query(ctx, `
		SELECT r.rolname::text, pg_get_userbyid(m.grantor)::text, r.rolname ~ '^t_[0-9a-f]{32}$', m.admin_option,
		       coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, false), coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
		FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.roleid JOIN pg_roles AS me ON me.oid = m.member
		WHERE me.rolname = $1 ORDER BY 1`, d.runtimeRole)
	if err != nil {
		return nil, err
	}
	me := tenant.QuoteIdent(d.runtimeRole)
	var problems []outcome
	var name, grantor string
	var isTenant, admin, inherit, set bool
	_, err = pgx.ForEachRow(rows, []any{&name, &grantor, &isTenant, &admin, &inherit, &set}, func() error {
		role, by := tenant.QuoteIdent(name), ""
		if d.version >= grantorOption {
			by = " GRANTED BY " + tenant.QuoteIdent(grantor)
		}
		if !isTenant {
			problems = append(problems, failf("REVOKE "+role+" FROM "+me+by, "role %s is a member of %s, which is no tenant's role", d.runtimeRole, name)...)
			return nil
		}
		if admin {
			problems = append(problems, failf("REVOKE ADMIN OPTION FOR "+role+" FROM "+me+by, "role %s may make others members of %s", d.runtimeRole, name)...)
		}
		if inherit {
			problems = append(problems, failf("GRANT "+role+" TO "+me+" WITH INHERIT FALSE"+by, "role %s inherits what tenant role %s may", d.runtimeRole, name)...)
		}
		if !set {
			problems = append(problems, failf("GRANT "+role+" TO "+me+" WITH SET TRUE"+by, "role %s may not take on tenant role %s", d.runtimeRole, name)...)
		}
		return nil
	})
	return orOK(problems, "%s is a member of tenants' roles only, and inherits nothing", d.runtimeRole), err
}

func checkOwnerRole(ctx context.Context, d *database) ([]outcome, error) {
	if d.mixedUp != nil {
		return d.mixedUp, nil
	}
	owner := tenant.QuoteIdent(d.ownerRole)
	var super, creates, databases, owns bool
	err := d.tx.QueryRow(ctx, `
		SELECT rolsuper, rolcreaterole, rolcreatedb, pg_has_role(oid, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'USAGE')
		FROM pg_roles WHERE rolname = $1`, d.ownerRole).Scan(&super, &creates, &databases, &owns)
	if err != nil {
		return nil, err
	}
	var problems []outcome
	if super {
		problems = append(problems, warnf("CREATE ROLE app_owner LOGIN CREATEROLE CREATEDB PASSWORD '...', and let it own the database", "the owner role %s is a superuser, which is more than it needs", d.ownerRole)...)
	}
	if !creates && !super {
		problems = append(problems, failf("ALTER ROLE "+owner+" CREATEROLE", "the owner role %s may not make roles, so it can make no tenant", d.ownerRole)...)
	}
	if !databases && !super {
		problems = append(problems, warnf("ALTER ROLE "+owner+" CREATEDB", "the owner role %s may make no databases, so changes of the schema are planned only where atlas.hcl names a dev server", d.ownerRole)...)
	}
	if !owns && !super {
		problems = append(problems, failf("ALTER DATABASE "+tenant.QuoteIdent(d.name)+" OWNER TO "+owner, "the owner role %s does not own database %s", d.ownerRole, d.name)...)
	}
	return orOK(problems, "%s owns the database, and may make roles and databases", d.ownerRole), nil
}

// checkPublicSchema: PUBLIC, that is each tenant's role too, may read reference
// tables in public and no more.
func checkPublicSchema(ctx context.Context, d *database) ([]outcome, error) {
	var problems []outcome
	writable, err := stringsOf(ctx, d.tx, publicTables("INSERT, UPDATE, DELETE, TRUNCATE", "INSERT, UPDATE"))
	if err != nil {
		return nil, err
	}
	for _, table := range writable {
		problems = append(problems, failf("REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON "+table+" FROM PUBLIC", "every tenant may change %s", table)...)
	}
	readable, err := stringsOf(ctx, d.tx, publicTables("SELECT", "SELECT"))
	if err != nil {
		return nil, err
	}
	for _, table := range readable {
		if table == "public.tenants" {
			problems = append(problems, failf("REVOKE SELECT ON "+table+" FROM PUBLIC", "every tenant may read %s", table)...)
		}
	}
	var creates, ledger bool
	err = d.tx.QueryRow(ctx, `
		SELECT has_schema_privilege('public', 'public', 'CREATE'),
		       EXISTS (SELECT FROM pg_namespace WHERE nspname = 'bailiwick' AND has_schema_privilege('public', oid, 'USAGE, CREATE'))`).Scan(&creates, &ledger)
	if err != nil {
		return nil, err
	}
	if ledger {
		problems = append(problems, failf("REVOKE ALL ON SCHEMA bailiwick FROM PUBLIC", "every tenant may use schema bailiwick, which is this tool's own")...)
	}
	if creates {
		problems = append(problems, failf("REVOKE CREATE ON SCHEMA public FROM PUBLIC", "every role may make objects in public")...)
	}
	return orOK(problems, "tenants may read %d reference tables of public, and write none", len(readable)), nil
}

// publicTables lists the tables of public that PUBLIC has a privilege on, or on
// any of their columns.
func publicTables(privileges, ofColumns string) string {
	return fmt.Sprintf(`
		SELECT format('%%I.%%I', n.nspname, c.relname)
		FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
		  AND (has_table_privilege('public', c.oid, '%s') OR has_any_column_privilege('public', c.oid, '%s'))
		ORDER BY 1`, privileges, ofColumns)
}

func checkHardened(ctx context.Context, d *database) ([]outcome, error) {
	warning, err := harden.Check(ctx, d.tx)
	if err != nil {
		return nil, err
	}
	if warning != "" {
		message, _, _ := strings.Cut(warning, ": let a superuser")
		return warnf("let a superuser run what `bailiwick harden --print` prints; where nobody is superuser, lint and the guard stand alone", "%s", message), nil
	}
	return checkKept(ctx, d)
}

// checkKept: hardening takes functions from everyone, and gives those back that
// the two roles cannot do without. It must have been told the right roles.
func checkKept(ctx context.Context, d *database) ([]outcome, error) {
	var problems []outcome
	for _, need := range []struct{ role, function, what string }{
		{d.runtimeRole, "set_config(text, text, boolean)", "bind a query to a tenant"},
		{d.ownerRole, "pg_advisory_xact_lock(bigint)", "make tenants"},
	} {
		if need.role == "" {
			continue
		}
		var may bool
		err := d.tx.QueryRow(ctx, "SELECT has_function_privilege($1, 'pg_catalog.' || $2, 'EXECUTE')", need.role, need.function).Scan(&may)
		if err != nil {
			return nil, err
		}
		if !may {
			mend := fmt.Sprintf("GRANT EXECUTE ON FUNCTION pg_catalog.%s TO %s", need.function, tenant.QuoteIdent(need.role))
			problems = append(problems, failf(mend, "the database is hardened for other roles: %s may not call %s, and so not %s", need.role, need.function, need.what)...)
		}
	}
	return orOK(problems, "no query can change its role, whatever text it has"), nil
}
