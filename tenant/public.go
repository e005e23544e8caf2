package tenant

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// PublicQuerier runs statements on the shared schema public, as the runtime role
// itself. It is a type of its own so that queries of tenants don't compile with
// it, nor queries of public with a tenant's querier. It can't be closed and is
// safe for concurrent use outside InTx.
type PublicQuerier struct{ q *Querier }

func (p *PublicQuerier) querier() *Querier {
	if p == nil {
		return nil
	}
	return p.q
}

// Exec is like [Querier.Exec].
func (p *PublicQuerier) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return p.querier().Exec(ctx, sql, args...)
}

// Query is like [Querier.Query].
func (p *PublicQuerier) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return p.querier().Query(ctx, sql, args...)
}

// QueryRow is like [Querier.QueryRow].
func (p *PublicQuerier) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return p.querier().QueryRow(ctx, sql, args...)
}

// CopyFrom is like [Querier.CopyFrom].
func (p *PublicQuerier) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error) {
	return p.querier().CopyFrom(ctx, table, columns, src)
}

// SendBatch is like [Querier.SendBatch].
func (p *PublicQuerier) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return p.querier().SendBatch(ctx, b)
}

// InTx is like [Querier.InTx].
func (p *PublicQuerier) InTx(ctx context.Context, opts TxOptions, fn func(ctx context.Context, tx *PublicQuerier) error) error {
	return p.querier().InTx(ctx, opts, func(ctx context.Context, tx *Querier) error {
		return fn(ctx, &PublicQuerier{q: tx})
	})
}
