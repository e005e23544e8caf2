// Package catalog is the registry of tenants: it installs the shared schema,
// creates tenants, and finds the tenant that a slug names.
//
// It works on a connection of the owner role, which services don't have; only
// [Resolver] works through the runtime role. It imports the standard library,
// pgx, golang.org/x/sync, and the packages tenant, domains, fingerprint, harden and
// identity.
package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/harden"
)

// DefaultRuntimeRole is the runtime role when [Config] names none.
const DefaultRuntimeRole = "bailiwick_app"

// Schema is the desired state as SQL texts.
type Schema struct {
	// Public is the DDL of the shared schema. It must make public.tenants with
	// the columns id, slug, name, state, schema_fingerprint and node; other
	// columns need a default, but for plan, which [CreateParams] can give.
	Public string
	// Tenant is the DDL of a tenant's schema, with unqualified names. Once there
	// is a tenant, new ones are made as a rollout left the others.
	Tenant string
	// TenantSeed fills a tenant's new schema, which is the search_path, in the
	// transaction that makes it: SQL with unqualified names. The e-mail of the
	// tenant's owner is current_setting('bailiwick.owner_email', true), empty or
	// null when there is none.
	TenantSeed string
	// Seed fills tables of the shared schema, such as the plans. It runs after
	// Public, and again whenever it has changed, so it must bear that.
	Seed string
}

// Config says where the registry is and what tenants are made of.
type Config struct {
	// URL is the connection string of the owner role, which owns the database
	// and may create roles. It must lead to PostgreSQL itself or to a pooler
	// in transaction mode.
	URL string
	// RuntimeRole is the role that services log in as. It becomes a member of
	// each tenant's role. Empty means DefaultRuntimeRole.
	RuntimeRole string
	// Schema is the desired state.
	Schema Schema
	// Hooks are the project's own code around the steps in the life of tenants. Give
	// the same ones to each process that changes tenants or delivers events.
	Hooks []Hook
	// Domains are for custom domains.
	Domains DomainConfig
	// LockTimeout bounds how long DDL waits for a lock, for whatever waits
	// behind DDL waits too. Zero means 5 seconds.
	LockTimeout time.Duration
	// MaxConns bounds the connections, and so how many steps are taken at once.
	// Zero means pool_max_conns of URL, else 4 or the number of CPUs, whichever is
	// more.
	MaxConns int32
}

// Catalog is the registry. It is safe for concurrent use.
type Catalog struct {
	config Config
	pool   *pgxpool.Pool
	// registered tells that the hooks of this process are known to all.
	registered atomic.Bool
	// cleaned is when this process has last deleted what hooks were told long ago.
	cleaned atomic.Pointer[time.Time]
}

// Open connects to the registry. It changes nothing there. Close the Catalog
// when it is no longer needed. All methods return *tenant.Error.
func Open(ctx context.Context, config Config) (*Catalog, error) {
	config.RuntimeRole = cmp.Or(config.RuntimeRole, DefaultRuntimeRole)
	config.LockTimeout = cmp.Or(config.LockTimeout, 5*time.Second)
	config.Domains = config.Domains.withDefaults()
	if err := checkHooks(config.Hooks); err != nil {
		return nil, err
	}
	pc, err := pgxpool.ParseConfig(config.URL)
	if err != nil {
		return nil, &tenant.Error{Code: tenant.CodeInvalid, Err: err}
	}
	// Statements of one tenant must not be prepared for the next one.
	pc.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	if config.MaxConns > 0 {
		pc.MaxConns = config.MaxConns
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, wrap(err, "connect as owner")
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, wrap(err, "connect as owner")
	}
	return &Catalog{config: config, pool: pool}, nil
}

// Close closes the connections and waits for those in use.
func (c *Catalog) Close() { c.pool.Close() }

// Warnings says, in a sentence each, what is wrong with the database that the
// catalog can't mend: its owner role may not take from PUBLIC what belongs to the
// superuser. See package harden. All works with warnings, and the guard and the
// lint still refuse such queries, but then they are alone.
func (c *Catalog) Warnings(ctx context.Context) ([]string, error) {
	warning, err := harden.Check(ctx, c.pool)
	if err != nil || warning == "" {
		return nil, wrap(err, "check the database")
	}
	return []string{warning}, nil
}

// inTx runs fn in one transaction. Whatever goes wrong, also a crash of this
// process, leaves nothing behind.
func (c *Catalog) inTx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	begin := fmt.Sprintf("BEGIN; SET LOCAL lock_timeout = %d; SET LOCAL search_path = pg_catalog, pg_temp", c.config.LockTimeout.Milliseconds())
	return pgx.BeginTxFunc(ctx, c.pool, pgx.TxOptions{BeginQuery: begin}, fn)
}

// script runs an SQL text of several statements with a search_path of its own.
// The text is part of the transaction and must not end it.
func script(ctx context.Context, tx pgx.Tx, name, schema, text string) error {
	var before, after string
	path := "SET LOCAL search_path = " + tenant.QuoteIdent(schema) + ", pg_temp"
	const current = "SELECT pg_catalog.pg_current_xact_id()::text"
	if err := tx.QueryRow(ctx, current).Scan(&before); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, path); err != nil {
		return err
	}
	if _, err := tx.Conn().PgConn().Exec(ctx, text).ReadAll(); err != nil {
		return inScript(err, name, text)
	}
	if err := tx.QueryRow(ctx, current).Scan(&after); err != nil {
		return err
	}
	if before != after {
		return failf(tenant.CodeInvalid, "%s ends the transaction that it runs in: remove BEGIN and COMMIT from it", name)
	}
	return nil
}

// inScript adds the line to an error that PostgreSQL has with an SQL text.
func inScript(err error, name, text string) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pg.Position <= 0 {
		return fmt.Errorf("%s: %w", name, err)
	}
	before := []rune(text)
	before = before[:min(int(pg.Position)-1, len(before))]
	return fmt.Errorf("%s, line %d: %w", name, 1+strings.Count(string(before), "\n"), err)
}

// wrap gives an error its code and says what was being done.
func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	code := tenant.CodeOf(err)
	if outer, ok := err.(*tenant.Error); ok { //nolint:errorlint // only the outermost code would stand there twice
		err = outer.Err
	}
	return &tenant.Error{Code: code, Err: fmt.Errorf("%s: %w", doing, err)}
}

func failf(code tenant.Code, format string, args ...any) error {
	return &tenant.Error{Code: code, Err: fmt.Errorf(format, args...)}
}

func stateOf(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
