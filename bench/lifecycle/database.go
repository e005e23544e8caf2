package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// makeDatabase makes this run's database, and returns the connection string of its
// owner's pools. Databases that runs have left that were killed go first: those that
// nobody is connected to. A lock keeps other runs from making theirs meanwhile, to
// which nobody is connected yet.
func (b *bench) makeDatabase(ctx context.Context, o options) (pools string, err error) {
	admin, err := pgx.Connect(ctx, b.instance.SuperURL("postgres"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, admin.Close(context.WithoutCancel(ctx))) }()
	if _, err := admin.Exec(ctx, "SELECT pg_advisory_lock(hashtext($1))", prefix); err != nil {
		return "", err
	}
	left, err := texts(ctx, admin, `
		SELECT datname FROM pg_database AS d WHERE starts_with(datname, $1)
		AND NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.datid = d.oid)`, prefix)
	if err != nil {
		return "", err
	}
	for _, name := range left {
		sayf("dropping database %s of a run that was killed", name)
		if err := b.drop(ctx, admin, name); err != nil {
			return "", err
		}
	}
	name := prefix + strings.ToLower(rand.Text()[:8])
	sayf("making database %s", name)
	b.database = name // It is dropped whatever happens from here on.
	statements := []string{"CREATE DATABASE " + name + " OWNER " + devpg.OwnerRole}
	if !o.lax {
		statements = append(statements, "ALTER DATABASE "+name+" SET synchronous_commit = on")
	}
	for _, statement := range statements {
		if _, err := admin.Exec(ctx, statement); err != nil {
			return "", err
		}
	}
	if err := b.instance.Harden(ctx, name); err != nil {
		return "", err
	}
	pools = b.instance.OwnerURL(name) + fmt.Sprintf("&pool_max_conns=%d&pool_min_conns=1", o.conns)
	if b.owner, err = pgxpool.New(ctx, pools); err != nil {
		return "", err
	}
	return pools, b.owner.Ping(ctx)
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
	if b.database == "" {
		return b.instance.Close()
	}
	sayf("dropping database %s and its roles", b.database)
	admin, err := pgx.Connect(ctx, b.instance.SuperURL("postgres"))
	if err == nil {
		err = errors.Join(b.drop(ctx, admin, b.database), admin.Close(ctx))
	}
	return errors.Join(err, b.instance.Close())
}

// drop drops a database, if it is there, and the roles of its tenants, which belong
// to the server.
func (b *bench) drop(ctx context.Context, admin *pgx.Conn, name string) error {
	there, err := texts(ctx, admin, "SELECT datname FROM pg_database WHERE datname = $1", name)
	if err != nil || len(there) == 0 {
		return err
	}
	inside, err := pgx.Connect(ctx, b.instance.SuperURL(name))
	if err != nil {
		return err
	}
	roles, err := texts(ctx, inside, `
		SELECT rolname FROM pg_roles AS r JOIN pg_shdepend AS d ON d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid
		WHERE rolname ~ '^t_[0-9a-f]{32}$' AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
		GROUP BY rolname`)
	if err := errors.Join(err, inside.Close(ctx)); err != nil {
		return err
	}
	_, err = admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
	for few := range slices.Chunk(roles, 500) { // locks are few
		for i, role := range few {
			few[i] = tenant.QuoteIdent(role)
		}
		_, errDrop := admin.Exec(ctx, "DROP ROLE IF EXISTS "+strings.Join(few, ", "))
		err = errors.Join(err, errDrop)
	}
	return err
}

// texts are what a query of one column gives.
func texts(ctx context.Context, conn *pgx.Conn, sql string, args ...any) ([]string, error) {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
