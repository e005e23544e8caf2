package billing

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// Count counts what a limit is about, as the tenant itself.
type Count func(ctx context.Context, q *tenant.Querier) (int64, error)

// Limits are those of the tenants' plans, for rest.Options: each is a column of
// public.plans, of which NULL is no limit, with what counts towards it. db works as
// the runtime role.
func Limits(db *tenant.DB, counts map[string]Count) map[string]func(context.Context) (*rest.Limit, error) {
	limits := map[string]func(context.Context) (*rest.Limit, error){}
	for name, count := range counts {
		limits[name] = func(ctx context.Context) (*rest.Limit, error) { return allowed(ctx, db, name, count) }
	}
	return limits
}

// allowed reads a limit of the plan of the tenant in ctx: nil is none.
func allowed(ctx context.Context, db *tenant.DB, name string, count Count) (*rest.Limit, error) {
	of, bound := tenant.FromContext(ctx)
	if !bound {
		return nil, errors.New("there is no tenant whose plan could have a limit")
	}
	l := &rest.Limit{Name: name, Count: count}
	var limit *int64
	var column bool
	err := db.Public().QueryRow(ctx, `
		SELECT p.name, (row ->> $2)::bigint, row ? $2
		FROM public.tenants AS t JOIN public.plans AS p ON p.name = t.plan, pg_catalog.to_jsonb(p) AS row
		WHERE t.id = $1::uuid`, of.ID.String(), name).Scan(&l.Plan, &limit, &column)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil //nolint:nilnil // A tenant without a plan has no limits.
	case err != nil:
		return nil, err
	case !column:
		return nil, fmt.Errorf("public.plans has no column %s", name)
	case limit == nil:
		return nil, nil //nolint:nilnil // The plan is without limit.
	}
	l.Max = *limit
	return l, nil
}
