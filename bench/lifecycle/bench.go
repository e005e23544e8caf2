package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

const (
	database = "bailiwick_bench_lifecycle"
	plan     = "free"
	// bare is the schema that is made without the catalog.
	bare = "bare"
)

// The ways that take turns.
const (
	create = "create"
	ddl    = "bare DDL"
	purge  = "purge"
	drop   = "by hand"
)

// bench is a scratch database with the registry.
type bench struct {
	instance *devpg.Instance
	owner    *pgxpool.Pool
	catalog  *catalog.Catalog
	among    int // so many tenants
	mu       sync.Mutex
	schemas  map[string]string // by slug
}

func (b *bench) open(ctx context.Context, o options) (err error) {
	b.schemas = map[string]string{}
	sayf("starting PostgreSQL")
	if b.instance, err = devpg.Start(ctx, devpg.Options{Name: "bench"}); err != nil {
		return err
	}
	sayf("making database %s", database)
	if err := errors.Join(b.admit(ctx, "DROP DATABASE IF EXISTS "+database+" WITH (FORCE)"),
		b.admit(ctx, "CREATE DATABASE "+database+" OWNER "+devpg.OwnerRole)); err != nil {
		return err
	}
	if !o.lax {
		if err := b.admit(ctx, "ALTER DATABASE "+database+" SET synchronous_commit = on"); err != nil {
			return err
		}
	}
	if err := b.instance.Harden(ctx, database); err != nil {
		return err
	}
	url := b.instance.OwnerURL(database)
	pools := url + fmt.Sprintf("&pool_max_conns=%d", o.conns)
	if b.owner, err = pgxpool.New(ctx, pools); err != nil {
		return err
	}
	b.catalog, err = catalog.Open(ctx, catalog.Config{
		URL: pools, RuntimeRole: devpg.RuntimeRole,
		Schema: catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, Seed: schema.Seed, TenantSeed: schema.TenantSeed},
	})
	if err != nil {
		return err
	}
	if err := b.catalog.Install(ctx); err != nil {
		return err
	}
	_, err = b.catalog.Create(ctx, catalog.CreateParams{Slug: "first", Plan: plan}) // It is fingerprinted.
	return err
}

// way is a thing that is measured, or with no name one that is not.
type way struct {
	name string
	run  func(ctx context.Context) error
}

// ways are what takes turns: two that make something, and two that remove it.
func (b *bench) ways(round int) []way {
	theirs := fmt.Sprintf("theirs-%d-%d", b.among, round)
	added := []way{
		{create, func(ctx context.Context) error { return b.create(ctx, "ours") }},
		{ddl, func(ctx context.Context) error { return b.send(ctx, makeSQL(bare)) }},
	}
	removed := []way{
		{purge, func(ctx context.Context) error { return b.purge(ctx, "ours") }},
		{drop, func(ctx context.Context) error { return b.dropByHand(ctx, theirs) }},
	}
	if round%2 == 1 {
		slices.Reverse(added)
		slices.Reverse(removed)
	}
	between := way{run: func(ctx context.Context) error {
		return errors.Join(b.send(ctx, "DROP SCHEMA "+bare+" CASCADE"), b.create(ctx, theirs), b.leave(ctx, "ours"))
	}}
	return slices.Concat(added, []way{between}, removed)
}

// create makes a tenant as the tool does for one of a file.
func (b *bench) create(ctx context.Context, slug string) error {
	t, err := b.catalog.Create(ctx, catalog.CreateParams{Slug: slug, Plan: plan, OwnerEmail: "owner@" + slug + ".example", Key: b.key(slug)})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.schemas[slug] = t.Schema()
	return err
}

// key is that of a tenant of a file, but for the one that is made again and again.
func (b *bench) key(slug string) string {
	if slug == "ours" {
		return ""
	}
	return "file:" + slug
}

func (b *bench) leave(ctx context.Context, slug string) error {
	_, err := b.catalog.Offboard(ctx, catalog.Ref{Slug: slug}, catalog.OffboardParams{})
	return err
}

func (b *bench) purge(ctx context.Context, slug string) error {
	_, err := b.catalog.Purge(ctx, catalog.Ref{Slug: slug}, catalog.PurgeParams{})
	return err
}

// dropByHand removes a tenant's schema and role, and nothing else.
func (b *bench) dropByHand(ctx context.Context, slug string) error {
	name := b.schemas[slug]
	if name == "" {
		return fmt.Errorf("no tenant %s was made", slug)
	}
	name = tenant.QuoteIdent(name)
	return b.send(ctx, "BEGIN; DROP SCHEMA "+name+" CASCADE; DROP ROLE "+name+"; COMMIT")
}

// send sends statements as one message.
func (b *bench) send(ctx context.Context, sql string) error {
	conn, err := b.owner.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	_, err = conn.Conn().PgConn().Exec(ctx, sql).ReadAll()
	return err
}

// close leaves nothing, so that the next run begins where this one did.
func (b *bench) close(ctx context.Context) error {
	if b.catalog != nil {
		b.catalog.Close()
	}
	if b.owner != nil {
		b.owner.Close()
	}
	if b.instance == nil {
		return nil
	}
	sayf("dropping database and roles")
	err := errors.Join(b.admit(ctx, "DROP DATABASE IF EXISTS "+database+" WITH (FORCE)"), b.dropRoles(ctx))
	return errors.Join(err, b.instance.Close())
}

// dropRoles drops the roles of tenants that are left, of which no database knows.
func (b *bench) dropRoles(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, b.instance.SuperURL("postgres"))
	if err != nil {
		return err
	}
	rows, err := conn.Query(ctx, `
		SELECT rolname FROM pg_roles AS r WHERE rolname ~ '^t_[0-9a-f]{32}$'
		AND NOT EXISTS (SELECT FROM pg_shdepend AS d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid)`)
	if err != nil {
		return err
	}
	roles, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for few := range slices.Chunk(roles, 500) { // locks are few
		for i, role := range few {
			few[i] = tenant.QuoteIdent(role)
		}
		_, errDrop := conn.Exec(ctx, "DROP ROLE "+strings.Join(few, ", "))
		err = errors.Join(err, errDrop)
	}
	return errors.Join(err, conn.Close(ctx))
}

func (b *bench) admit(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, b.instance.SuperURL("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}
