package main

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
)

// demoTenants are made at the first start without DATABASE_URL.
var demoTenants = []service.DemoTenant{
	{Slug: "acme", Name: "Acme Corporation", Seed: seedDemo},
	{Slug: "globex", Name: "Globex Corporation", Seed: seedDemo},
}

// demoRows are what a demo tenant starts with.
const demoRows = `
INSERT INTO products (sku, name, description, currency, price, stock) VALUES
    ('mug-blue', 'Blue mug', 'Holds a third of a litre.', 'EUR', 12.50, 40),
    ('mug-red', 'Red mug', NULL, 'EUR', 12.50, 3),
    ('tea-assam', 'Assam, 250 g', 'Strong.', 'EUR', 9.90, 0)
`

// seedDemo fills a new tenant's schema, in the transaction that makes it.
func seedDemo(ctx context.Context, tx pgx.Tx, _ tenant.Tenant, _ *keyring.Keyring) error {
	_, err := tx.Exec(ctx, demoRows)
	return err
}
