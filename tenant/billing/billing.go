// Package billing lets subscriptions drive the plans and the states of tenants.
//
// A payment provider sends events to a webhook ([Webhook]), which checks the
// signature and writes them down as the runtime role. A worker applies them as the
// owner role ([Billing.Apply]) to public.subscriptions, and brings the tenants in
// line with their subscriptions ([Billing.Enforce]); see [Billing.Jobs]. Each of the
// three can be repeated, and none trusts the order in which events arrive, except that
// of two of one subscription and one second, which the provider tells no better, the
// last to arrive counts. An end counts in any order. What a plan allows is asked when
// somebody wants more ([Limits]).
//
// It relies on the tables public.plans and public.subscriptions with the columns
// that the reference service's schema/public.sql gives them.
//
// The package imports the standard library, pgx, and the packages tenant, rest,
// catalog and worker.
package billing

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

const (
	// source names the provider's events in bailiwick.inbox.
	source = "billing"
	// actor is who changes tenants, in the audit, and who holds their suspension.
	actor = "billing"
	// DefaultGrace is how long a tenant is served whose payment is due.
	DefaultGrace = 14 * 24 * time.Hour
)

// Config says what a [Billing] works with.
type Config struct {
	// Pool is the owner role's.
	Pool *pgxpool.Pool
	// Catalog changes the tenants.
	Catalog *catalog.Catalog
	// Grace is how long a tenant is served after a payment has failed or a trial
	// has ended. Zero means DefaultGrace.
	Grace time.Duration
	// Logger gets what can't be applied. Nil means slog.Default().
	Logger *slog.Logger
}

// Billing applies events and brings tenants in line with their subscriptions. It
// is safe for concurrent use, also by several processes.
type Billing struct {
	pool    *pgxpool.Pool
	catalog *catalog.Catalog
	grace   time.Duration
	logger  *slog.Logger
}

// New returns a Billing.
func New(c Config) *Billing {
	return &Billing{pool: c.Pool, catalog: c.Catalog, grace: cmp.Or(c.Grace, DefaultGrace), logger: cmp.Or(c.Logger, slog.Default())}
}

// Installed tells whether the shared schema has the tables of billing.
func (b *Billing) Installed(ctx context.Context) (installed bool, err error) {
	err = b.pool.QueryRow(ctx, `
		SELECT pg_catalog.to_regclass('public.plans') IS NOT NULL AND pg_catalog.count(*) = 3
		FROM pg_catalog.pg_attribute
		WHERE attrelid = pg_catalog.to_regclass('public.subscriptions') AND attname IN ('external_id', 'event_at', 'state_since')`).Scan(&installed)
	return installed, err
}
