package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Channel is what servers LISTEN to: each change of a tenant, of its domains and
// of its issuers is told there, with the tenant's id as the payload.
const Channel = "bailiwick_tenants"

// skeletonKey keeps slugs apart that look alike.
const skeletonKey = "tenants_skeleton_key"

// update writes to the registry what has become of a tenant. What has not changed
// in the project's own table is not touched there.
func update(ctx context.Context, tx pgx.Tx, before, after Record) error {
	var set []string
	args := []any{after.ID.String()}
	for _, column := range []struct{ name, was, is string }{
		{"slug", before.Slug, after.Slug},
		{"name", before.Name, after.Name},
		{"state", before.State, after.State},
		{"plan", before.Plan, after.Plan},
	} {
		if column.was != column.is {
			args = append(args, column.is)
			set = append(set, fmt.Sprintf("%s = $%d", column.name, len(args)))
		}
	}
	if len(set) > 0 {
		_, err := tx.Exec(ctx, "UPDATE public.tenants SET "+strings.Join(set, ", ")+" WHERE id = $1::uuid", args...)
		if err != nil {
			return refused(err, after)
		}
	}
	return refused(writeLife(ctx, tx, after, before.Slug != after.Slug), after)
}

// writeLife writes what Bailiwick itself keeps of a tenant. The skeleton is that
// of a new slug only: a tenant that was made before there were any may look like
// another one as long as its slug stays.
func writeLife(ctx context.Context, tx pgx.Tx, r Record, newSlug bool) error {
	var skeleton *string
	if newSlug && r.State != StatePurged {
		s := tenant.SlugSkeleton(r.Slug)
		skeleton = &s
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO bailiwick.tenants AS b (
			tenant_id, revision, reason, left_state, left_reason, not_before, offboarded_at, purge_after, purged_at, former_slug, skeleton, suspended_by)
		VALUES ($1::uuid, $2, nullif($3, ''), nullif($4, ''), nullif($5, ''), $6, $7, $8, $9, nullif($10, ''), $11, nullif($13, ''))
		ON CONFLICT (tenant_id) DO UPDATE
		SET revision = excluded.revision, reason = excluded.reason, left_state = excluded.left_state, left_reason = excluded.left_reason,
		    suspended_by = excluded.suspended_by,
		    not_before = excluded.not_before, offboarded_at = excluded.offboarded_at,
		    purge_after = excluded.purge_after, purged_at = excluded.purged_at, former_slug = excluded.former_slug,
		    skeleton = CASE WHEN $12 THEN excluded.skeleton ELSE b.skeleton END`,
		r.ID.String(), r.Revision, r.Reason, r.LeftState, r.LeftReason,
		orNull(r.NotBefore), orNull(r.OffboardedAt), orNull(r.PurgeAfter), orNull(r.PurgedAt), r.FormerSlug, skeleton, newSlug, r.SuspendedBy)
	return err
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// refused says what the registry has against a tenant's row.
func refused(err error, r Record) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	switch {
	case pg.Code == "23505" && pg.ConstraintName == skeletonKey:
		return unfit(tenant.CodeConflict, "slug %q looks like that of another tenant: %w", r.Slug, err)
	case pg.Code == "23505":
		return unfit(tenant.CodeConflict, "slug %q is taken: %w", r.Slug, err)
	case pg.Code == "23503" && r.Plan != "":
		return unfit(tenant.CodeInvalid, "there is no plan %q: %w", r.Plan, err)
	case pg.Code == undefinedColumn && strings.Contains(pg.Message, `"plan"`):
		return unfit(tenant.CodeInvalid, "tenants have no plan here: public.tenants has no column of that name: %w", err)
	case pg.Code == "23502" && pg.ColumnName == "plan":
		return unfit(tenant.CodeInvalid, "the tenant needs a plan: %w", err)
	case pg.Code == "23514":
		return unfit(tenant.CodeInvalid, "public.tenants does not take the row, by its constraint %s: %w", pg.ConstraintName, err)
	}
	return err
}

// tell notes a step in the audit and in the outbox, and wakes the servers.
func (c *Catalog) tell(ctx context.Context, tx pgx.Tx, e Event) error {
	e.Actor, e.Run = c.actor(ctx), runOf(ctx)
	entry := AuditEntry{Actor: e.Actor, Run: e.Run, Action: e.Action, TenantID: e.Tenant.ID}
	var err error
	if e.Was != (Record{}) {
		if entry.Before, err = json.Marshal(e.Was); err != nil {
			return err
		}
	}
	if entry.After, err = json.Marshal(e.Tenant); err != nil {
		return err
	}
	if err := insertAudit(ctx, tx, entry); err != nil {
		return err
	}
	event, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO bailiwick.outbox (hook, tenant_id, event)
		SELECT name, $1::uuid, $2::text::jsonb FROM bailiwick.hooks ORDER BY name`, e.Tenant.ID.String(), string(event))
	if err != nil {
		return err
	}
	return notify(ctx, tx, e.Tenant.ID)
}

// notify wakes the servers when the transaction commits.
func notify(ctx context.Context, tx pgx.Tx, id tenant.ID) error {
	_, err := tx.Exec(ctx, "SELECT pg_catalog.pg_notify($1, $2)", Channel, id.String())
	return err
}
