package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// installLock is the key of the advisory lock around Install: "bailiwic" in ASCII.
const installLock = 0x6261696c69776963

const (
	// installAttempts bounds how often an installation tries to get its locks.
	installAttempts = 5
	// installWait is how many times as long as for other locks one installation
	// waits for another.
	installWait = 12
)

// SQLSTATEs: what a role may not do, a lock that was waited for long enough, and
// locks that wait for one another.
const (
	insufficientPrivilege = "42501"
	lockNotAvailable      = "55P03"
	deadlockDetected      = "40P01"
)

// Keys of bailiwick.meta.
const (
	metaPublic  = "public_version"
	metaSeed    = "seed_version"
	metaRuntime = "runtime_role"
	// metaLedger is the ledger's version and its fingerprint as that was made, and
	// metaLedgerRole whom it was granted to.
	metaLedger     = "ledger"
	metaLedgerRole = "ledger_role"
)

// ErrOtherPublic is what [Catalog.Install] fails with when another version of the
// shared schema is installed. Bailiwick's own tables are complete then.
var ErrOtherPublic = errors.New("public schema differs")

// Install makes Bailiwick's own tables and then the shared schema, each in one
// transaction, or what is missing of them. Where nothing is, it only reads. It
// fails with [ErrOtherPublic], a CodeConflict, when another version of the shared
// schema is installed: changing a live schema is the work of a rollout. Concurrent
// calls wait for one another, and for a minute at most, or as often as
// Config.LockTimeout goes into it; then it is CodeTimeout.
func (c *Catalog) Install(ctx context.Context) error {
	err := c.installing(ctx, func(tx pgx.Tx) error {
		if err := c.limitPublic(ctx, tx); err != nil {
			return err
		}
		return c.installLedger(ctx, tx)
	})
	if err == nil {
		err = c.installing(ctx, func(tx pgx.Tx) error { return c.installShared(ctx, tx) })
	}
	return wrap(c.notOwner(ctx, err), "install the shared schema")
}

// installing runs fn in a transaction while no other installation goes on. When a
// lock is not to be had, or there is a deadlock, it gives those that queued behind
// it as long as it took, and tries again.
func (c *Catalog) installing(ctx context.Context, fn func(tx pgx.Tx) error) error {
	for attempt := 1; ; attempt++ {
		began := time.Now()
		err := c.inTx(ctx, func(tx pgx.Tx) error {
			if err := c.awaitInstallation(ctx, tx); err != nil {
				return err
			}
			return fn(tx)
		})
		_, said := errors.AsType[*tenant.Error](err)
		state := stateOf(err)
		if said || attempt == installAttempts || state != lockNotAvailable && state != deadlockDetected {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Since(began)):
		}
	}
}

// awaitInstallation waits for an installation that goes on, which takes longer
// than any other lock is worth.
func (c *Catalog) awaitInstallation(ctx context.Context, tx pgx.Tx) error {
	wait := installWait * c.config.LockTimeout
	if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", wait.Milliseconds())); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "SELECT pg_catalog.pg_advisory_xact_lock($1)", installLock)
	if stateOf(err) == lockNotAvailable {
		return failf(tenant.CodeTimeout, "another installation has been going on for %s: see in pg_stat_activity what it waits for: %w", wait, err)
	}
	if err == nil {
		_, err = tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", c.config.LockTimeout.Milliseconds()))
	}
	return err
}

// installShared makes what is missing of the shared schema.
func (c *Catalog) installShared(ctx context.Context, tx pgx.Tx) error {
	if err := c.installOnce(ctx, tx, metaPublic, c.config.Schema.Public, c.installPublic); err != nil {
		return err
	}
	if err := c.adoptPublic(ctx, tx); err != nil {
		return err
	}
	return c.installOnce(ctx, tx, metaSeed, c.config.Schema.Seed, func(ctx context.Context, tx pgx.Tx, _ string) error {
		return script(ctx, tx, "seed", "public", c.config.Schema.Seed)
	})
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
	var onDatabase, onPublic bool
	err := tx.QueryRow(ctx, `
		SELECT datname::text,
		       EXISTS (SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE grantee = 0 AND privilege_type IN ('TEMPORARY', 'CREATE')),
		       EXISTS (SELECT FROM pg_namespace, aclexplode(nspacl) WHERE nspname = 'public' AND grantee = 0 AND privilege_type = 'CREATE')
		FROM pg_database WHERE datname = current_database()`).Scan(&database, &onDatabase, &onPublic)
	if err != nil {
		return err
	}
	var revoke []string
	if onDatabase {
		revoke = append(revoke, "REVOKE TEMPORARY, CREATE ON DATABASE "+tenant.QuoteIdent(database)+" FROM PUBLIC")
	}
	if onPublic {
		revoke = append(revoke, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	}
	if err := execAll(ctx, tx, revoke...); err != nil {
		return err
	}
	return c.checkRuntimeRole(ctx, tx)
}

// checkRuntimeRole refuses a runtime role with which tenants would not be kept apart.
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
	installed, err := metaOf(ctx, tx, key)
	if err != nil || installed == version || text == "" {
		return err
	}
	if err := fn(ctx, tx, installed); err != nil {
		return err
	}
	return setMeta(ctx, tx, key, version)
}

// metaOf is what bailiwick.meta has under a key, empty when it has nothing.
func metaOf(ctx context.Context, q querier, key string) (string, error) {
	rows, err := q.Query(ctx, "SELECT value FROM bailiwick.meta WHERE key = $1", key)
	if err != nil {
		return "", err
	}
	value, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return value, err
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
			"%w: version %s is installed, %s is wanted; roll it out: bailiwick schema apply", ErrOtherPublic, installed, Version(c.config.Schema.Public))
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
	if there, err := hasTable(ctx, tx, "public.tenants"); err != nil || !there {
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
