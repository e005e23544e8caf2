package main

import (
	"context"

	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/billing"
)

// counts are what plans limit, by the columns of public.plans.
var counts = map[string]billing.Count{
	"max_providers": func(ctx context.Context, q *tenant.Querier) (int64, error) {
		return tenantdb.New(q).CountProviders(ctx, tenantdb.CountProvidersParams{})
	},
	"max_users": func(ctx context.Context, q *tenant.Querier) (int64, error) { return tenantdb.New(q).CountSeats(ctx) },
}
