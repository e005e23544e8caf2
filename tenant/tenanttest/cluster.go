package tenanttest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// Classes of advisory locks, all taken in the superuser's own database.
const (
	runLock      = 0x62770001 // held by a run for as long as it lives
	templateLock = 0x62770002 // held while a template is made
	cleanLock    = 0x62770003 // held while leftovers are removed
)

const (
	testPrefix     = "bw_test_"
	templatePrefix = "bw_template_"
	// keepTemplates is how many templates stay for later runs.
	keepTemplates = 12
	adminConns    = 4
)

// cluster is the server that this process's tests share.
type cluster struct {
	url   func(role, database string) string
	super string // the superuser's name
	admin *pgxpool.Pool
	// locks has the connections that hold locks while admin does the work; with
	// one pool for both, the holders could wait for each other.
	locks *pgxpool.Pool
	// alive holds the run's lock: databases of runs that are gone are told by it.
	alive *pgx.Conn
	run   uint32
	last  atomic.Uint64
}

var shared struct {
	sync.Mutex

	cluster *cluster
}

// theCluster connects to the server once. A failure is not remembered: the next
// test tries again. Nothing is closed; all ends with the process.
func theCluster(ctx context.Context) (*cluster, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster != nil {
		return shared.cluster, nil
	}
	c, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.removeLeftovers(ctx); err != nil {
		return nil, fmt.Errorf("remove what earlier runs left: %w", err)
	}
	shared.cluster = c
	return c, nil
}

func connect(ctx context.Context) (_ *cluster, err error) {
	c := &cluster{}
	database := devpg.SuperRole
	if raw := os.Getenv("TEST_DATABASE_URL"); raw != "" {
		if database, err = c.useServer(ctx, raw); err != nil {
			return nil, fmt.Errorf("TEST_DATABASE_URL: %w", err)
		}
	} else if err := c.useEmbedded(ctx); err != nil {
		return nil, err
	}
	pc, err := pgxpool.ParseConfig(c.url(c.super, database))
	if err != nil {
		return nil, err
	}
	pc.MaxConns = adminConns
	if c.admin, err = pgxpool.NewWithConfig(ctx, pc); err != nil {
		return nil, err
	}
	if c.locks, err = pgxpool.NewWithConfig(ctx, pc.Copy()); err != nil {
		return nil, err
	}
	if c.alive, err = pgx.ConnectConfig(ctx, pc.ConnConfig); err != nil {
		return nil, err
	}
	var b [4]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, err
	}
	c.run = binary.BigEndian.Uint32(b[:])
	_, err = c.alive.Exec(ctx, "SELECT pg_advisory_lock($1, $2)", runLock, int32(c.run)) //nolint:gosec // any 32 bits do
	return c, err
}

func (c *cluster) useEmbedded(ctx context.Context) error {
	in, err := devpg.Start(ctx, devpg.Options{Name: devpg.Test})
	if err != nil {
		return err
	}
	c.url, c.super = in.URL, devpg.SuperRole
	return nil
}

// useServer prepares a server that somebody else runs. The roles' passwords
// follow from the URL, so that all processes of a run agree on them.
func (c *cluster) useServer(ctx context.Context, raw string) (database string, err error) {
	base, err := url.Parse(raw)
	if err != nil {
		return "", err
	}
	password := func(role string) string {
		sum := sha256.Sum256([]byte("bailiwick test " + role + " " + base.User.String()))
		return hex.EncodeToString(sum[:])
	}
	conn, err := pgx.Connect(ctx, raw)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	c.super, database = conn.Config().User, conn.Config().Database
	c.url = func(role, database string) string {
		u := *base
		u.Path = "/" + database
		if role != c.super {
			u.User = url.UserPassword(role, password(role))
		}
		return u.String()
	}
	for _, role := range []struct{ name, options string }{
		{devpg.OwnerRole, "LOGIN CREATEROLE CREATEDB"}, {devpg.RuntimeRole, "LOGIN NOINHERIT"},
	} {
		if err := ensureRole(ctx, conn, role.name, role.options, password(role.name)); err != nil {
			return "", err
		}
	}
	return database, nil
}

func ensureRole(ctx context.Context, conn *pgx.Conn, name, options, password string) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, 0)", cleanLock); err != nil {
			return err
		}
		var there bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", name).Scan(&there); err != nil {
			return err
		}
		verb := "CREATE"
		if there {
			verb = "ALTER"
		}
		_, err := tx.Exec(ctx, fmt.Sprintf("%s ROLE %s %s PASSWORD '%s'", verb, name, options, password))
		return err
	})
}

func (c *cluster) urls(name string) URLs {
	return URLs{
		Name:       name,
		OwnerURL:   c.url(devpg.OwnerRole, name),
		RuntimeURL: c.url(devpg.RuntimeRole, name),
		SuperURL:   c.url(c.super, name),
	}
}

