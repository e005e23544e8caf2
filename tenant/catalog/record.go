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
}

// Tenant is what a query needs to know of the record.
func (r Record) Tenant() tenant.Tenant {
	return tenant.Tenant{ID: r.ID, Slug: r.Slug, Version: r.Version, Node: r.Node}
}

// Columns that a project may do without are read as JSON, where they may be missing.
const selectRecords = `
	SELECT t.id::text, t.slug, t.name, t.state::text, t.schema_fingerprint, t.node,
	       coalesce(j ->> 'ring', ''), coalesce(j ->> 'plan', ''), (j ->> 'created_at')::timestamptz
	FROM public.tenants AS t, LATERAL to_jsonb(t) AS j`

// List returns all tenants, in the order of their slugs.
func (c *Catalog) List(ctx context.Context) ([]Record, error) {
	rows, err := c.pool.Query(ctx, selectRecords+" ORDER BY t.slug")
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
	rows, err := c.pool.Query(ctx, selectRecords+" WHERE t.slug = $1", slug)
	if err == nil {
		var r Record
		if r, err = pgx.CollectExactlyOneRow(rows, scanRecord); err == nil {
			return r, nil
		}
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return Record{}, failf(tenant.CodeNotFound, "there is no tenant %q", slug)
	}
	return Record{}, wrap(notInstalled(err), "get tenant "+slug)
}

func notInstalled(err error) error {
	if stateOf(err) == undefinedTable {
		return failf(tenant.CodeSchema, "the shared schema is not installed: %w", err)
	}
	return err
}

func scanRecord(row pgx.CollectableRow) (Record, error) {
	var (
		r       Record
		id      string
		created *time.Time
	)
	err := row.Scan(&id, &r.Slug, &r.Name, &r.State, &r.Version, &r.Node, &r.Ring, &r.Plan, &created)
	if err != nil {
		return Record{}, err
	}
	if r.ID, err = tenant.ParseID(id); err != nil {
		return Record{}, err
	}
	r.Schema = r.ID.SchemaName()
	if created != nil {
		r.CreatedAt = created.UTC()
	}
	return r, nil
}
