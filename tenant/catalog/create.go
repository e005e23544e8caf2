package catalog

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// SQLSTATEs of what is not there.
const (
	undefinedTable  = "42P01"
	undefinedSchema = "3F000"
)

// setOption is the first server version in which a membership says for itself
// whether it inherits.
const setOption = 160000

// CreateParams describe a tenant to be.
type CreateParams struct {
	// Slug names the tenant in host names. See [tenant.ParseSlug].
	Slug string
	// Name is for people. Empty means the slug.
	Name string
	// Plan is the value of public.tenants.plan. Empty leaves the column out.
	Plan string
	// Seed fills the new schema, within the same transaction and with the
	// schema as the search_path. Nil means that it starts empty.
	Seed func(ctx context.Context, tx pgx.Tx) error
}

// Create makes a tenant in one transaction: the row in the registry, the role,
// the schema with everything in it, the grants and the first rows. It is made
// from the current schema ([Catalog.Current]), which during a rollout is still
// the old one; the first tenant of all is made from Config.Schema.Tenant. When it
// fails, or when the process dies, nothing of that is there. It never adopts a schema
// or a role that exists. A slug that is taken is CodeConflict.
func (c *Catalog) Create(ctx context.Context, p CreateParams) (tenant.Tenant, error) {
	slug, err := tenant.ParseSlug(p.Slug)
	if err != nil {
		return tenant.Tenant{}, err
	}
	t := tenant.Tenant{ID: tenant.NewID(), Slug: slug}
	err = c.inTx(ctx, func(tx pgx.Tx) error {
		desired, err := c.forCreate(ctx, tx)
		if err != nil {
			return err
		}
		t.Version = desired.Fingerprint
		if err := register(ctx, tx, &t, p); err != nil {
			return err
		}
		if err := c.createSchema(ctx, tx, t, desired.DDL); err != nil {
			return err
		}
		if t.Version, err = settle(ctx, tx, t.Schema(), t.ID.String(), desired); err != nil || p.Seed == nil {
			return err
		}
		if err := p.Seed(ctx, tx); err != nil {
			return fmt.Errorf("seed: %w", err)
		}
		return nil
	})
	if err != nil {
		return tenant.Tenant{}, wrap(err, "create tenant "+slug)
	}
	return t, nil
}

// register inserts the tenant's row. Of two transactions with one slug the
// second waits here for the first.
func register(ctx context.Context, tx pgx.Tx, t *tenant.Tenant, p CreateParams) error {
	columns := []string{"id", "slug", "name", "state", "schema_fingerprint"}
	values := []string{"$1", "$2", "$3", "'active'", "$4"}
	args := []any{t.ID.String(), t.Slug, cmp.Or(p.Name, t.Slug), t.Version}
	if p.Plan != "" {
		columns, values, args = append(columns, "plan"), append(values, "$5"), append(args, p.Plan)
	}
	sql := fmt.Sprintf("INSERT INTO public.tenants (%s) VALUES (%s) RETURNING node",
		strings.Join(columns, ", "), strings.Join(values, ", "))
	err := tx.QueryRow(ctx, sql, args...).Scan(&t.Node)
	switch stateOf(err) {
	case "23505":
		return failf(tenant.CodeConflict, "slug %q is taken: %w", t.Slug, err)
	case "23503":
		return failf(tenant.CodeInvalid, "there is no plan %q: %w", p.Plan, err)
	case "23502":
		if p.Plan == "" {
			return failf(tenant.CodeInvalid, "the tenant needs a plan: %w", err)
		}
	case undefinedTable:
		return failf(tenant.CodeSchema, "the shared schema is not installed: %w", err)
	}
	return err
}

// createSchema makes the role and the schema, and leaves the search_path on it.
func (c *Catalog) createSchema(ctx context.Context, tx pgx.Tx, t tenant.Tenant, ddl string) error {
	name, runtime := tenant.QuoteIdent(t.Schema()), tenant.QuoteIdent(c.config.RuntimeRole)
	var version int
	if err := tx.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		return err
	}
	membership := "GRANT " + name + " TO " + runtime
	if version >= setOption {
		membership += " WITH INHERIT FALSE, SET TRUE"
	}
	err := execAll(ctx, tx,
		"CREATE ROLE "+name+" NOLOGIN NOINHERIT",
		membership,
		"CREATE SCHEMA "+name,
		TenantComment(t.Schema()),
	)
	if state := stateOf(err); state == "42710" || state == "42P06" {
		return failf(tenant.CodeConflict, "role or schema %s exists, and is not adopted: %w", t.Schema(), err)
	}
	if err != nil {
		return err
	}
	if err := script(ctx, tx, "tenant schema", t.Schema(), ddl); err != nil {
		return err
	}
	return execAll(ctx, tx, TenantGrants(t.Schema())...)
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
