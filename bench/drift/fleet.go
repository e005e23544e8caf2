package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

const (
	database       = "bailiwick_bench_drift"
	tablesOfTenant = 10
)

// fleet is a scratch database with many tenants.
type fleet struct {
	pool    *pgxpool.Pool
	schemas []string
	stop    func() error
	drop    func(ctx context.Context) error
}

func open(ctx context.Context, o options) (*fleet, error) {
	f := &fleet{stop: func() error { return nil }}
	if o.url == "" {
		instance, err := devpg.Start(ctx, devpg.Options{Name: "bench"})
		if err != nil {
			return nil, err
		}
		o.url, f.stop = instance.SuperURL("postgres"), instance.Close
	}
	f.drop = func(ctx context.Context) error {
		return admit(ctx, o.url, "DROP DATABASE IF EXISTS "+database+" WITH (FORCE)")
	}
	err := errors.Join(f.drop(ctx), admit(ctx, o.url, "CREATE DATABASE "+database))
	if err != nil {
		return nil, errors.Join(err, f.stop())
	}
	config, err := pgxpool.ParseConfig(o.url)
	if err != nil {
		return nil, errors.Join(err, f.stop())
	}
	config.ConnConfig.Database, config.MaxConns = database, int32(max(o.conns, 2)) //nolint:gosec // A small number.
	if f.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, errors.Join(err, f.stop())
	}
	return f, nil
}

// close leaves nothing, so that the next run begins where this one did.
func (f *fleet) close(ctx context.Context) error {
	f.pool.Close()
	return errors.Join(f.drop(ctx), f.stop())
}

func admit(ctx context.Context, url, statement string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// grow makes tenants until there are so many.
func (f *fleet) grow(ctx context.Context, size int) error {
	var more []string
	for i := len(f.schemas); i < size; i++ {
		more = append(more, tenant.ID{0xbe, 0xc5, byte(i >> 8), byte(i)}.SchemaName()) //nolint:gosec // Two bytes of a number are all of it.
	}
	const makers, at = 2, 50
	err := inParallel(ctx, makers, func(ctx context.Context, share int) error {
		for i := share; i < len(more); i += makers {
			if share == 0 && i/makers%at == 0 {
				fmt.Fprintf(os.Stderr, "making tenant %d of %d\n", len(f.schemas)+i, size)
			}
			if _, err := f.pool.Exec(ctx, ddl(more[i]), pgx.QueryExecModeSimpleProtocol); err != nil {
				return fmt.Errorf("make %s: %w", more[i], err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	f.schemas = append(f.schemas, more...)
	_, err = f.pool.Exec(ctx, "VACUUM ANALYZE")
	return err
}

// ddl makes one tenant, in one transaction.
func ddl(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE SCHEMA %[1]s; SET LOCAL search_path = %[1]s, pg_temp;", name)
	b.WriteString(`
		CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS 'BEGIN NEW.updated_at := now(); RETURN NEW; END';
		CREATE TYPE progress AS ENUM ('new', 'open', 'done');`)
	for i := range tablesOfTenant {
		fmt.Fprintf(&b, `
		CREATE TABLE t%[1]d (
			id         bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT t%[1]d_pkey PRIMARY KEY,
			parent_id  bigint      CONSTRAINT t%[1]d_parent_id_fkey REFERENCES t%[2]d ON DELETE CASCADE,
			name       text        NOT NULL CONSTRAINT t%[1]d_name_check CHECK (btrim(name) <> ''),
			stage      progress    NOT NULL DEFAULT 'new',
			amount     numeric(10,2),
			tags       text[]      NOT NULL DEFAULT '{}',
			created_at timestamptz NOT NULL DEFAULT now(),
			updated_at timestamptz NOT NULL DEFAULT now()
		);
		CREATE INDEX t%[1]d_created_at_idx ON t%[1]d (created_at) WHERE amount > 0;
		COMMENT ON TABLE t%[1]d IS 'One of ten.';`, i, max(i-1, 0))
	}
	b.WriteString(`
		CREATE VIEW totals AS SELECT t0.id, t0.name, sum(t1.amount) AS amount FROM t0 JOIN t1 ON t1.parent_id = t0.id GROUP BY t0.id;
		CREATE TRIGGER touched BEFORE UPDATE ON t0 FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ` + name + ` TO pg_monitor;`)
	return b.String()
}

// inParallel calls fn once for each share of the work.
func inParallel(ctx context.Context, shares int, fn func(ctx context.Context, share int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for share := range shares {
		group.Go(func() error { return fn(ctx, share) })
	}
	return group.Wait()
}
