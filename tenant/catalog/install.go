package catalog

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// installLock is the key of the advisory lock around Install: "bailiwic" in ASCII.
const installLock = 0x6261696c69776963

// insufficientPrivilege is the SQLSTATE of what a role may not do.
const insufficientPrivilege = "42501"

// ledger makes Bailiwick's own tables, where they are not there yet.
//
//go:embed ledger.sql
var ledger string

// moveMeta brings what earlier versions noted in public.
const moveMeta = `DO $move$
BEGIN
	IF pg_catalog.to_regclass('public.bailiwick_meta') IS NOT NULL THEN
		INSERT INTO bailiwick.meta SELECT key, value, updated_at FROM public.bailiwick_meta ON CONFLICT DO NOTHING;
		DROP TABLE public.bailiwick_meta;
	END IF;
END
$move$`

// LedgerGrants are what the runtime role gets of Bailiwick's own schema, so that
// a service can register its release, find who a request is for and take in what
// others bring. By them the fingerprint knows the role too.
func LedgerGrants(runtime string) []string {
	role := tenant.QuoteIdent(runtime)
	return []string{
		"GRANT USAGE ON SCHEMA bailiwick TO " + role,
		"GRANT SELECT ON bailiwick.schemas TO " + role,
		"GRANT SELECT, INSERT, UPDATE ON bailiwick.releases TO " + role,
		"GRANT SELECT (id, state) ON bailiwick.rollouts TO " + role,
		"GRANT SELECT (tenant_id, not_before) ON bailiwick.tenants TO " + role,
		"GRANT SELECT ON bailiwick.domains, bailiwick.issuers TO " + role,
		"GRANT SELECT, INSERT, UPDATE ON bailiwick.signups TO " + role,
		"GRANT INSERT ON bailiwick.inbox TO " + role,
	}
}

// Keys of bailiwick.meta.
const (
	metaPublic  = "public_version"
	metaSeed    = "seed_version"
	metaRuntime = "runtime_role"
)

// Install makes the shared schema in one transaction, or does nothing when it
// is installed. It fails with CodeConflict when another version is installed:
// changing a live schema is the work of a rollout. Concurrent calls wait for
// one another.
func (c *Catalog) Install(ctx context.Context) error {
	err := c.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = 0"); err != nil {
			return err // the one lock worth waiting for is an installation going on
		}
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", installLock); err != nil {
			return err
		}
		if err := c.limitPublic(ctx, tx); err != nil {
			return err
		}
		if err := c.installLedger(ctx, tx); err != nil {
			return err
		}
		if err := c.installOnce(ctx, tx, metaPublic, c.config.Schema.Public, c.installPublic); err != nil {
			return err
		}
		if err := c.adoptPublic(ctx, tx); err != nil {
			return err
		}
		if err := adoptTenants(ctx, tx); err != nil {
			return err
		}
		return c.installOnce(ctx, tx, metaSeed, c.config.Schema.Seed, func(ctx context.Context, tx pgx.Tx, _ string) error {
			return script(ctx, tx, "seed", "public", c.config.Schema.Seed)
		})
	})
	return wrap(c.notOwner(ctx, err), "install the shared schema")
}

// notOwner says of what a role may not do that it is the wrong role, if it is.
func (c *Catalog) notOwner(ctx context.Context, err error) error {
	if stateOf(err) != insufficientPrivilege {
		return err
	}
	var role, database, owner string
	var owns bool
	asked := c.pool.QueryRow(ctx, `
		SELECT current_user::text, datname::text, pg_get_userbyid(datdba)::text, pg_has_role(datdba, 'USAGE')
		FROM pg_database WHERE datname = current_database()`).Scan(&role, &database, &owner, &owns)
	if asked != nil || owns {
		return err
	}
	return failf(tenant.CodeInvalid, "role %q does not own database %q: log in as its owner role, %q: %w", role, database, owner, err)
}

// limitPublic takes from every role what no tenant may do, and checks that the
// runtime role is as weak as the isolation of tenants needs it to be.
func (c *Catalog) limitPublic(ctx context.Context, tx pgx.Tx) error {
	var database string
	if err := tx.QueryRow(ctx, "SELECT current_database()").Scan(&database); err != nil {
		return err
	}
	for _, statement := range []string{
		"REVOKE TEMPORARY, CREATE ON DATABASE " + tenant.QuoteIdent(database) + " FROM PUBLIC",
		"REVOKE CREATE ON SCHEMA public FROM PUBLIC",
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return c.checkRuntimeRole(ctx, tx)
}

// LedgerVersion names the version of Bailiwick's own tables, for who keeps copies
// of databases that have them.
func LedgerVersion() string { return Version(ledger) }

// InstallLedger makes Bailiwick's own tables where they are missing, as in a
// database that an earlier version has installed. It changes nothing else.
func (c *Catalog) InstallLedger(ctx context.Context) error {
	return wrap(c.notOwner(ctx, c.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_catalog.pg_advisory_xact_lock($1)", installLock); err != nil {
			return err
		}
		if err := c.installLedger(ctx, tx); err != nil {
			return err
		}
		return adoptTenants(ctx, tx)
	})), "install the ledger")
}

// installLedger makes what is missing of Bailiwick's own schema.
func (c *Catalog) installLedger(ctx context.Context, tx pgx.Tx) error {
	if err := script(ctx, tx, "ledger", "pg_catalog", ledger); err != nil {
		return err
	}
	if err := c.keepRuntime(ctx, tx); err != nil {
		return err
	}
	return execAll(ctx, tx, append(LedgerGrants(c.config.RuntimeRole), moveMeta)...)
}

