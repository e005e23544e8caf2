package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

const (
	// prefix begins the names of databases, of which each run has one of its own.
	prefix = "bailiwick_bench_lifecycle_"
	plan   = "free"
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
	database string
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
	pools, err := b.makeDatabase(ctx, o)
	if err != nil {
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
