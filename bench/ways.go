package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// query is one statement; %[1]s stands where a schema's name goes.
type query struct {
	name, title, sql string
	plain            string // sql without a schema's name
	arg              func() int64
	rows             int
}

var queries = []query{
	{
		name: "point", title: "point query: one row by primary key",
		sql: `SELECT id, scan_id, resource_id, severity, title, found_at FROM %[1]sfindings WHERE id = $1`,
		arg: upTo(500), rows: 1,
	},
	{
		name: "list", title: "list: 20 rows joined from three tables",
		sql: `SELECT f.id, s.id, r.id, f.severity, f.title, f.found_at FROM %[1]sfindings f
			JOIN %[1]sscans s ON s.id = f.scan_id JOIN %[1]sresources r ON r.id = f.resource_id
			WHERE f.scan_id = $1 ORDER BY f.id DESC LIMIT 20`,
		arg: upTo(10), rows: 20,
	},
}

// upTo gives random ids from 1 to n.
func upTo(n int64) func() int64 {
	return func() int64 { return 1 + rand.Int64N(n) }
}

// way is one way of running a query for a tenant.
type way struct {
	name  string
	run   func(ctx context.Context, q query, t int) (pgx.Rows, func() error, error)
	close func()
}

func done() error { return nil }

// openWays makes the ways, the bound one first. Each has its own connections.
func openWays(ctx context.Context, s *server, o options) ([]way, error) {
	url, err := s.runtimeURL()
	if err != nil {
		return nil, err
	}
	conns := int32(o.conns) //nolint:gosec // A small number.
	db, err := tenant.Open(ctx, tenant.Config{URL: url, MaxConns: conns})
	if err != nil {
		return nil, err
	}
	pools := make([]*pgxpool.Pool, 4)
	for i := range pools {
		config, err := pgxpool.ParseConfig(url)
		if err != nil {
			return nil, err
		}
		config.MaxConns = conns
		if pools[i], err = pgxpool.NewWithConfig(ctx, config); err != nil {
			return nil, err
		}
	}
	texts, one := map[string][]string{}, map[string]string{}
	for i, q := range queries {
		queries[i].plain = fmt.Sprintf(q.sql, "")
		one[q.name] = fmt.Sprintf(q.sql, oneSchema+".")
		for _, t := range s.tenants {
			texts[q.name] = append(texts[q.name], fmt.Sprintf(q.sql, t.Schema()+"."))
		}
	}
	return []way{
		{"bound", func(ctx context.Context, q query, t int) (pgx.Rows, func() error, error) {
			querier, err := db.Bind(s.tenants[t])
			if err != nil {
				return nil, nil, err
			}
			rows, err := querier.Query(ctx, q.plain, q.arg())
			return rows, done, err
		}, db.Close},
		{"raw", func(ctx context.Context, q query, _ int) (pgx.Rows, func() error, error) {
			rows, err := pools[0].Query(ctx, one[q.name], q.arg())
			return rows, done, err
		}, pools[0].Close},
		{"qualified", func(ctx context.Context, q query, t int) (pgx.Rows, func() error, error) {
			rows, err := pools[1].Query(ctx, texts[q.name][t], q.arg())
			return rows, done, err
		}, pools[1].Close},
		{"set", setSession(pools[2], s), pools[2].Close},
		{"tx", setLocal(pools[3], s), pools[3].Close},
	}, nil
}

// setSession sets the path on the session. Per-schema types make a cached plan
// fail there, so the statement is described and planned anew, as its users must.
func setSession(pool *pgxpool.Pool, s *server) func(context.Context, query, int) (pgx.Rows, func() error, error) {
	return func(ctx context.Context, q query, t int) (pgx.Rows, func() error, error) {
		conn, err := pool.Acquire(ctx)
		if err != nil {
			return nil, nil, err
		}
		release := func() error { conn.Release(); return nil }
		if _, err := conn.Exec(ctx, "SET search_path = "+s.tenants[t].Schema()); err != nil {
			return nil, release, err
		}
		rows, err := conn.Query(ctx, q.plain, pgx.QueryExecModeExec, q.arg())
		return rows, release, err
	}
}

func setLocal(pool *pgxpool.Pool, s *server) func(context.Context, query, int) (pgx.Rows, func() error, error) {
	return func(ctx context.Context, q query, t int) (pgx.Rows, func() error, error) {
		tx, err := pool.Begin(ctx)
		if err != nil {
			return nil, nil, err
		}
		commit := func() error { return tx.Commit(ctx) }
		schema := s.tenants[t].Schema()
		set := "SET LOCAL role = " + schema + "; SET LOCAL search_path = " + schema
		if _, err := tx.Exec(ctx, set, pgx.QueryExecModeSimpleProtocol); err != nil {
			return nil, commit, err
		}
		rows, err := tx.Query(ctx, q.plain, pgx.QueryExecModeExec, q.arg())
		return rows, commit, err
	}
}

// warmUp is the part of a turn that is not counted.
const warmUp = 200 * time.Millisecond

// drive runs the query from as many goroutines as there are connections, each
// time for a random tenant, and returns queries per second.
func drive(ctx context.Context, w way, q query, o options, slice time.Duration) (float64, error) {
	counts := make([]int, o.conns)
	tenants := upTo(int64(o.tenants))
	start := time.Now().Add(warmUp)
	group, ctx := errgroup.WithContext(ctx)
	for i := range o.conns {
		group.Go(func() error {
			for time.Since(start) < slice {
				if err := once(ctx, w, q, int(tenants())-1); err != nil {
					return err
				}
				if time.Since(start) > 0 {
					counts[i]++
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / time.Since(start).Seconds(), nil
}

// once runs the query and reads what comes as a handler would.
func once(ctx context.Context, w way, q query, t int) error {
	rows, end, err := w.run(ctx, q, t)
	if err != nil {
		return err
	}
	n := 0
	for rows.Next() {
		var id, scan, resource int64
		var severity, title string
		var foundAt time.Time
		if err := rows.Scan(&id, &scan, &resource, &severity, &title, &foundAt); err != nil {
			return err
		}
		n++
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if n != q.rows {
		return fmt.Errorf("%d rows in place of %d", n, q.rows)
	}
	return end()
}

// complain prints an error of cleaning up.
func complain(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}
