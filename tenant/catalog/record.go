package catalog

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Record is a tenant as the registry has it.
type Record struct {
	ID   tenant.ID `json:"id"`
	Slug string    `json:"slug"`
	Name string    `json:"name"`
	// State is one of provisioning, active, suspended, offboarding and purged.
	// Only an active tenant is routed.
	State string `json:"state"`
	// Schema is the name of the tenant's schema and role.
	Schema string `json:"schema"`
	// Version is the fingerprint of what the schema was last brought to.
	Version   string    `json:"version"`
	Node      string    `json:"node"`
	Ring      string    `json:"ring,omitempty"`
	Plan      string    `json:"plan,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	// Revision grows with each change. See [Ref].
	Revision int64 `json:"revision,omitempty"`
	// Reason is why the tenant is suspended or offboarded.
	Reason string `json:"reason,omitempty"`
	// SuspendedBy is who holds the suspension of a suspended tenant, and of an
	// offboarded one that was suspended: ByOperator, or the part of the software that
	// may resume it, such as "billing".
	SuspendedBy string `json:"suspended_by,omitempty"`
	// LeftState and LeftReason are where an offboarded tenant is restored to, if
	// that is not into service: it was suspended, for that reason.
	LeftState  string `json:"left_state,omitempty"`
	LeftReason string `json:"left_reason,omitempty"`
	// NotBefore is set once the tenant was offboarded, and again when it is restored:
	// tokens and keys from before are dead.
	NotBefore    time.Time `json:"not_before,omitzero"`
	OffboardedAt time.Time `json:"offboarded_at,omitzero"`
	// PurgeAfter is when the grace of an offboarded tenant ends.
	PurgeAfter time.Time `json:"purge_after,omitzero"`
	PurgedAt   time.Time `json:"purged_at,omitzero"`
	// FormerSlug is what a purged tenant was called.
	FormerSlug string `json:"former_slug,omitempty"`
}

// Tenant is what a query needs to know of the record.
func (r Record) Tenant() tenant.Tenant {
	return tenant.Tenant{ID: r.ID, Slug: r.Slug, Version: r.Version, Node: r.Node}
}

// registered are the columns of public.tenants. Those that a project may do without
// are read as JSON, where they may be missing.
const registered = `
	SELECT t.id::text, t.slug, t.name, t.state::text, t.schema_fingerprint, t.node,
	       coalesce(j ->> 'ring', ''), coalesce(j ->> 'plan', ''), (j ->> 'created_at')::timestamptz`

// selectRecords reads records whole. A tenant that was made before bailiwick.tenants
// is at its first revision; whom somebody has suspended by another way is the
// operators' to resume.
const selectRecords = registered + `,
	       coalesce(b.revision, 1), coalesce(b.reason, ''), coalesce(b.left_state, ''), coalesce(b.left_reason, ''),
	       coalesce(b.suspended_by, CASE t.state::text WHEN '` + StateSuspended + `' THEN '` + ByOperator + `' ELSE '' END),
	       b.not_before, b.offboarded_at, b.purge_after, b.purged_at, coalesce(b.former_slug, '')
	FROM public.tenants AS t LEFT JOIN bailiwick.tenants AS b ON b.tenant_id = t.id, LATERAL to_jsonb(t) AS j`

// selectRegistered reads what public.tenants alone knows.
const selectRegistered = registered + `,
	       0::bigint, '' AS reason, '' AS left_state, '' AS left_reason, '' AS suspended_by,
	       NULL::timestamptz AS not_before, NULL::timestamptz AS offboarded_at, NULL::timestamptz AS purge_after,
	       NULL::timestamptz AS purged_at, '' AS former_slug
	FROM public.tenants AS t, LATERAL to_jsonb(t) AS j`

// List returns all tenants, in the order of their slugs.
func (c *Catalog) List(ctx context.Context) ([]Record, error) { return c.list(ctx, selectRecords) }

// Registered returns all tenants as List does, with what public.tenants knows of
// them and nothing of their life: who they are, their state and their schema. The
// runtime role may read that much.
func (c *Catalog) Registered(ctx context.Context) ([]Record, error) {
	return c.list(ctx, selectRegistered)
}

func (c *Catalog) list(ctx context.Context, sql string) ([]Record, error) {
	rows, err := c.pool.Query(ctx, sql+" ORDER BY t.slug")
	if err == nil {
		var all []Record
		if all, err = pgx.CollectRows(rows, scanRecord); err == nil {
			return all, nil
		}
	}
	return nil, wrap(notInstalled(err), "list tenants")
}

// Get returns the tenant with a slug, whatever its state. There being none is
// CodeNotFound.
func (c *Catalog) Get(ctx context.Context, slug string) (Record, error) {
	return c.Find(ctx, Ref{Slug: slug})
}

// Find returns a tenant, whatever its state. There being none is CodeNotFound,
// and its being at another revision CodeConflict.
func (c *Catalog) Find(ctx context.Context, ref Ref) (Record, error) {
	condition, args, err := ref.condition()
	if err != nil {
		return Record{}, err
	}
	r, err := readRecord(ctx, c.pool, condition, args...)
	if errors.Is(err, pgx.ErrNoRows) {
		return Record{}, failf(tenant.CodeNotFound, "there is no %s", ref)
	}
	if err == nil {
		err = ref.unchanged(r)
	}
	if err != nil {
		return Record{}, wrap(notInstalled(err), "find "+ref.String())
	}
	return r, nil
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func readRecord(ctx context.Context, q querier, condition string, args ...any) (Record, error) {
	rows, err := q.Query(ctx, selectRecords+" WHERE "+condition, args...)
	if err != nil {
		return Record{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanRecord)
}

func notInstalled(err error) error {
	if _, said := errors.AsType[*tenant.Error](err); said {
		return err // whoever has said what it means knows better
	}
	switch stateOf(err) {
	case undefinedTable, undefinedColumn, undefinedSchema:
		return failf(tenant.CodeSchema, "the shared schema is not installed, or by an earlier version: %w", err)
	}
	return err
}

func scanRecord(row pgx.CollectableRow) (Record, error) {
	var (
		r     Record
		id    string
		times [5]*time.Time
	)
	err := row.Scan(&id, &r.Slug, &r.Name, &r.State, &r.Version, &r.Node, &r.Ring, &r.Plan, &times[0],
		&r.Revision, &r.Reason, &r.LeftState, &r.LeftReason, &r.SuspendedBy, &times[1], &times[2], &times[3], &times[4], &r.FormerSlug)
	if err != nil {
		return Record{}, err
	}
	if r.ID, err = tenant.ParseID(id); err != nil {
		return Record{}, err
	}
	r.Schema = r.ID.SchemaName()
	for i, to := range []*time.Time{&r.CreatedAt, &r.NotBefore, &r.OffboardedAt, &r.PurgeAfter, &r.PurgedAt} {
		if times[i] != nil {
			*to = times[i].UTC()
		}
	}
	return r, nil
}
