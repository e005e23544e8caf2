package main

import (
	"context"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

const (
	database    = "bailiwick_bench"
	runtimeRole = "bailiwick_bench_app"
	oneSchema   = "single"
)

// ddl is what each schema holds: three tables that a list joins.
const ddl = `
CREATE TYPE level AS ENUM ('low', 'medium', 'high');
CREATE TABLE scans (id bigint PRIMARY KEY, name text NOT NULL, started_at timestamptz NOT NULL);
CREATE TABLE resources (id bigint PRIMARY KEY, uid text NOT NULL, region text NOT NULL);
CREATE TABLE findings (
	id bigint PRIMARY KEY,
	scan_id bigint NOT NULL REFERENCES scans,
	resource_id bigint NOT NULL REFERENCES resources,
	severity level NOT NULL,
	title text NOT NULL,
	found_at timestamptz NOT NULL
);
CREATE INDEX findings_scan ON findings (scan_id, id DESC);
INSERT INTO scans SELECT i, 'scan ' || i, now() FROM generate_series(1, 10) i;
INSERT INTO resources SELECT i, 'arn:aws:s3:::bucket-' || i, 'eu-west-1' FROM generate_series(1, 100) i;
INSERT INTO findings SELECT i, 1 + i % 10, 1 + i % 100, 'high', 'Bucket allows public access', now() FROM generate_series(1, 500) i;
ANALYZE scans, resources, findings;
`

// server is a scratch database with one schema per tenant and one more for "raw".
type server struct {
	admin   *pgx.Conn
	url     string
	tenants []tenant.Tenant
	stop    func()
}

func startServer(ctx context.Context, o options) (*server, error) {
	s := &server{url: o.url, stop: func() {}}
	if s.url == "" {
		instance, err := devpg.Start(ctx, devpg.Options{Name: "bench"})
		if err != nil {
			return nil, err
		}
		s.url = instance.SuperURL("postgres")
		s.stop = func() { complain(instance.Close()) }
	}
	if err := s.create(ctx, o.tenants); err != nil {
		s.close(context.WithoutCancel(ctx))
		return nil, err
	}
	return s, nil
}

func (s *server) create(ctx context.Context, tenants int) error {
	if err := s.admit(ctx, "postgres",
		"DROP DATABASE IF EXISTS "+database,
		"CREATE DATABASE "+database,
		"DO $$ BEGIN CREATE ROLE "+runtimeRole+" LOGIN NOINHERIT PASSWORD 'bench'; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
	); err != nil {
		return err
	}
	for i := range tenants {
		id := tenant.ID{0xbe, 0xc4, byte(i >> 8), byte(i)}
		s.tenants = append(s.tenants, tenant.Tenant{ID: id, Version: "bench"})
		if err := s.createSchema(ctx, id.SchemaName()); err != nil {
			return err
		}
	}
	return s.createSchema(ctx, oneSchema)
}

func (s *server) createSchema(ctx context.Context, name string) error {
	q := tenant.QuoteIdent(name)
	role := tenant.QuoteIdent("bench_" + name)
	if name != oneSchema {
		role = q
	}
	return s.admit(ctx, database,
		"DO $$ BEGIN CREATE ROLE "+role+"; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
		"GRANT "+role+" TO "+runtimeRole,
		"CREATE SCHEMA "+q, "SET search_path = "+q, ddl,
		// "qualified" and "set" run without a tenant's role, so both roles may read.
		"GRANT USAGE ON SCHEMA "+q+" TO "+role+", "+runtimeRole,
		"GRANT SELECT ON ALL TABLES IN SCHEMA "+q+" TO "+role+", "+runtimeRole)
}

// admit runs statements as superuser on the named database.
func (s *server) admit(ctx context.Context, db string, statements ...string) error {
	if s.admin != nil && s.admin.Config().Database != db {
		if err := s.admin.Close(ctx); err != nil {
			return err
		}
		s.admin = nil
	}
	if s.admin == nil {
		config, err := pgx.ParseConfig(s.url)
		if err != nil {
			return err
		}
		config.Database = db
		if s.admin, err = pgx.ConnectConfig(ctx, config); err != nil {
			return err
		}
	}
	for _, sql := range statements {
		if _, err := s.admin.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return fmt.Errorf("%.60s: %w", sql, err)
		}
	}
	return nil
}

// runtimeURL is the connection string of the runtime role.
func (s *server) runtimeURL() (string, error) {
	u, err := url.Parse(s.url)
	if err != nil {
		return "", err
	}
	u.User = url.UserPassword(runtimeRole, "bench")
	u.Path = "/" + database
	return u.String(), nil
}

func (s *server) close(ctx context.Context) {
	if s.admin != nil {
		complain(s.admit(ctx, "postgres", "DROP DATABASE IF EXISTS "+database+" WITH (FORCE)"))
		complain(s.admin.Close(ctx))
	}
	s.stop()
}
