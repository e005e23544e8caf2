package catalog

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// SQLSTATEs of what is not there.
const (
	undefinedTable  = "42P01"
	undefinedColumn = "42703"
	undefinedSchema = "3F000"
)

// CreateParams describe a tenant to be.
type CreateParams struct {
	// Slug names the tenant in host names. See [tenant.ParseNewSlug].
	Slug string
	// Name is for people. Empty means the slug.
	Name string
	// Plan is the value of public.tenants.plan. Empty leaves the column out.
	Plan string
	// OwnerEmail is the address of the first user, whom [Schema.TenantSeed] makes
	// of it. Empty means that there is none.
	OwnerEmail string
	// Key makes the creation repeatable: the same key with the same slug, name,
	// plan and address is the same tenant, and with others CodeConflict. At most
	// 255 bytes. Empty means that each call makes a tenant.
	Key string
	// Seed fills the new schema, within the same transaction and with the
	// schema as the search_path. It is called again when the transaction was in a
	// deadlock. Nil means that TenantSeed is all there is.
	Seed func(ctx context.Context, tx pgx.Tx) error
}

// Create makes a tenant in one transaction: the row in the registry, the role,
// the schema with everything in it, the grants and the first rows. It is made
// from the current schema ([Catalog.Current]), which during a rollout is still
// the old one; the first tenant of all is made from Config.Schema.Tenant. When it
// fails, or when the process dies, nothing of that is there. It never adopts a schema
// or a role that exists. A slug that is taken, or looks like another tenant's, is
// CodeConflict ([UnfitError]), and so is what a hook refuses ([RefusedError]).
func (c *Catalog) Create(ctx context.Context, p CreateParams) (tenant.Tenant, error) {
	if err := p.check(); err != nil {
		return tenant.Tenant{}, err
	}
	t, err := c.create(ctx, p)
	if err != nil {
		return tenant.Tenant{}, wrap(notInstalled(err), "create tenant "+p.Slug)
	}
	return t, nil
}

func (c *Catalog) create(ctx context.Context, p CreateParams) (tenant.Tenant, error) {
	if err := c.register(ctx); err != nil {
		return tenant.Tenant{}, err
	}
	if t, found, err := c.madeBefore(ctx, p); found || err != nil {
		return t, err
	}
	r := Record{ID: tenant.NewID(), Slug: p.Slug, Name: cmp.Or(p.Name, p.Slug), Plan: p.Plan, State: StateActive, Revision: 1}
	r.Schema = r.ID.SchemaName()
	if err := c.before(ctx, Event{Action: ActionCreate, Tenant: r, At: time.Now().UTC()}); err != nil {
		return tenant.Tenant{}, err
	}
	asked := r
	err := c.repeat(ctx, func() error {
		r = asked
		return c.inTx(ctx, func(tx pgx.Tx) error { return c.make(ctx, tx, &r, p) })
	})
	if tenant.CodeOf(err) == tenant.CodeConflict {
		// It may be one with the same key that was in the way.
		if t, found, errFound := c.madeBefore(ctx, p); found || errFound != nil {
			return t, errFound
		}
	}
	if err != nil {
		return tenant.Tenant{}, err
	}
	c.deliverAtOnce(ctx, r.ID)
	return r.Tenant(), nil
}

// make is the transaction of Create. The tenant is in provisioning until the last
// statement: should a text of the project end the transaction, what is left of it
// is not routed.
func (c *Catalog) make(ctx context.Context, tx pgx.Tx, r *Record, p CreateParams) error {
	if _, err := c.checkRuntime(ctx, tx); err != nil {
		return err
	}
	desired, err := c.forCreate(ctx, tx)
	if err != nil {
		return err
	}
	r.Version = desired.Fingerprint
	if err := insertTenant(ctx, tx, r, p); err != nil {
		return refused(err, *r)
	}
	if err := c.build(ctx, tx, r.Schema, desired.DDL); err != nil {
		return err
	}
	if r.Version, err = settle(ctx, tx, r.Schema, r.ID.String(), desired); err != nil {
		return err
	}
	if err := c.seed(ctx, tx, r.Schema, p); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE public.tenants SET state = $2 WHERE id = $1::uuid", r.ID.String(), StateActive); err != nil {
		return err
	}
	after, err := readRecord(ctx, tx, "t.id = $1::uuid", r.ID.String())
	if err != nil {
		return err
	}
	*r = after
	return c.tell(ctx, tx, Event{Action: ActionCreate, Tenant: after, At: time.Now().UTC()})
}

// insertTenant inserts the tenant's rows. Of two transactions with one slug the
// second waits here for the first.
func insertTenant(ctx context.Context, tx pgx.Tx, r *Record, p CreateParams) error {
	columns := []string{"id", "slug", "name", "state", "schema_fingerprint"}
	values := []string{"$1", "$2", "$3", "$4", "$5"}
	args := []any{r.ID.String(), r.Slug, r.Name, StateProvisioning, r.Version}
	if r.Plan != "" {
		columns, values, args = append(columns, "plan"), append(values, "$6"), append(args, r.Plan)
	}
	_, err := tx.Exec(ctx, fmt.Sprintf("INSERT INTO public.tenants (%s) VALUES (%s)",
		strings.Join(columns, ", "), strings.Join(values, ", ")), args...)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO bailiwick.tenants (tenant_id, skeleton, request_key, request_hash)
		VALUES ($1::uuid, $2, nullif($3, ''), nullif($4, ''))`, r.ID.String(), tenant.SlugSkeleton(r.Slug), p.Key, p.hash())
	return err
}

// build makes the role and the schema, and leaves the search_path on it.
func (c *Catalog) build(ctx context.Context, tx pgx.Tx, schema, ddl string) error {
	name := tenant.QuoteIdent(schema)
	err := execAll(ctx, tx, strings.Join([]string{
		"CREATE ROLE " + name + " NOLOGIN NOINHERIT",
		membership(serverVersion(tx), schema, c.config.RuntimeRole),
		"CREATE SCHEMA " + name,
		TenantComment(schema),
	}, ";\n"))
	if state := stateOf(err); state == "42710" || state == "42P06" {
		return failf(tenant.CodeConflict, "role or schema %s exists, and is not adopted: %w", schema, err)
	}
	if err != nil {
		return err
	}
	if err := script(ctx, tx, "tenant schema", schema, ddl); err != nil {
		return err
	}
	return execAll(ctx, tx, grantsOf(schema))
}

// seed fills the new schema.
func (c *Catalog) seed(ctx context.Context, tx pgx.Tx, schema string, p CreateParams) error {
	if text := c.config.Schema.TenantSeed; text != "" {
		if _, err := tx.Exec(ctx, "SELECT pg_catalog.set_config('bailiwick.owner_email', $1, true)", p.OwnerEmail); err != nil {
			return err
		}
		if err := script(ctx, tx, "tenant seed", schema, text); err != nil {
			return err
		}
	}
	if p.Seed == nil {
		return nil
	}
	if err := p.Seed(ctx, tx); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	return nil
}

// Plans lists the plans that a tenant can have, by name. It is empty for a
// shared schema without plans.
func (c *Catalog) Plans(ctx context.Context) ([]string, error) {
	var names []string
	rows, err := c.pool.Query(ctx, "SELECT name FROM public.plans ORDER BY name")
	if err == nil {
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if stateOf(err) == undefinedTable {
		return nil, nil
	}
	return names, wrap(err, "list plans")
}

func execAll(ctx context.Context, tx pgx.Tx, statements ...string) error {
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
