// Package rollout brings schemas from the state that they are in to another one,
// by plans that were certified beforehand: in waves, each schema in transactions
// of its own, and so that it may be killed at any moment. All that it knows is in
// the ledger, bailiwick.rollouts and bailiwick.rollout_targets, and what it does
// to a schema is in one transaction with the ledger's row. Hence nothing is
// applied twice, and whoever takes over goes on where the last one was stopped.
//
// It may import internal/atlas (the deployment's groups and budgets),
// internal/plan, tenant, tenant/catalog, tenant/fingerprint, pgx and pg_query.
//
// Where to look: start.go makes the ledger's rows, run.go does the waves, wave.go
// one wave's work among workers, look.go what is looked at before, step.go, outside.go and backfill.go one step of
// one schema, verify.go what is checked between, newcomers.go the end,
// rollback.go the way back, status.go what there is to say of it.
package rollout

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// ID is a rollout's number.
type ID int64

// Defaults of a [Config].
const (
	DefaultLockTimeout      = 2 * time.Second
	DefaultStatementTimeout = 5 * time.Minute
	DefaultOutsideTimeout   = 2 * time.Hour
	DefaultSmallTable       = 1 << 20
	DefaultLockAttempts     = 12
	DefaultLease            = 10 * time.Second
	DefaultReconnect        = time.Minute
	DefaultFreshness        = 5 * time.Second
)

// Config says how a rollout is done. What a rollout was started with is in the
// ledger; fields that say so may be given anew when it is resumed.
type Config struct {
	// URL is the connection string of the owner role, which owns the schemas. For
	// steps outside of transactions it must lead to PostgreSQL itself, not to a
	// pooler.
	URL string
	// RuntimeRole is the role that services log in as. Empty means
	// catalog.DefaultRuntimeRole.
	RuntimeRole string
	// Deployment says who is in which group. Without groups it is
	// atlas.DefaultDeployment.
	Deployment atlas.Deployment
	// Parallel, Soak and MaxFailures, where not nil, take the place of each
	// group's; the budget is then one for the whole rollout. Also when resuming.
	Parallel    *int
	Soak        *time.Duration
	MaxFailures *atlas.Budget
	// Only names the tenants, by slug, that alone are rolled out to. The
	// desired state of new tenants stays what it was.
	Only []string
	// LockTimeout bounds each wait for a lock, because others queue up behind a
	// statement that waits. LockAttempts is how often it is tried. Zero
	// means the default.
	LockTimeout  time.Duration
	LockAttempts int
	// StatementTimeout bounds each statement in a transaction, OutsideTimeout
	// those outside, which keep nobody out. Zero means the default.
	StatementTimeout time.Duration
	OutsideTimeout   time.Duration
	// SmallTable is up to how many bytes of a table its new index is made in a
	// transaction, although the plan says CONCURRENTLY: writers wait some
	// milliseconds for that, where CONCURRENTLY is three transactions and waits for
	// every snapshot in the database. Zero means DefaultSmallTable; negative, never.
	SmallTable int64
	// Lease is for how long a runner that has died still counts as the holder of
	// its rollout. Zero means DefaultLease.
	Lease time.Duration
	// Reconnect is for how long a database that does not answer is waited for.
	// Zero means DefaultReconnect.
	Reconnect time.Duration
	// Freshness is for how long nobody is expected to change a schema by hand after
	// it was looked at: nothing is begun with one whose last look is older. Zero
	// means DefaultFreshness; negative, that each is looked at when its turn comes.
	Freshness time.Duration
	// Abort, if not nil, cancels the statements that run when it is closed. (A
	// context that ends lets them finish.)
	Abort <-chan struct{}
	// Progress, if not nil, hears what happens. It is called from several
	// goroutines, but never twice at once.
	Progress func(Event)
}

// Engine rolls out. It is safe for concurrent use.
type Engine struct {
	config Config
	pool   *pgxpool.Pool
	// me names this engine as a holder.
	me string

	progress sync.Mutex
}

// poolConns are for the ledger; workers have connections of their own.
const poolConns = 4

// Open connects to the database. Close the Engine when it is no longer needed.
func Open(ctx context.Context, config Config) (*Engine, error) {
	if len(config.Deployment.Groups) == 0 {
		config.Deployment = atlas.DefaultDeployment()
	}
	config.RuntimeRole = cmp.Or(config.RuntimeRole, catalog.DefaultRuntimeRole)
	config.LockTimeout = cmp.Or(config.LockTimeout, DefaultLockTimeout)
	config.LockAttempts = cmp.Or(config.LockAttempts, DefaultLockAttempts)
	config.StatementTimeout = cmp.Or(config.StatementTimeout, DefaultStatementTimeout)
	config.OutsideTimeout = cmp.Or(config.OutsideTimeout, DefaultOutsideTimeout)
	config.SmallTable = cmp.Or(config.SmallTable, DefaultSmallTable)
	config.Lease = cmp.Or(config.Lease, DefaultLease)
	config.Reconnect = cmp.Or(config.Reconnect, DefaultReconnect)
	config.Freshness = cmp.Or(config.Freshness, DefaultFreshness)
	pc, err := pgxpool.ParseConfig(config.URL)
	if err != nil {
		return nil, fmt.Errorf("connect as owner: %w", err)
	}
	pc.MaxConns = poolConns
	pc.ConnConfig.RuntimeParams["application_name"] = applicationName
	// The ledger may be reached through a pooler.
	pc.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("connect as owner: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect as owner: %w", err)
	}
	return &Engine{config: config, pool: pool, me: holder()}, nil
}

// Close closes the connections.
func (e *Engine) Close() { e.pool.Close() }

const applicationName = "bailiwick schema"

// holder names this process in words of people, and so that no two are equal.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf("process %d on %s (%s)", os.Getpid(), host, hex.EncodeToString(random[:]))
}
