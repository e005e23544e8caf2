package catalog

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// check looks for one kind of trouble.
type check struct {
	kind string
	// sql gives the schema, the slug, what is wrong, and whether it can be mended.
	sql string
	// byHand says what to do, and mend what heal does. In both {schema} and {slug}
	// stand for the tenant's.
	byHand, mend string
	// heal mends it, knowing that it is still there. Nil where people have to.
	heal func(ctx context.Context, c *Catalog, tx pgx.Tx, id tenant.ID) error
}

// common is what all checks begin with: the tenants, the schemas and roles that
// Bailiwick has made, and who may work for whom.
const common = `
WITH given AS (
	SELECT $1::text AS runtime, $2::text[] AS hooks, $3::double precision AS late,
	       coalesce((SELECT value FROM bailiwick.meta WHERE key = $4), $1) = $1 AS own -- It is the runtime role that is kept.
),
registry AS (
	SELECT t.id, t.slug, t.state::text AS state, t.schema_fingerprint AS version, 't_' || replace(t.id::text, '-', '') AS schema
	FROM public.tenants AS t
),
schemas AS (
	SELECT n.oid, n.nspname::text AS schema FROM pg_catalog.pg_namespace AS n
	WHERE n.nspname ~ '^t_[0-9a-f]{32}$' AND pg_catalog.pg_has_role(n.nspowner, 'USAGE')
	  AND pg_catalog.obj_description(n.oid, 'pg_namespace') LIKE 'A tenant of Bailiwick%'
),
roles AS (SELECT r.oid, r.rolname::text AS schema FROM pg_catalog.pg_roles AS r WHERE r.rolname ~ '^t_[0-9a-f]{32}$'),
members AS (
	SELECT m.roleid FROM pg_catalog.pg_auth_members AS m JOIN pg_catalog.pg_roles AS r ON r.oid = m.member, given
	WHERE r.rolname = given.runtime
),
life AS (SELECT b.* FROM bailiwick.tenants AS b),
found (schema, slug, message, mendable) AS (
`

// byRuntime is for what only the service's own runtime role is to get.
const byRuntime = "it is not the runtime role of this database, which bailiwick.meta has: give DATABASE_URL of the service"

