package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

const (
	database       = "bailiwick_bench_rollout"
	tablesOfTenant = 10
)

// registry is the shared schema.
const registry = `
CREATE TYPE public.tenant_state AS ENUM ('provisioning', 'active', 'suspended', 'offboarding', 'purged');
CREATE TABLE public.tenants (
	id                 uuid                NOT NULL CONSTRAINT tenants_pkey PRIMARY KEY,
	slug               text                NOT NULL CONSTRAINT tenants_slug_key UNIQUE,
	name               text                NOT NULL,
	state              public.tenant_state NOT NULL,
	schema_fingerprint text                NOT NULL,
	node               text                NOT NULL DEFAULT 'default'
);
`

// structure is a tenant's schema, before the change or after it.
func structure(changed bool) string {
	var b strings.Builder
	b.WriteString(`CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS 'BEGIN NEW.updated_at := now(); RETURN NEW; END';
`)
	for i := range tablesOfTenant {
		fmt.Fprintf(&b, `CREATE TABLE t%[1]d (
	id         bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT t%[1]d_pkey PRIMARY KEY,
	parent_id  bigint      CONSTRAINT t%[1]d_parent_id_fkey REFERENCES t%[2]d ON DELETE CASCADE,
	name       text        NOT NULL CONSTRAINT t%[1]d_name_check CHECK (btrim(name) <> ''),
	amount     numeric(10,2),
	updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX t%[1]d_updated_at_idx ON t%[1]d (updated_at) WHERE amount > 0;
`, i, max(i-1, 0))
	}
	if changed {
		b.WriteString("ALTER TABLE t0 ADD COLUMN note text;\nCREATE INDEX t0_note_idx ON t0 (note);\n")
	}
	b.WriteString(`CREATE VIEW totals AS SELECT t0.id, t0.name, sum(t1.amount) AS amount FROM t0 JOIN t1 ON t1.parent_id = t0.id GROUP BY t0.id;
CREATE TRIGGER touched BEFORE UPDATE ON t0 FOR EACH ROW EXECUTE FUNCTION touch();
`)
	return b.String()
}

// fleet is a scratch database with many tenants.
type fleet struct {
	*devpg.Instance

	super, owner *pgx.Conn
	schemas      []string
	// at is the fingerprint of the tenants before the change.
	at string
}

// open makes the fleet. Its close is to be called also when that fails.
func (f *fleet) open(ctx context.Context, size int) (err error) {
	if f.Instance, err = devpg.Start(ctx, devpg.Options{Name: "bench"}); err != nil {
		return err
	}
	for i := 1; i < size; i++ {
		f.schemas = append(f.schemas, idOf(i).SchemaName()) // roles that a killed run may have left
	}
	if err := f.drop(ctx); err != nil {
		return err
	}
	if err := f.admit(ctx, "CREATE DATABASE "+database+" OWNER "+devpg.OwnerRole); err != nil {
		return err
	}
	if f.super, err = pgx.Connect(ctx, f.SuperURL(database)); err != nil {
		return err
	}
	if f.owner, err = pgx.Connect(ctx, f.OwnerURL(database)); err != nil {
		return err
	}
	c, err := catalog.Open(ctx, catalog.Config{
		URL: f.OwnerURL(database), RuntimeRole: devpg.RuntimeRole,
		Schema: catalog.Schema{Public: registry, Tenant: structure(false)},
	})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := errors.Join(f.Harden(ctx, database), c.Install(ctx)); err != nil {
		return err
	}
	first, err := c.Create(ctx, catalog.CreateParams{Slug: "tenant-1"})
	if err != nil {
		return err
	}
	f.schemas, f.at = append(f.schemas, first.Schema()), first.Version
	for i := 1; i < size; i++ {
		if i%500 == 0 {
			fmt.Fprintf(os.Stderr, "making tenant %d of %d\n", i, size)
		}
		if err := f.add(ctx, idOf(i), fmt.Sprintf("tenant-%d", i+1)); err != nil {
			return err
		}
	}
	return nil
}

// idOf is the id of a tenant with a number.
func idOf(i int) tenant.ID {
	return tenant.ID{0xbe, 0xc6, byte(i >> 8), byte(i)} //nolint:gosec // two bytes of a number are all of it
}

// add makes a tenant as the catalog does, without looking at what came of it.
func (f *fleet) add(ctx context.Context, id tenant.ID, slug string) error {
	schema := id.SchemaName()
	tables, sequences := make([]string, tablesOfTenant), make([]string, tablesOfTenant)
	for i := range tablesOfTenant {
		tables[i], sequences[i] = fmt.Sprintf("t%d", i), fmt.Sprintf("t%d_id_seq", i)
	}
	// Grants on all that a schema has look at all that the database has.
	script := []string{
		"CREATE ROLE " + schema + " NOLOGIN NOINHERIT", "GRANT " + schema + " TO " + devpg.RuntimeRole, "CREATE SCHEMA " + schema,
		catalog.TenantComment(schema), "SET LOCAL search_path = " + schema + ", pg_temp", structure(false),
		"GRANT USAGE ON SCHEMA " + schema + " TO " + schema,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON totals, " + strings.Join(tables, ", ") + " TO " + schema,
		"GRANT USAGE, SELECT ON SEQUENCE " + strings.Join(sequences, ", ") + " TO " + schema,
		"REVOKE ALL ON FUNCTION touch() FROM PUBLIC", "GRANT EXECUTE ON FUNCTION touch() TO " + schema,
		fmt.Sprintf("INSERT INTO public.tenants VALUES ('%s', '%s', '%s', 'active', '%s')", id, slug, slug, f.at),
	}
	if _, err := f.owner.PgConn().Exec(ctx, strings.Join(script, ";\n")).ReadAll(); err != nil {
		return fmt.Errorf("make %s: %w", slug, err)
	}
	return nil
}

// script is some statements for each tenant; %s is the schema.
func (f *fleet) script(statements string) string {
	var b strings.Builder
	for _, schema := range f.schemas {
		b.WriteString(strings.ReplaceAll(statements, "%s", schema))
	}
	return b.String()
}

// close leaves nothing, so that the next run begins where this one did.
func (f *fleet) close(ctx context.Context) error {
	if f.Instance == nil {
		return nil
	}
	return errors.Join(f.drop(ctx), f.Close())
}

// drop drops the database, and the tenants' roles, of which the server has all.
func (f *fleet) drop(ctx context.Context) error {
	for _, conn := range []*pgx.Conn{f.owner, f.super} {
		if conn != nil {
			_ = conn.Close(ctx) // it is dropped beneath it anyway
		}
	}
	if err := f.admit(ctx, "DROP DATABASE IF EXISTS "+database+" WITH (FORCE)"); err != nil {
		return err
	}
	roles := f.schemas
	const most = 500 // of locks held by one transaction
	for len(roles) > 0 {
		n := min(most, len(roles))
		if err := f.admit(ctx, "DROP ROLE IF EXISTS "+strings.Join(roles[:n], ", ")); err != nil {
			return err
		}
		roles = roles[n:]
	}
	return nil
}

func (f *fleet) admit(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, f.SuperURL("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}
