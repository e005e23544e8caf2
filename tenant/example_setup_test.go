package tenant_test

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// withTwoTenants makes a database for an example, which has no *testing.T to ask
// package tenanttest for one.
func withTwoTenants(ctx context.Context, do func(ctx context.Context, db *tenant.DB, acme, globex tenant.Tenant) error) (err error) {
	instance, err := devpg.Start(ctx, devpg.Options{Name: devpg.Test})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, instance.Close()) }()
	name := "example_" + tenant.NewID().SchemaName()
	if err := superuser(ctx, instance, "CREATE DATABASE "+name+" OWNER "+devpg.OwnerRole); err != nil {
		return err
	}
	clean := []string{"DROP DATABASE " + name + " WITH (FORCE)"}
	defer func() { err = errors.Join(err, superuser(ctx, instance, clean...)) }()
	c, err := catalog.Open(ctx, catalog.Config{
		URL: instance.OwnerURL(name), RuntimeRole: devpg.RuntimeRole,
		Schema: catalog.Schema{Public: tenanttest.PublicSchema, Tenant: "CREATE TABLE scans (state text NOT NULL)"},
	})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Install(ctx); err != nil {
		return err
	}
	var tenants [2]tenant.Tenant
	for i, slug := range []string{"acme", "globex"} {
		if tenants[i], err = c.Create(ctx, catalog.CreateParams{Slug: slug}); err != nil {
			return err
		}
		clean = append(clean, "DROP ROLE "+tenants[i].Schema())
	}
	db, err := tenant.Open(ctx, tenant.Config{URL: instance.RuntimeURL(name)})
	if err != nil {
		return err
	}
	defer db.Close()
	return do(ctx, db, tenants[0], tenants[1])
}

func superuser(ctx context.Context, instance *devpg.Instance, statements ...string) error {
	conn, err := pgx.Connect(ctx, instance.SuperURL("postgres"))
	if err != nil {
		return err
	}
	for _, s := range statements {
		_, failed := conn.Exec(ctx, s)
		err = errors.Join(err, failed)
	}
	return errors.Join(err, conn.Close(ctx))
}
