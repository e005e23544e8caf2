package main

import (
	"context"
	"errors"
	"net/url"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

const (
	database    = "bailiwick_bench_resolve"
	runtimeRole = "bailiwick_bench_resolve_app"
	conns       = 8
)

// publicSchema is a registry with nothing that is not needed.
const publicSchema = `
CREATE TYPE public.tenant_state AS ENUM ('provisioning', 'active', 'suspended', 'offboarding', 'purged');
CREATE TABLE public.tenants (
    id                 uuid                NOT NULL CONSTRAINT tenants_pkey PRIMARY KEY,
    slug               text                NOT NULL CONSTRAINT tenants_slug_key UNIQUE,
    name               text                NOT NULL,
    state              public.tenant_state NOT NULL DEFAULT 'provisioning',
    schema_fingerprint text                NOT NULL,
    node               text                NOT NULL DEFAULT 'default'
);`

// registry is a scratch database with rows of tenants, whose schemas nobody asks for.
type registry struct {
	url  string // of the superuser
	db   *tenant.DB
	stop func() error
}

func open(ctx context.Context, o options) (r *registry, err error) {
	r = &registry{url: o.url, stop: func() error { return nil }}
	if r.url == "" {
		instance, err := devpg.Start(ctx, devpg.Options{Name: "bench"})
		if err != nil {
			return nil, err
		}
		r.url, r.stop = instance.SuperURL("postgres"), instance.Close
	}
	if err := r.fill(ctx, o.tenants); err != nil {
		return nil, errors.Join(err, r.close(context.WithoutCancel(ctx)))
	}
	return r, nil
}

func (r *registry) fill(ctx context.Context, tenants int) error {
	if err := r.run(ctx, "postgres", "DROP DATABASE IF EXISTS "+database+" WITH (FORCE)", "CREATE DATABASE "+database,
		"DO $$ BEGIN CREATE ROLE "+runtimeRole+" LOGIN NOINHERIT PASSWORD 'bench'; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
	); err != nil {
		return err
	}
	owner, err := r.at(nil)
	if err != nil {
		return err
	}
	cat, err := catalog.Open(ctx, catalog.Config{URL: owner, RuntimeRole: runtimeRole, Schema: catalog.Schema{Public: publicSchema}})
	if err != nil {
		return err
	}
	err = cat.Install(ctx)
	cat.Close()
	if err != nil {
		return err
	}
	config, err := pgx.ParseConfig(owner)
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `INSERT INTO public.tenants (id, slug, name, state, schema_fingerprint)
		SELECT gen_random_uuid(), 'tenant-' || i, 'tenant-' || i, 'active', 'v1' FROM generate_series(0, $1 - 1) i`, tenants)
	if err == nil {
		_, err = conn.Exec(ctx, "ANALYZE")
	}
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return err
	}
	runtime, err := r.at(url.UserPassword(runtimeRole, "bench"))
	if err != nil {
		return err
	}
	r.db, err = tenant.Open(ctx, tenant.Config{URL: runtime, MaxConns: conns})
	return err
}

// at is the connection string of the scratch database, as the superuser or another.
func (r *registry) at(user *url.Userinfo) (string, error) {
	u, err := url.Parse(r.url)
	if err != nil {
		return "", err
	}
	u.Path = "/" + database
	if user != nil {
		u.User = user
	}
	return u.String(), nil
}

func (r *registry) run(ctx context.Context, name string, statements ...string) error {
	config, err := pgx.ParseConfig(r.url)
	if err != nil {
		return err
	}
	config.Database = name
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err = conn.Exec(ctx, statement); err != nil {
			break
		}
	}
	return errors.Join(err, conn.Close(ctx))
}

// close leaves nothing, so that the next run begins where this one did.
func (r *registry) close(ctx context.Context) error {
	if r.db != nil {
		r.db.Close()
	}
	return errors.Join(r.run(ctx, "postgres", "DROP DATABASE IF EXISTS "+database+" WITH (FORCE)", "DROP ROLE IF EXISTS "+runtimeRole), r.stop())
}
