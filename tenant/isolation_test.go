package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// ways are the ways to a querier that the runtime itself offers.
var ways = []tenanttest.Way{
	{Name: "single", Run: func(ctx context.Context, db *tenant.DB, t tenant.Tenant, sql string, args ...any) ([]string, error) {
		return within(db, t, func(q *tenant.Querier) ([]string, error) { return firstColumn(q.Query(ctx, sql, args...)) })
	}},
	{Name: "tx", Run: func(ctx context.Context, db *tenant.DB, t tenant.Tenant, sql string, args ...any) ([]string, error) {
		return within(db, t, func(q *tenant.Querier) (got []string, err error) {
			err = q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
				got, err = firstColumn(tx.Query(ctx, sql, args...))
				return err
			})
			return got, err
		})
	}},
	{Name: "savepoint", Run: func(ctx context.Context, db *tenant.DB, t tenant.Tenant, sql string, args ...any) ([]string, error) {
		return within(db, t, func(q *tenant.Querier) (got []string, err error) {
			err = q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
				return tx.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
					got, err = firstColumn(tx.Query(ctx, sql, args...))
					return err
				})
			})
			return got, err
		})
	}},
	{Name: "batch", Run: func(ctx context.Context, db *tenant.DB, t tenant.Tenant, sql string, args ...any) ([]string, error) {
		return within(db, t, func(q *tenant.Querier) ([]string, error) {
			b := &pgx.Batch{}
			b.Queue("SELECT 1")
			b.Queue(sql, args...)
			results := q.SendBatch(ctx, b)
			if _, err := results.Exec(); err != nil {
				return nil, errors.Join(err, results.Close())
			}
			got, err := firstColumn(results.Query())
			return got, errors.Join(err, results.Close())
		})
	}},
	{Name: "copy", Run: func(ctx context.Context, db *tenant.DB, t tenant.Tenant, sql string, args ...any) ([]string, error) {
		return within(db, t, func(q *tenant.Querier) (got []string, err error) {
			err = q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
				rows := pgx.CopyFromRows([][]any{{"copied"}})
				if _, err := tx.CopyFrom(ctx, pgx.Identifier{"copied"}, []string{"body"}, rows); err != nil {
					return err
				}
				got, err = firstColumn(tx.Query(ctx, sql, args...))
				return err
			})
			return got, err
		})
	}},
}

func within(db *tenant.DB, t tenant.Tenant, fn func(*tenant.Querier) ([]string, error)) ([]string, error) {
	q, err := db.Bind(t)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	got, err := fn(q)
	if err != nil {
		return nil, err
	}
	return got, nil
}

func firstColumn(rows pgx.Rows, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return nil, err
		}
		got = append(got, fmt.Sprint(values[0]))
	}
	return got, rows.Err()
}

func TestIsolation(t *testing.T) {
	t.Parallel()
	for name, config := range modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenanttest.Isolation(t, config, ways, nil)
		})
	}
}
