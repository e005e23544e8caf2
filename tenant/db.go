package tenant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DefaultNode is the node of tenants that name none.
const DefaultNode = "default"

// Config says how to reach the databases and how to run statements on them.
type Config struct {
	// URL is the connection string of the only node, with the runtime role: a
	// role that may log in, inherits nothing and is a member of every tenant's
	// role. Set either URL or Nodes.
	URL string
	// Nodes gives a connection string for each node by name. One of them is
	// DefaultNode, where the schema public is.
	Nodes map[string]string
	// MaxConns bounds the connections to each node. Zero means 8.
	MaxConns int32
	// MaxConnLifetime is how long a connection is used; a backend's memory grows
	// with the number of tenants it has served. Zero means 30 minutes.
	MaxConnLifetime time.Duration
	// StatementCache bounds the prepared statements of each connection, over all
	// tenants. Zero means 512.
	StatementCache int
	// Unnamed uses the unnamed statement only, for transaction poolers that don't
	// carry prepared statements over server connections.
	Unnamed bool
	// StatementTimeout bounds each statement of a tenant, in whole milliseconds
	// rounded up. Zero means 30 seconds, a negative value no bound.
	StatementTimeout time.Duration
	// Locate looks up where a tenant lives now and which version its schema has.
	// It is asked when a tenant's schema or node can't be found, and when a
	// statement does not fit the schema that is there; when it names another
	// node or version, the statement is tried there once. Nil means that tenants
	// neither move nor change while a querier lives.
	Locate func(ctx context.Context, t Tenant) (Tenant, error)
	// Statements are what a schema has to bear before it is queried. Generated
	// handlers add theirs by [DB.Require]. A version that a tenant's statements
	// don't fit answers each query with CodeSchema, and is asked again after
	// two seconds; of public only the statements fail that don't fit.
	Statements Statements
	// AnySchema leaves that out: schemas are queried whether they fit or not.
	AnySchema bool
	// Tracer observes statements. Nil means none.
	Tracer Tracer
	// Configure may change how connections are made, for instance their dialer.
	// Nil means no change.
	Configure func(*pgx.ConnConfig) error
}

// DB holds one pool of connections per node and hands out queriers. It is safe
// for concurrent use. The pools stay private: no query runs but through a querier.
type DB struct {
	config Config
	nodes  map[string]*node
	shapes shapeCache
	// timeout is the statement timeout in PostgreSQL's unit, milliseconds; 0 is none.
	timeout []byte
	closed  atomic.Bool

	mu       sync.Mutex
	required Statements
	fits     *lru[fitKey, *fit]
	learned  *lru[learnedKey, Statement]
}

type node struct {
	name string
	pool *pgxpool.Pool
}

// maxTimeout is the longest timeout that PostgreSQL knows.
const maxTimeout = math.MaxInt32 * time.Millisecond

// Open checks the configuration, makes the pools and verifies that every node
// answers. Close the DB when it is no longer needed.
func Open(ctx context.Context, config Config) (*DB, error) {
	urls := config.Nodes
	if (config.URL == "") == (len(config.Nodes) == 0) {
		return nil, errorf(CodeInvalid, "", "set either Config.URL or Config.Nodes")
	}
	if config.URL != "" {
		urls = map[string]string{DefaultNode: config.URL}
	}
	if _, ok := urls[DefaultNode]; !ok {
		return nil, errorf(CodeInvalid, "", "Config.Nodes lacks the node %q", DefaultNode)
	}
	config.MaxConns = cmp.Or(config.MaxConns, 8)
	config.MaxConnLifetime = cmp.Or(config.MaxConnLifetime, 30*time.Minute)
	config.StatementCache = cmp.Or(config.StatementCache, 512)
	config.StatementTimeout = cmp.Or(config.StatementTimeout, 30*time.Second)
	db := &DB{config: config, nodes: map[string]*node{}, shapes: newShapeCache(), learned: newLRU[learnedKey, Statement](maxLearned, nil)}
	db.Require(config.Statements)
	if config.StatementTimeout > maxTimeout {
		return nil, errorf(CodeInvalid, "", "Config.StatementTimeout is more than %s", maxTimeout)
	}
	milliseconds := (max(config.StatementTimeout, 0) + time.Millisecond - 1) / time.Millisecond
	db.timeout = strconv.AppendInt(nil, int64(milliseconds), 10)
	for name, url := range urls {
		pool, err := db.newPool(ctx, url)
		if err != nil {
			db.Close()
			return nil, wrap("", fmt.Errorf("node %s: %w", name, err))
		}
		db.nodes[name] = &node{name: name, pool: pool}
	}
	if err := db.Ping(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

func (db *DB) newPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, &Error{Code: CodeInvalid, Err: err}
	}
	pc.MaxConns = db.config.MaxConns
	pc.MaxConnLifetime = db.config.MaxConnLifetime
	pc.MaxConnLifetimeJitter = db.config.MaxConnLifetime / 10
	pc.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool {
		return p.IdleDuration > time.Second && !quiet(p.Conn.PgConn().Conn())
	}
	pc.AfterConnect, pc.PrepareConn = db.newSession, reusable
	maps.Copy(pc.ConnConfig.RuntimeParams, textForms)
	if db.config.Configure != nil {
		if err := db.config.Configure(pc.ConnConfig); err != nil {
			return nil, err
		}
	}
	return pgxpool.NewWithConfig(ctx, pc)
}

