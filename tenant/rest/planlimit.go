package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// limitReached is a kind of refusal of its own: a client mends it by another plan,
// or by giving something up.
var limitReached = kind{"limit-reached", "The plan allows no more"}

// limitAttempts bounds how often a request is tried against others that make
// more of the same. Each attempt that fails means that another one has succeeded.
const limitAttempts = 10

// Limit is how much of something a tenant may have.
type Limit struct {
	// Plan is the name of the plan, and Name of the limit, for the answer.
	Plan, Name string
	// Max is how much the plan allows.
	Max int64
	// Count counts what there is, as the tenant.
	Count func(ctx context.Context, q *tenant.Querier) (int64, error)
}

// reached is the answer to what would go over the limit.
func (l *Limit) reached(used int64) error {
	return &StatusError{Problem: Problem{
		Type: ProblemBase + limitReached.name, Title: limitReached.title, Status: http.StatusForbidden,
		Detail: fmt.Sprintf("the plan %q allows %d (%s), and %d are in use", l.Plan, l.Max, l.Name, used),
	}}
}

type limitKey struct{}

// limited is the x-plan-limit of a request's operation.
type limited struct {
	name  string
	find  func(ctx context.Context) (*Limit, error)
	asked bool
}

func withLimit(ctx context.Context, find func(context.Context) (*Limit, error), name string) context.Context {
	return context.WithValue(ctx, limitKey{}, &limited{name: name, find: find})
}

func limitOf(ctx context.Context) *limited {
	l, ok := ctx.Value(limitKey{}).(*limited)
	if !ok {
		return nil
	}
	return l
}

// Limited runs what may make more of what the tenant's plan limits: the
// x-plan-limit of the request's operation. What leaves more than the plan allows,
// and more than there was, is taken back and answered with 403 of type
// limit-reached; a tenant that has too much already, after a change of its plan,
// may still change it. Where the operation or the plan has no limit, run runs as
// it is.
//
// It counts before and after run in one serializable transaction with it, so that
// of two requests for the last place one gets it. Therefore run may be tried
// again, as in InTx, and must have no effect but through its queries. The
// transactions of run become parts of that one; q must not be in one already,
// unless it is serializable.
func Limited[Q TenantQueries[Q], R any](ctx context.Context, q Q, run func(context.Context, Q) (R, error)) (R, error) {
	var none R
	own := limitOf(ctx)
	if own == nil {
		return run(ctx, q)
	}
	own.asked = true
	limit, err := own.find(ctx)
	if err != nil {
		return none, fmt.Errorf("find the plan's limit %s: %w", own.name, err)
	}
	if limit == nil {
		return run(ctx, q)
	}
	var result R
	var set http.Header
	err = q.InTx(ctx, tenant.TxOptions{Isolation: pgx.Serializable, MaxAttempts: limitAttempts}, func(ctx context.Context, tx Q) error {
		before, err := limit.Count(ctx, tx.Querier())
		if err != nil {
			return err
		}
		set = http.Header{}
		if result, err = run(withHeader(ctx, set), tx); err != nil {
			return err
		}
		after, err := limit.Count(ctx, tx.Querier())
		if err == nil && after > limit.Max && after > before {
			err = limit.reached(before)
		}
		return err
	})
	if err != nil {
		return none, err
	}
	setAll(ctx, set)
	return result, nil
}

// LimitAsked is called by generated code with the error of a hand-written handler.
// One that succeeds without [Limited], although its operation has an x-plan-limit,
// would hold nobody to it: that is an error.
func LimitAsked(ctx context.Context, err error) error {
	if own := limitOf(ctx); err == nil && own != nil && !own.asked {
		return errors.New("the operation has x-plan-limit: " + own.name + ", and its handler does not call rest.Limited")
	}
	return err
}
