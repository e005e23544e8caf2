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
WITH billing AS (
    INSERT INTO queues (name) VALUES ('Billing') RETURNING id
)
INSERT INTO tickets (queue_id, subject, body, priority, requester, respond_by)
SELECT billing.id, t.subject, t.body, p.name, 'demo', now() + p.respond_within
FROM billing, public.priorities p, (VALUES
    ('The invoice has no number', 'Our books need one.', 'normal'),
    ('Charged twice', 'The same invoice was paid on Monday and on Tuesday.', 'urgent')
) AS t (subject, body, priority)
WHERE p.name = t.priority
`

// seedDemo fills a new tenant's schema, in the transaction that makes it.
func seedDemo(ctx context.Context, tx pgx.Tx, _ tenant.Tenant, _ *keyring.Keyring) error {
	_, err := tx.Exec(ctx, demoRows)
	return err
}
