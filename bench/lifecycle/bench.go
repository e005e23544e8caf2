package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

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
	drop   = "DROP SCHEMA"
)

// bench is a scratch database with the registry.
type bench struct {
	instance *devpg.Instance
	owner    *pgx.Conn
	catalog  *catalog.Catalog
	ref      catalog.Ref
}

func (b *bench) open(ctx context.Context, o options) (err error) {
	if b.instance, err = devpg.Start(ctx, devpg.Options{Name: "bench"}); err != nil {
		return err
	}
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
	if b.owner, err = pgx.Connect(ctx, url); err != nil {
		return err
	}
	b.catalog, err = catalog.Open(ctx, catalog.Config{
		URL: url + fmt.Sprintf("&pool_max_conns=%d", o.conns), RuntimeRole: devpg.RuntimeRole,
		Schema: catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, Seed: schema.Seed},
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

// ways are the four things that take turns: two make what the other two remove.
func (b *bench) ways(round int) []way {
	ours := []way{{create, b.create}, {purge, b.purgeOne}}
	theirs := []way{{ddl, b.makeBare}, {drop, b.dropBare}}
	if round%2 == 0 {
		return []way{ours[0], theirs[0], b.offboarded(), ours[1], theirs[1]}
	}
	return []way{theirs[0], ours[0], b.offboarded(), theirs[1], ours[1]}
}

// way is a thing that is measured.
type way struct {
	name string
	run  func(ctx context.Context) error
}

func (b *bench) create(ctx context.Context) error {
	t, err := b.catalog.Create(ctx, catalog.CreateParams{Slug: "one", Plan: plan, OwnerEmail: "owner@one.example"})
	b.ref = catalog.Ref{ID: t.ID}
	return err
}

func (b *bench) offboarded() way {
	return way{"offboard", func(ctx context.Context) error {
		_, err := b.catalog.Offboard(ctx, b.ref, catalog.OffboardParams{})
		return err
	}}
}

func (b *bench) purgeOne(ctx context.Context) error {
	_, err := b.catalog.Purge(ctx, b.ref, catalog.PurgeParams{})
	return err
}

// makeBare sends what a tenant's schema is made of as one message.
func (b *bench) makeBare(ctx context.Context) error {
	return b.send(ctx, "BEGIN; CREATE SCHEMA "+bare+"; SET LOCAL search_path = "+bare+", pg_temp;\n"+schema.Tenant+"\n; COMMIT")
}

func (b *bench) dropBare(ctx context.Context) error {
	return b.send(ctx, "DROP SCHEMA "+bare+" CASCADE")
}

func (b *bench) send(ctx context.Context, sql string) error {
	_, err := b.owner.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

func (b *bench) onboard(ctx context.Context, slug string) error {
	_, err := b.catalog.Create(ctx, catalog.CreateParams{Slug: slug, Plan: plan, OwnerEmail: "owner@" + slug + ".example"})
	return err
}

func (b *bench) purge(ctx context.Context, slug string) error {
	r, err := b.catalog.Offboard(ctx, catalog.Ref{Slug: slug}, catalog.OffboardParams{})
	if err != nil {
		return err
	}
	_, err = b.catalog.Purge(ctx, catalog.Ref{ID: r.ID}, catalog.PurgeParams{})
	return err
}

// bulk does something for all tenants, several at a time.
func (b *bench) bulk(ctx context.Context, o options, do func(ctx context.Context, slug string) error) (result, error) {
	var (
		mu   sync.Mutex
		done result
	)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(o.conns)
	begin := time.Now()
	for i := range o.tenants {
		group.Go(func() error {
			if err := do(ctx, fmt.Sprintf("tenant-%d", i)); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			done = append(done, time.Since(begin))
			return nil
		})
	}
	err := group.Wait()
	slices.Sort(done)
	return done, err
}

// close leaves nothing, so that the next run begins where this one did.
func (b *bench) close(ctx context.Context) error {
	if b.catalog != nil {
		b.catalog.Close()
	}
	if b.owner != nil {
		_ = b.owner.Close(ctx) // the database is dropped anyway
	}
	if b.instance == nil {
		return nil
	}
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
