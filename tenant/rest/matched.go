package rest

import (
	"context"
	"maps"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Transactor is the queries of a scope, as generated.
type Transactor[Q any] interface {
	InTx(ctx context.Context, opts tenant.TxOptions, fn func(ctx context.Context, tx Q) error) error
}

// matchAttempts bounds how often a change is tried against others of its row.
// Each attempt that fails means that another one was made.
const matchAttempts = 10

// Matched runs a change under the client's If-Match: in one transaction, current
// answers as GET does and sets the ETag, and change is only run when that is what
// the client has. Of two changes at the same time the second fails to serialize,
// is tried again, and finds another ETag. Without the header change runs at once.
func Matched[Q Transactor[Q], H ~string, C, R any](
	ctx context.Context, q Q, header *H,
	current func(context.Context, Q) (C, error),
	change func(context.Context, Q) (R, error),
) (R, error) {
	if header == nil {
		return change(ctx, q)
	}
	var result R
	var set http.Header
	err := q.InTx(ctx, tenant.TxOptions{Isolation: pgx.RepeatableRead, MaxAttempts: matchAttempts}, func(ctx context.Context, tx Q) error {
		now := http.Header{}
		if _, err := current(withHeader(ctx, now), tx); err != nil {
			return err
		}
		if err := ifMatch(string(*header), now.Get(headerETag)); err != nil {
			return err
		}
		set = http.Header{}
		var err error
		result, err = change(withHeader(ctx, set), tx)
		return err
	})
	if err != nil {
		var none R
		return none, err
	}
	setAll(ctx, set)
	return result, nil
}

// setAll sends headers that were gathered in a transaction which has committed.
func setAll(ctx context.Context, set http.Header) {
	maps.Copy(Header(ctx), set)
}
