package attack

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Try runs the statement on a connection, in a transaction that is taken back,
// and returns why it failed; nil means that it worked.
func (s Statement) Try(ctx context.Context, conn *pgx.Conn) (err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() {
		if rollback := tx.Rollback(ctx); rollback != nil {
			err = errors.Join(err, fmt.Errorf("take back: %w", rollback))
		}
	}()
	before := s.Before
	if s.As != "" {
		before = append([]string{"SET LOCAL ROLE " + tenant.QuoteIdent(s.As)}, before...)
	}
	for _, sql := range before {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	_, err = tx.Exec(ctx, s.SQL)
	return err
}

// statements are attacks 15, 20, 22, 23, 24 and 27 on a connection of the runtime
// role, without the library.
func (c *campaign) statements(ctx context.Context) (err error) {
	if c.RuntimeURL == "" {
		for _, n := range []int{15, 20, 22, 23, 24, 27} {
			c.skip(n, "SQL by the runtime role", "needs its connection string: Target.RuntimeURL")
		}
		return nil
	}
	at, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, at.conn.Close(context.WithoutCancel(ctx))) }()
	list := Denied()
	for _, sequence := range at.sequences {
		list = append(list, Statement{27, asA, nil, "SELECT pg_catalog.nextval('{b}." + strings.ReplaceAll(sequence, "'", "''") + "')"})
	}
	for _, s := range list {
		s = s.Fill(at.a, at.b, at.table)
		err := s.Try(ctx, at.conn)
		forbidden := tenant.CodeOf(err) == tenant.CodeForbidden
		got := "it worked"
		switch {
		case forbidden:
			got = "permission denied"
		case err != nil:
			got = err.Error()
		}
		sent := s.SQL
		if s.As != "" {
			sent = "as A: " + sent
		}
		c.judge(s.Attack, "SQL by the runtime role", sent, got, forbidden, "permission denied")
		if at.conn.IsClosed() {
			return fmt.Errorf("the connection ended at %s", s.SQL)
		}
	}
	return c.names(ctx, at)
}

// names is attack 24: schemas and roles, whose names everybody may read, do not
// tell who the tenants are.
func (c *campaign) names(ctx context.Context, at *place) error {
	for _, p := range []Party{c.A, c.B} {
		slug, _, _ := strings.Cut(p.Host, ".")
		var telling []string
		err := at.conn.QueryRow(ctx, `SELECT coalesce(array_agg(name), '{}') FROM (
				SELECT nspname::text AS name FROM pg_catalog.pg_namespace UNION ALL SELECT rolname FROM pg_catalog.pg_roles) AS all_of_them
			WHERE $1 = ANY (pg_catalog.regexp_split_to_array(pg_catalog.lower(name), '[^a-z0-9-]+')) AND name !~ '^t_[0-9a-f]{32}$'`, slug).Scan(&telling)
		if err != nil {
			return fmt.Errorf("look for the names of schemas and roles: %w", err)
		}
		got := "no name tells"
		if len(telling) > 0 {
			got = strings.Join(telling, ", ")
		}
		c.judge(24, "schemas and roles named for tenants", "the system's catalogs, for "+slug, got, len(telling) == 0, "they are named by the tenant's id")
	}
	return nil
}

// place is a connection of the runtime role, and what is to be found by it.
type place struct {
	conn *pgx.Conn
	a, b tenant.Tenant
	// table is the name of a table that both tenants have.
	table string
	// sequences are the quoted names of some of B's.
	sequences []string
}

// connect opens a connection of the runtime role and finds the two tenants.
func (c *campaign) connect(ctx context.Context) (*place, error) {
	config, err := pgx.ParseConfig(c.RuntimeURL)
	if err != nil {
		return nil, errors.New("the runtime role's connection string can't be read") // Its own error would quote the password.
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // A pooler may stand in between.
	at := &place{}
	if at.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("connect as the runtime role: %w", err)
	}
	if err := c.look(ctx, at); err != nil {
		return nil, errors.Join(err, at.conn.Close(context.WithoutCancel(ctx)))
	}
	return at, nil
}

func (c *campaign) look(ctx context.Context, at *place) (err error) {
	if at.a.ID, err = tenant.ParseID(c.tenantOf(c.A)); err == nil {
		at.b.ID, err = tenant.ParseID(c.tenantOf(c.B))
	}
	if err != nil {
		return fmt.Errorf("the tokens' claim %q, by which the tenants are found in the database: %w", c.TenantClaim, err)
	}
	err = at.conn.QueryRow(ctx, `SELECT min(c.relname::text) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_class d USING (relname)
		WHERE c.relkind = 'r' AND d.relkind = 'r' AND c.relnamespace::regnamespace::text = $1 AND d.relnamespace::regnamespace::text = $2`,
		at.a.Schema(), at.b.Schema()).Scan(&at.table)
	if err != nil {
		return fmt.Errorf("look for a table that both tenants have: %w", err)
	}
	err = at.conn.QueryRow(ctx, `SELECT coalesce(array_agg(q.name), '{}') FROM (SELECT pg_catalog.quote_ident(relname::text) AS name FROM pg_catalog.pg_class
		WHERE relkind = 'S' AND relnamespace::regnamespace::text = $1 ORDER BY relname LIMIT 3) AS q`, at.b.Schema()).Scan(&at.sequences)
	if err != nil {
		return fmt.Errorf("look for sequences: %w", err)
	}
	return nil
}

func (c *campaign) runtimeRole() string {
	config, err := pgx.ParseConfig(c.RuntimeURL)
	if err != nil {
		return ""
	}
	return config.User
}
