package tenant_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// brittle is a connection that a deadline in the past closes, where that of
// another would time out: whoever reads or writes it then is told of a connection
// that is closed, as by pgx's own goroutines when they are not in luck.
type brittle struct{ net.Conn }

func (c brittle) SetDeadline(at time.Time) error {
	if !at.IsZero() && at.Before(time.Now()) {
		return c.Close()
	}
	return c.Conn.SetDeadline(at)
}

const sleep = "SELECT pg_catalog.pg_sleep(20)"

// giveUps are the ways to have something run for longer than its caller waits.
var giveUps = map[string]func(ctx context.Context, q *tenant.Querier, late func()) error{
	"statement": func(ctx context.Context, q *tenant.Querier, late func()) error {
		late()
		_, err := q.Exec(ctx, sleep)
		return err
	},
	"rows": func(ctx context.Context, q *tenant.Querier, late func()) error {
		rows, err := q.Query(ctx, "SELECT n, pg_catalog.pg_sleep(n / 20000) FROM pg_catalog.generate_series(1, 20020) AS n")
		if err != nil {
			return err
		}
		defer rows.Close()
		late()
		for rows.Next() {
			continue
		}
		return rows.Err()
	},
	"batch": func(ctx context.Context, q *tenant.Querier, late func()) error {
		batch := &pgx.Batch{}
		batch.Queue("SELECT 1")
		batch.Queue(sleep)
		late()
		return q.SendBatch(ctx, batch).Close()
	},
	"result of a batch": func(ctx context.Context, q *tenant.Querier, late func()) error {
		batch := &pgx.Batch{}
		batch.Queue("SELECT 1")
		batch.Queue(sleep)
		late()
		results := q.SendBatch(ctx, batch)
		defer results.Close()
		if _, err := results.Exec(); err != nil {
			return err
		}
		_, err := results.Exec()
		return err
	},
	"transaction": func(ctx context.Context, q *tenant.Querier, late func()) error {
		return q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
			return tx.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
				late()
				_, err := tx.Exec(ctx, sleep)
				return err
			})
		})
	},
	"commit": func(ctx context.Context, q *tenant.Querier, late func()) error {
		return q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
			late()
			_, err := tx.Exec(ctx, "INSERT INTO slow DEFAULT VALUES") // A deferred trigger sleeps.
			return err
		})
	},
	"copy": func(ctx context.Context, q *tenant.Querier, late func()) error {
		_, err := q.CopyFrom(ctx, pgx.Identifier{"notes"}, []string{"body"}, &slowSource{cancel: late})
		return err
	},
}

// Who gives up is told so, whatever is left of the connection.
func TestGivingUpHasItsCode(t *testing.T) {
	t.Parallel()
	q, _ := openBrittle(t)
	for name, run := range giveUps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := run(ctx, q, func() { time.AfterFunc(50*time.Millisecond, cancel) })
			wantCode(t, err, tenant.CodeCanceled)
			ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			err = run(ctx, q, func() {})
			wantCode(t, err, tenant.CodeTimeout)
		})
	}
}

// Who waits is told of the connection.
func TestCutConnectionIsUnavailable(t *testing.T) {
	t.Parallel()
	q, cut := openBrittle(t)
	time.AfterFunc(50*time.Millisecond, cut)
	_, err := q.Exec(t.Context(), sleep)
	wantCode(t, err, tenant.CodeUnavailable)
}

// openBrittle gives a querier of brittle connections, and what cuts the last one.
func openBrittle(t *testing.T) (*tenant.Querier, func()) {
	t.Helper()
	var last atomic.Pointer[brittle]
	db := open(t, tenant.Config{MaxConns: int32(len(giveUps)), Configure: func(config *pgx.ConnConfig) error {
		dial := config.DialFunc
		config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			last.Store(&brittle{conn})
			return brittle{conn}, nil
		}
		return nil
	}})
	return bind(t, db.DB, db.Tenants[0]), func() { _ = last.Load().Close() }
}