func (c *Catalog) checkRuntimeRole(ctx context.Context, tx pgx.Tx) error {
	role := c.config.RuntimeRole
	var super, inherits, owner, creates bool
	err := tx.QueryRow(ctx, `
		SELECT rolsuper OR rolbypassrls, rolinherit, pg_has_role(oid, current_user, 'MEMBER'),
		       has_database_privilege(oid, current_database(), 'TEMPORARY, CREATE')
		       OR has_schema_privilege(oid, 'public', 'CREATE')
		FROM pg_roles WHERE rolname = $1`, role).Scan(&super, &inherits, &owner, &creates)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return failf(tenant.CodeInvalid, "there is no runtime role %q; it is the user of the service's DATABASE_URL, which gives another name: CREATE ROLE %s LOGIN NOINHERIT PASSWORD '...'", role, tenant.QuoteIdent(role))
	case err != nil:
		return err
	case super:
		return failf(tenant.CodeInvalid, "the runtime role %q is a superuser or bypasses row security: use a role that is not", role)
	case owner:
		return failf(tenant.CodeInvalid, "the runtime role %q can act as the owner role: they must be two roles, neither a member of the other", role)
	case inherits:
		return failf(tenant.CodeInvalid, "the runtime role %q inherits: ALTER ROLE %s NOINHERIT", role, tenant.QuoteIdent(role))
	case creates:
		return failf(tenant.CodeInvalid, "the runtime role %q may create objects or temporary tables in this database: revoke that as the database's owner", role)
	}
	return nil
}

// installOnce runs fn unless the text is what was installed before.
func (c *Catalog) installOnce(ctx context.Context, tx pgx.Tx, key, text string, fn func(context.Context, pgx.Tx, string) error) error {
	version := Version(text)
	var installed string
	err := tx.QueryRow(ctx, "SELECT value FROM bailiwick.meta WHERE key = $1", key).Scan(&installed)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if installed == version || text == "" {
		return nil
	}
	if err := fn(ctx, tx, installed); err != nil {
		return err
	}
	return setMeta(ctx, tx, key, version)
}

func setMeta(ctx context.Context, tx pgx.Tx, key, value string) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO bailiwick.meta (key, value) VALUES ($1, $2)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`, key, value)
	return err
}

func (c *Catalog) installPublic(ctx context.Context, tx pgx.Tx, installed string) error {
	if installed != "" {
		return failf(tenant.CodeConflict,
			"public schema differs: version %s is installed, %s is wanted; roll it out: bailiwick schema apply", installed, Version(c.config.Schema.Public))
	}
	if err := execAll(ctx, tx, NoRoutines); err != nil {
		return err
	}
	if err := script(ctx, tx, "public schema", "public", c.config.Schema.Public); err != nil {
		if stateOf(err) == "42P07" {
			return fmt.Errorf("public has tables that were not installed by this tool, and they are not adopted: %w", err)
		}
		return err
	}
	return execAll(ctx, tx, PublicGrants(c.config.RuntimeRole)...)
}

// adoptPublic makes the shared schema that is installed the current one, unless
// there is one.
func (c *Catalog) adoptPublic(ctx context.Context, tx pgx.Tx) error {
	_, known, err := current(ctx, tx, ScopePublic)
	if err != nil || known {
		return err
	}
	state, err := fingerprint.OfTx(ctx, tx, "public")
	if err != nil {
		return err
	}
	text := c.config.Schema.Public
	return SetCurrent(ctx, tx, Desired{Scope: ScopePublic, Version: Version(text), Fingerprint: state.Fingerprint, DDL: text})
}

// adoptTenants gives a row of Bailiwick's own to tenants that have none, since an
// earlier version or another hand has made them. Of those that look alike the
// first has the skeleton.
func adoptTenants(ctx context.Context, tx pgx.Tx) error {
	var there bool
	if err := tx.QueryRow(ctx, "SELECT pg_catalog.to_regclass('public.tenants') IS NOT NULL").Scan(&there); err != nil || !there {
		return err
	}
	rows, err := tx.Query(ctx, `
		SELECT t.id::text, t.slug FROM public.tenants AS t LEFT JOIN bailiwick.tenants AS b ON b.tenant_id = t.id
		WHERE b.skeleton IS NULL AND t.state::text <> 'purged' ORDER BY t.slug`)
	if err != nil {
		return err
	}
	var ids, skeletons []string
	var id, slug string
	_, err = pgx.ForEachRow(rows, []any{&id, &slug}, func() error {
		ids, skeletons = append(ids, id), append(skeletons, tenant.SlugSkeleton(slug))
		return nil
	})
	if err != nil || len(ids) == 0 {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO bailiwick.tenants AS b (tenant_id, skeleton)
		SELECT n.id::uuid, CASE WHEN pg_catalog.row_number() OVER (PARTITION BY n.skeleton ORDER BY n.place) = 1
			AND NOT EXISTS (SELECT FROM bailiwick.tenants AS o WHERE o.skeleton = n.skeleton) THEN n.skeleton END
		FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS n (id, skeleton, place)
		ON CONFLICT (tenant_id) DO UPDATE SET skeleton = excluded.skeleton`, ids, skeletons)
	return err
}