// checks are all that Doctor looks for.
var checks = []check{
	{
		kind: TroubleOrphanSchema,
		sql: `SELECT s.schema, '', format('schema %s is of no tenant in the registry, and has %s objects', s.schema, held.n), held.n = 0
			FROM schemas AS s, LATERAL (
				SELECT count(*) AS n FROM pg_catalog.pg_depend AS d
				WHERE d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.refobjid = s.oid) AS held
			WHERE NOT EXISTS (SELECT FROM registry AS t WHERE t.schema = s.schema)`,
		byHand: "bring its row of public.tenants back, as from a backup; or, if nobody misses the data: DROP SCHEMA {schema} CASCADE",
		mend:   "drop it, for it is empty, and its role",
		heal: func(ctx context.Context, _ *Catalog, tx pgx.Tx, id tenant.ID) error {
			return dropSchema(ctx, tx, id.SchemaName())
		},
	},
	{
		kind: TroubleOrphanRole,
		sql: `SELECT r.schema, '', format('role %s is of no tenant in the registry, and of none in another database', r.schema), true
			FROM roles AS r JOIN members AS m ON m.roleid = r.oid
			WHERE NOT EXISTS (SELECT FROM registry AS t WHERE t.schema = r.schema)
			  AND NOT EXISTS (SELECT FROM pg_catalog.pg_shdepend AS d WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = r.oid)`,
		mend: "drop it",
		heal: func(ctx context.Context, _ *Catalog, tx pgx.Tx, id tenant.ID) error {
			_, err := tx.Exec(ctx, "DROP ROLE IF EXISTS "+tenant.QuoteIdent(id.SchemaName()))
			return err
		},
	},
	{
		kind: TroubleProvisioning,
		sql: `SELECT t.schema, t.slug, format('tenant %s was not made to its end', t.slug), false
			FROM registry AS t WHERE t.state = 'provisioning'`,
		byHand: "`bailiwick tenant resume {slug}` if it is complete; otherwise `bailiwick tenant offboard {slug}` and `bailiwick tenant purge {slug}`, and make it anew",
	},
	{
		kind: TroubleNoSchema,
		sql: `SELECT t.schema, t.slug, format('tenant %s is %s and has no schema %s', t.slug, t.state, t.schema), false
			FROM registry AS t WHERE t.state IN ('active', 'suspended', 'offboarding') AND pg_catalog.to_regnamespace(t.schema) IS NULL`,
		byHand: "restore the schema from a backup; or `bailiwick tenant offboard {slug}` and `bailiwick tenant purge {slug}`",
	},
	{
		kind: TroubleNoRole,
		sql: `SELECT t.schema, t.slug, format('tenant %s has a schema and no role %s', t.slug, t.schema), given.own
			FROM registry AS t JOIN schemas AS s USING (schema), given
			WHERE t.state <> 'purged' AND NOT EXISTS (SELECT FROM roles AS r WHERE r.schema = t.schema)`,
		byHand: byRuntime,
		mend:   "make the role, with its rights on the schema",
		heal: func(ctx context.Context, c *Catalog, tx pgx.Tx, id tenant.ID) error {
			if _, err := c.checkRuntime(ctx, tx); err != nil {
				return err
			}
			schema := id.SchemaName()
			return execAll(ctx, tx, "CREATE ROLE "+tenant.QuoteIdent(schema)+" NOLOGIN NOINHERIT",
				membership(serverVersion(tx), schema, c.config.RuntimeRole), grantsOf(schema))
		},
	},
	{
		kind: TroubleNoMembership,
		sql: `SELECT t.schema, t.slug, format('role %s may not work for tenant %s', given.runtime, t.slug), given.own
			FROM registry AS t JOIN roles AS r USING (schema), given
			WHERE t.state <> 'purged' AND NOT EXISTS (SELECT FROM members AS m WHERE m.roleid = r.oid)`,
		byHand: byRuntime,
		mend:   "make it a member of role {schema}",
		heal: func(ctx context.Context, c *Catalog, tx pgx.Tx, id tenant.ID) error {
			if _, err := c.checkRuntime(ctx, tx); err != nil {
				return err
			}
			return execAll(ctx, tx, membership(serverVersion(tx), id.SchemaName(), c.config.RuntimeRole))
		},
	},
	{
		kind: TroubleNoGrants,
		sql: `SELECT t.schema, t.slug, format('role %s lacks rights on its own schema', t.schema), true
			FROM registry AS t JOIN schemas AS s USING (schema) JOIN roles AS r USING (schema)
			WHERE t.state <> 'purged' AND (NOT pg_catalog.has_schema_privilege(r.oid, s.oid, 'USAGE') OR EXISTS (
				SELECT FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_class AS c ON c.oid = d.objid
				WHERE d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.refobjid = s.oid AND d.classid = 'pg_catalog.pg_class'::regclass
				  AND CASE WHEN c.relkind IN ('r', 'v', 'm', 'f', 'p') THEN
						NOT (pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT') AND pg_catalog.has_table_privilege(r.oid, c.oid, 'INSERT')
						     AND pg_catalog.has_table_privilege(r.oid, c.oid, 'UPDATE') AND pg_catalog.has_table_privilege(r.oid, c.oid, 'DELETE'))
					WHEN c.relkind = 'S' THEN
						NOT (pg_catalog.has_sequence_privilege(r.oid, c.oid, 'USAGE') AND pg_catalog.has_sequence_privilege(r.oid, c.oid, 'SELECT'))
					END
			) OR EXISTS (
				SELECT FROM pg_catalog.pg_depend AS d
				WHERE d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.refobjid = s.oid AND d.classid = 'pg_catalog.pg_proc'::regclass
				  AND NOT pg_catalog.has_function_privilege(r.oid, d.objid, 'EXECUTE')))`,
		mend: "grant them, as when a tenant is made",
		heal: func(ctx context.Context, _ *Catalog, tx pgx.Tx, id tenant.ID) error {
			return execAll(ctx, tx, grantsOf(id.SchemaName()))
		},
	},
	{
		kind: TroubleNoLife,
		sql: `SELECT t.schema, t.slug, format('bailiwick.tenants has no row of tenant %s', t.slug), true
			FROM registry AS t WHERE t.state <> 'purged' AND NOT EXISTS (SELECT FROM life AS b WHERE b.tenant_id = t.id)`,
		mend: "insert it",
		heal: func(ctx context.Context, _ *Catalog, tx pgx.Tx, _ tenant.ID) error { return adoptTenants(ctx, tx) },
	},
	{
		kind: TroubleLookalike,
		sql: `SELECT t.schema, t.slug, format('slug %s looks like that of another tenant', t.slug), false
			FROM registry AS t JOIN life AS b ON b.tenant_id = t.id WHERE t.state <> 'purged' AND b.skeleton IS NULL`,
		byHand: "`bailiwick tenant rename {slug}`, if people could take the one for the other",
	},
	{
		kind: TroubleRemains,
		sql: `SELECT t.schema, t.slug, format('tenant %s is purged, and its schema or role is there', coalesce(b.former_slug, t.slug)), b.purged_at IS NOT NULL
			FROM registry AS t LEFT JOIN life AS b ON b.tenant_id = t.id
			WHERE t.state = 'purged' AND (EXISTS (SELECT FROM schemas AS s WHERE s.schema = t.schema)
				OR EXISTS (SELECT FROM roles AS r JOIN members AS m ON m.roleid = r.oid WHERE r.schema = t.schema))`,
		byHand: "it was not purged by Bailiwick: set its state to offboarding, if it is to go, and `bailiwick tenant purge {slug}`",
		mend:   "drop them",
		heal: func(ctx context.Context, _ *Catalog, tx pgx.Tx, id tenant.ID) error {
			return dropSchema(ctx, tx, id.SchemaName())
		},
	},
	{
		kind: TroubleStrayRows,
		sql: `SELECT 't_' || replace(x.tenant_id::text, '-', ''), '', format('%s rows of domains and issuers are of no living tenant', count(*)), true
			FROM (SELECT tenant_id FROM bailiwick.domains UNION ALL SELECT tenant_id FROM bailiwick.issuers) AS x
			WHERE NOT EXISTS (SELECT FROM registry AS t WHERE t.id = x.tenant_id AND t.state <> 'purged') GROUP BY x.tenant_id`,
		mend: "delete them",
		heal: func(ctx context.Context, _ *Catalog, tx pgx.Tx, id tenant.ID) error {
			_, err := tx.Exec(ctx, "DELETE FROM bailiwick.domains WHERE tenant_id = $1::uuid", id.String())
			if err == nil {
				_, err = tx.Exec(ctx, "DELETE FROM bailiwick.issuers WHERE tenant_id = $1::uuid", id.String())
			}
			return err
		},
	},
	{
		kind: TroubleOverdue,
		sql: `SELECT t.schema, t.slug, format('the grace of tenant %s has ended at %s', t.slug, b.purge_after), false
			FROM registry AS t JOIN life AS b ON b.tenant_id = t.id WHERE t.state = 'offboarding' AND b.purge_after < pg_catalog.now()`,
		byHand: "`bailiwick tenant purge {slug}`, or see why the worker has not",
	},
	{
		kind: TroubleBehind,
		sql: `SELECT t.schema, t.slug, format('tenant %s has another version of the schema than new tenants get', t.slug), false
			FROM registry AS t JOIN bailiwick.schemas AS v ON v.scope = 'tenant' AND v.current AND v.fingerprint <> t.version
			WHERE t.state IN ('active', 'suspended')
			  AND NOT EXISTS (SELECT FROM bailiwick.rollouts AS r WHERE r.state IN ('running', 'paused', 'failed'))`,
		byHand: "`bailiwick schema apply --only {slug}`",
	},
	{
		kind: TroubleUndelivered,
		sql: `SELECT 't_' || replace(o.tenant_id::text, '-', ''), coalesce((SELECT t.slug FROM registry AS t WHERE t.id = o.tenant_id), ''),
			format('hook %s has not heard of %s events since %s%s', o.hook, count(*), min(o.created_at),
				coalesce(', the last error: ' || (array_agg(o.error ORDER BY o.id) FILTER (WHERE o.error IS NOT NULL))[1], '')),
			coalesce(o.hook = ANY (given.hooks), false)
			FROM bailiwick.outbox AS o, given WHERE o.done_at IS NULL
			GROUP BY o.tenant_id, o.hook, given.hooks, given.late
			HAVING count(o.error) > 0 OR min(o.created_at) < pg_catalog.now() - pg_catalog.make_interval(secs => given.late)`,
		byHand: "see that a worker runs that has the hook; if there is none any more, Catalog.ForgetHook",
		mend:   "tell the hook now",
		heal: func(ctx context.Context, c *Catalog, tx pgx.Tx, id tenant.ID) error {
			_, err := tx.Exec(ctx, `
				UPDATE bailiwick.outbox SET due_at = pg_catalog.now()
				WHERE done_at IS NULL AND error IS NOT NULL AND tenant_id = $1::uuid AND hook = ANY ($2)`, id.String(), c.told())
			return err
		},
	},
	{
		kind: TroubleWaitingSignups,
		sql: `SELECT '', '', format('%s confirmed sign-ups have no tenant, since %s%s', count(*), min(s.confirmed_at),
				coalesce(', the last error: ' || max(s.last_error), '')), false
			FROM bailiwick.signups AS s, given
			WHERE s.confirmed_at < pg_catalog.now() - pg_catalog.make_interval(secs => given.late) AND s.tenant_id IS NULL AND s.error IS NULL
			HAVING count(*) > 0`,
		byHand: "see that a service runs with DATABASE_OWNER_URL, whose worker makes the tenants",
	},
	{
		kind: TroubleUnapplied,
		sql: `SELECT coalesce('t_' || replace(e.tenant, '-', ''), ''), coalesce((SELECT t.slug FROM registry AS t WHERE t.id::text = e.tenant), ''),
			format('%s events of %s are not applied since %s, such as %s: %s', count(*), e.source, min(e.received_at), min(e.id), coalesce(e.error, 'no worker has tried')), false
			FROM (
				SELECT i.*, substring(lower(i.payload #>> '{data,object,metadata,tenant}') FROM '^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$') AS tenant
				FROM bailiwick.inbox AS i, given
				WHERE i.done_at IS NULL AND (i.error IS NOT NULL OR i.received_at < pg_catalog.now() - pg_catalog.make_interval(secs => given.late))
			) AS e
			GROUP BY e.source, e.tenant, e.error`,
		byHand: "mend what it says, and a worker (a service with DATABASE_OWNER_URL) applies them within the hour. " +
			"One that never will be is dropped by `bailiwick tenant doctor --drop EVENT`",
	},
}
