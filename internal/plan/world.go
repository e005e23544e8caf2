package plan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// publicSchema is the shared schema's name.
const publicSchema = "public"

// database is a scratch database: a public schema and some tenants'. Its
// connections are closed when the scratch server's is.
type database struct {
	server *scratch
	name   string
	config *pgx.ConnConfig

	mu    sync.Mutex
	conns []*pgx.Conn
}

// newDatabase makes a scratch database with an empty schema public, limited as
// the catalog limits that of production.
func (s *scratch) newDatabase(ctx context.Context) (*database, error) {
	d, err := s.createDatabase(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	runtime := tenant.QuoteIdent(s.runtime)
	err = execAll(ctx, conn,
		"REVOKE CREATE ON SCHEMA public FROM PUBLIC",
		// Fingerprints know the owner and the runtime role by this schema.
		"CREATE SCHEMA bailiwick",
		"GRANT USAGE ON SCHEMA bailiwick TO "+runtime,
		catalog.NoRoutines,
	)
	if err != nil {
		return nil, fmt.Errorf("plan: prepare a scratch database: %w", err)
	}
	return d, nil
}

// connect opens a further connection.
func (d *database) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, d.config)
	if err != nil {
		return nil, fmt.Errorf("plan: connect to a scratch database: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns = append(d.conns, conn)
	return conn, nil
}

// names are those of a schema in the database.
func (d *database) names(schema string) Names {
	return Names{Schema: schema, Owner: d.server.owner, Runtime: d.server.runtime}
}

func (d *database) close(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	errs := make([]error, 0, len(d.conns))
	for _, conn := range d.conns {
		errs = append(errs, conn.Close(ctx))
	}
	d.conns = nil
	return errors.Join(errs...)
}

// newTenant makes an empty schema and its role, as the catalog does.
func (d *database) newTenant(ctx context.Context, conn *pgx.Conn) (World, error) {
	w := World{Conn: conn, Names: d.names(d.server.tenantName())}
	name, runtime := tenant.QuoteIdent(w.Schema), tenant.QuoteIdent(w.Runtime)
	// In one transaction: nobody sees a role that has no schema.
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		return execAll(ctx, tx.Conn(),
			"CREATE ROLE "+name+" NOLOGIN NOINHERIT",
			"GRANT "+name+" TO CURRENT_USER, "+runtime,
			"CREATE SCHEMA "+name,
		)
	})
	if err != nil {
		return World{}, fmt.Errorf("plan: make a scratch schema: %w", err)
	}
	return w, nil
}

// path is the search_path under which statements of a plan run.
func (w World) path() string {
	return "search_path = " + tenant.QuoteIdent(w.Schema) + ", pg_temp"
}

// execAll sends statements in one round trip. Outside a transaction they are one.
func execAll(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	_, err := conn.PgConn().Exec(ctx, strings.Join(statements, ";\n")).ReadAll()
	return err
}
