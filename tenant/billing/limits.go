package billing

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// Count counts what a limit is about, as the tenant itself.
type Count func(ctx context.Context, q *tenant.Querier) (int64, error)

// LimitReached is the type of the problem that [Limits] answer with.
const LimitReached = rest.ProblemBase + "limit-reached"

// Limits hold a tenant to its plan: each limit is a column of public.plans, of
// which NULL is no limit. The check comes before the request is carried out and
// not in its transaction, so that two requests at the same moment may go one over.
type Limits struct {
	// DB works as the runtime role.
	DB *tenant.DB
	// Counts has the count of each limit, by the column's name.
	Counts map[string]Count
}

// Check refuses, by 403, what would go over a limit of the tenant in ctx.
func (l *Limits) Check(ctx context.Context, name string) error {
	count, known := l.Counts[name]
	of, bound := tenant.FromContext(ctx)
	if !known || !bound {
		return fmt.Errorf("limit %q: nobody counts it, or there is no tenant", name)
	}
	plan, limit, err := l.allowed(ctx, of, name)
	if err != nil || limit == nil {
		return err
	}
	q, err := l.DB.Bind(of)
	if err != nil {
		return err
	}
	defer q.Close()
	used, err := count(ctx, q)
	if err != nil || used < *limit {
		return err
	}
	return &rest.StatusError{Problem: rest.Problem{
		Type: LimitReached, Title: "The plan allows no more", Status: http.StatusForbidden,
		Detail: fmt.Sprintf("the plan %q allows %d (%s), and %d are in use", plan, *limit, name, used),
	}}
}

// allowed reads a limit of a tenant's plan: nil is none.
func (l *Limits) allowed(ctx context.Context, of tenant.Tenant, name string) (plan string, limit *int64, err error) {
	err = l.DB.Public().QueryRow(ctx, `
		SELECT p.name, (pg_catalog.to_jsonb(p) ->> $2)::bigint
		FROM public.tenants AS t JOIN public.plans AS p ON p.name = t.plan
		WHERE t.id = $1::uuid`, of.ID.String(), name).Scan(&plan, &limit)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil, nil // A tenant without a plan has no limits.
	}
	return plan, limit, err
}