func (c *cluster) catalogConfig(urls URLs, schema catalog.Schema) catalog.Config {
	return catalog.Config{URL: urls.OwnerURL, RuntimeRole: devpg.RuntimeRole, Schema: schema}
}

// create makes a test's database from a template. The rights on a database are
// no part of what is copied.
func (c *cluster) create(ctx context.Context, template string) (URLs, error) {
	name := fmt.Sprintf("%s%08x_%d", testPrefix, c.run, c.last.Add(1))
	if err := c.createDatabase(ctx, name, template); err != nil {
		return URLs{}, err
	}
	return c.urls(name), nil
}

func (c *cluster) createDatabase(ctx context.Context, name, template string) error {
	quoted := tenant.QuoteIdent(name)
	if _, err := c.admin.Exec(ctx, "CREATE DATABASE "+quoted+" TEMPLATE "+tenant.QuoteIdent(template)+" OWNER "+devpg.OwnerRole); err != nil {
		return err
	}
	_, err := c.admin.Exec(ctx, "REVOKE TEMPORARY, CREATE ON DATABASE "+quoted+" FROM PUBLIC")
	return err
}

func (c *cluster) drop(ctx context.Context, name string) error {
	_, err := c.admin.Exec(ctx, "DROP DATABASE IF EXISTS "+tenant.QuoteIdent(name)+" WITH (FORCE)")
	return err
}

// removeLeftovers drops the databases of runs that are gone, templates that
// have not been made lately, and roles of tenants that no database knows.
func (c *cluster) removeLeftovers(ctx context.Context) error {
	return c.locks.AcquireFunc(ctx, func(conn *pgxpool.Conn) (err error) {
		var mine bool
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, 0)", cleanLock).Scan(&mine); err != nil || !mine {
			return err // another run is at it
		}
		defer func() {
			_, errUnlock := conn.Exec(ctx, "SELECT pg_advisory_unlock($1, 0)", cleanLock)
			err = errors.Join(err, errUnlock)
		}()
		if err := dropDeadRuns(ctx, conn.Conn()); err != nil {
			return err
		}
		if err := dropOldTemplates(ctx, conn.Conn()); err != nil {
			return err
		}
		return dropUnknownRoles(ctx, conn.Conn())
	})
}

func column(ctx context.Context, conn *pgx.Conn, sql string, args ...any) ([]string, error) {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func dropDeadRuns(ctx context.Context, conn *pgx.Conn) error {
	names, err := column(ctx, conn, "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", testPrefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		run, _, _ := strings.Cut(strings.TrimPrefix(name, testPrefix), "_")
		id, err := strconv.ParseUint(run, 16, 32)
		if err != nil {
			continue // not of our making
		}
		var dead bool
		key := int32(uint32(id)) //nolint:gosec // any 32 bits do
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, $2)", runLock, key).Scan(&dead); err != nil {
			return err
		}
		if !dead {
			continue
		}
		_, err = conn.Exec(ctx, "DROP DATABASE IF EXISTS "+tenant.QuoteIdent(name)+" WITH (FORCE)")
		_, errUnlock := conn.Exec(ctx, "SELECT pg_advisory_unlock($1, $2)", runLock, key)
		if err := errors.Join(err, errUnlock); err != nil {
			return err
		}
	}
	return nil
}

func dropOldTemplates(ctx context.Context, conn *pgx.Conn) error {
	names, err := column(ctx, conn, `
		SELECT datname FROM pg_database WHERE starts_with(datname, $1) AND datistemplate
		ORDER BY oid DESC OFFSET $2`, templatePrefix, keepTemplates)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := dropTemplate(ctx, conn, name); err != nil {
			return err
		}
	}
	return nil
}

func dropTemplate(ctx context.Context, conn *pgx.Conn, name string) error {
	quoted := tenant.QuoteIdent(name)
	if _, err := conn.Exec(ctx, "ALTER DATABASE "+quoted+" IS_TEMPLATE false"); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, "DROP DATABASE "+quoted+" WITH (FORCE)")
	return err
}

// dropUnknownRoles knows by the shared dependencies which roles any database
// refers to. A role that is being made is not visible yet. Those of scratch
// databases are left to package plan, which makes them: for a moment nothing
// refers to them.
func dropUnknownRoles(ctx context.Context, conn *pgx.Conn) error {
	names, err := column(ctx, conn, `
		SELECT rolname FROM pg_roles AS r
		WHERE rolname ~ '^t_[0-9a-f]{32}$' AND NOT starts_with(rolname, 't_ba111c1c00000000') AND NOT rolcanlogin AND NOT EXISTS (
			SELECT FROM pg_shdepend AS d
			WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid AND d.dbid <> 0)`)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, err := conn.Exec(ctx, "DROP ROLE IF EXISTS "+tenant.QuoteIdent(name)); err != nil {
			return err
		}
	}
	return nil
}
