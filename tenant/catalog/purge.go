package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// atWorkPause is between two tries to get a schema that somebody works on.
const atWorkPause = 100 * time.Millisecond

var errAtWork = errors.New("somebody else is working on the schema, such as a rollout: try again later")

// PurgeParams say how a tenant is purged.
type PurgeParams struct {
	// Early purges before the grace has ended.
	Early bool
}

// Purge removes an offboarded tenant for good, in one transaction: its schema and
// role, custom domains, issuers, sign-up and what a payment provider has sent. The row of public.tenants stays for
// those that refer to it, with a slug that is made of the id; the former slug is
// free. It is refused with CodeConflict before the grace has ended, as long as an
// object outside of the schema depends on it, and as long as the role has rights
// elsewhere, each of which the error names.
func (c *Catalog) Purge(ctx context.Context, ref Ref, p PurgeParams) (Record, error) {
	return c.take(ctx, step{
		action: ActionPurge, ref: ref,
		check: func(r Record, at time.Time) error {
			if !p.Early && at.Before(r.PurgeAfter) {
				return failf(tenant.CodeConflict, "the grace of tenant %s ends at %s; it is purged earlier only where that is asked for", r.Slug, r.PurgeAfter.Format(time.RFC3339))
			}
			return nil
		},
		work: removeTenant,
		change: func(r *Record, at time.Time) {
			r.FormerSlug, r.PurgedAt, r.LeftState, r.LeftReason, r.SuspendedBy = r.Slug, at, "", "", ""
			r.Slug, r.Name = tenant.PurgedSlug(r.ID), tenant.PurgedSlug(r.ID)
		},
	})
}

// removeTenant drops what a tenant has.
func removeTenant(ctx context.Context, tx pgx.Tx, r Record, _ time.Time) error {
	// Not waited for: who waits has a snapshot, which CREATE INDEX CONCURRENTLY
	// of the rollout that holds the lock may wait for.
	var free bool
	if err := tx.QueryRow(ctx, "SELECT pg_catalog.pg_try_advisory_xact_lock($1)", SchemaLock(r.Schema)).Scan(&free); err != nil {
		return err
	}
	if !free {
		return &tenant.Error{Code: tenant.CodeTimeout, Err: errAtWork}
	}
	if err := dropSchema(ctx, tx, r.Schema); err != nil {
		return err
	}
	for _, table := range []string{"domains", "issuers", "signups"} {
		if _, err := tx.Exec(ctx, "DELETE FROM bailiwick."+table+" WHERE tenant_id = $1::uuid", r.ID.String()); err != nil {
			return err
		}
	}
	// What others have sent is of the tenant that its metadata names, as it is applied:
	// another one's may mention this one.
	_, err := tx.Exec(ctx, "DELETE FROM bailiwick.inbox WHERE pg_catalog.lower(payload #>> '{data,object,metadata,tenant}') = $1", r.ID.String())
	return err
}

// dropSchema drops a tenant's schema and role, unless anything outside would go
// or be left dangling with them. Either may be missing.
func dropSchema(ctx context.Context, tx pgx.Tx, schema string) error {
	outside, err := dependents(ctx, tx, schema)
	if err != nil {
		return err
	}
	if len(outside) > 0 {
		return failf(tenant.CodeConflict, "schema %s is used from outside: %s; drop that first", schema, strings.Join(outside, "; "))
	}
	if _, err := tx.Exec(ctx, "DROP SCHEMA IF EXISTS "+tenant.QuoteIdent(schema)+" CASCADE"); err != nil {
		return err
	}
	rights, err := rightsOf(ctx, tx, schema)
	if err != nil {
		return err
	}
	if len(rights) > 0 {
		return failf(tenant.CodeConflict, "role %s has rights elsewhere: %s; revoke them first (DROP OWNED BY %s, there and as a superuser, does)", schema, strings.Join(rights, "; "), schema)
	}
	_, err = tx.Exec(ctx, "DROP ROLE IF EXISTS "+tenant.QuoteIdent(schema))
	return err
}

// SchemaLock is the key of the advisory lock that whoever changes the structure
// of a tenant's schema holds.
func SchemaLock(schema string) int64 {
	sum := sha256.Sum256([]byte("bailiwick schema " + schema))
	return int64(binary.BigEndian.Uint64(sum[:])) //nolint:gosec // any 64 bits do
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