// Ping verifies that every node answers.
func (db *DB) Ping(ctx context.Context) error {
	var errs []error
	for name, n := range db.nodes {
		if err := n.pool.Ping(ctx); err != nil {
			errs = append(errs, fmt.Errorf("node %s: %w", name, err))
		}
	}
	return wrap("", errors.Join(errs...))
}

// Close waits for the connections in use and closes all.
func (db *DB) Close() {
	db.closed.Store(true)
	var wg sync.WaitGroup
	for _, n := range db.nodes {
		wg.Go(n.pool.Close)
	}
	wg.Wait()
}

// Bind returns a querier that can only work as the given tenant. It holds no
// connection. Close it when the request that it serves ends. It fails with
// CodeNoTenant for a zero tenant and CodeUnavailable for an unknown node.
func (db *DB) Bind(t Tenant) (*Querier, error) {
	if db.closed.Load() {
		return nil, errorf(CodeClosed, "", "the database is closed")
	}
	if err := t.validate(); err != nil {
		return nil, err
	}
	n, err := db.node(t)
	if err != nil {
		return nil, err
	}
	return newQuerier(db, db.placeOf(n, t)), nil
}

// Public returns a querier for the shared schema public. It works as the runtime
// role itself, which can read nothing of any tenant, on the default node.
func (db *DB) Public() *PublicQuerier {
	n := db.nodes[DefaultNode]
	return &PublicQuerier{q: newQuerier(db, &place{node: n, binding: db.publicBinding(), fit: db.fitOf(n, Tenant{})})}
}

func (db *DB) placeOf(n *node, t Tenant) *place {
	return &place{node: n, binding: db.bindingOf(t), fit: db.fitOf(n, t)}
}

func (db *DB) node(t Tenant) (*node, error) {
	n, ok := db.nodes[cmp.Or(t.Node, DefaultNode)]
	if !ok {
		return nil, errorf(CodeUnavailable, t.ID.String(), "unknown node %q: add it to Config.Nodes", t.Node)
	}
	return n, nil
}

// binding is what is set before a statement runs, in the form that goes on the
// wire: role, search_path and statement_timeout.
type binding struct {
	tenant Tenant // Zero for public.
	values [3][]byte
}

// text makes a statement's text the tenant's own, and the schema version's.
func (b *binding) text(sql string) string {
	switch {
	case b.tenant.ID.IsZero():
		return sql
	case b.tenant.Version == "":
		return "/* " + b.tenant.Schema() + " */ " + sql
	}
	return "/* " + b.tenant.Schema() + " " + b.tenant.Version + " */ " + sql
}

func (db *DB) bindingOf(t Tenant) binding {
	schema := t.Schema()
	return binding{t, [3][]byte{[]byte(schema), []byte(QuoteIdent(schema) + ", pg_temp"), db.timeout}}
}

func (db *DB) publicBinding() binding {
	return binding{values: [3][]byte{[]byte("none"), []byte("public, pg_temp"), db.timeout}}
}
