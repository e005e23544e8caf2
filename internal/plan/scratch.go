package plan

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// What a run makes on a server is named after it: when it began, in hex, and some
// random digits, so that a later run finds what one that was killed has left.
const (
	scratchPrefix = "bailiwick_plan_"
	// tenantPrefix begins like a tenant's name, because fingerprints treat such
	// names alike. The zeros are where every UUID has its version.
	tenantPrefix = "t_ba111c1c00000000"
	// leftAfter is when what nobody is connected to counts as left behind.
	leftAfter = 15 * time.Minute
	// cleanTimeout bounds dropping all of it.
	cleanTimeout = time.Minute
)

// scratch is a server on which a run makes databases, with their roles. All of it
// is dropped in the end. It is safe for concurrent use.
type scratch struct {
	config *pgx.ConnConfig
	id     string // of the run
	owner  string
	// runtime stands for the runtime role.
	runtime string

	mu        sync.Mutex
	admin     *pgx.Conn
	made      int
	databases []*database
	roles     []string
}

// parseURL reads a connection string. Questions with parameters are about the
// catalogs, which keep their form however schemas change, and planning them takes
// longer than running them: each connection does it once.
func parseURL(url string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	config.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) {}
	return config, nil
}

// openScratch connects to the server of in.Dev, or else of in.URL.
func openScratch(ctx context.Context, in Input) (_ *scratch, err error) {
	url := in.Dev
	if url == "" {
		url = in.URL
	}
	config, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	admin, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("plan: connect to the server for scratch databases: %w", err)
	}
	var random [2]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, errors.Join(err, admin.Close(ctx))
	}
	s := &scratch{
		config: config, admin: admin,
		id: hex.EncodeToString(random[:]), // with the time in front: see prepare
	}
	if err := s.prepare(ctx, in); err != nil {
		return nil, errors.Join(err, s.close(ctx))
	}
	return s, nil
}

func (s *scratch) prepare(ctx context.Context, in Input) error {
	var version int
	var now int64
	var mayCreateDB, mayCreateRole bool
	err := s.admin.QueryRow(ctx, `
		SELECT extract(epoch FROM clock_timestamp())::bigint, current_setting('server_version_num')::int / 10000, rolname::text, rolsuper OR rolcreatedb, rolsuper OR rolcreaterole
		FROM pg_catalog.pg_roles WHERE rolname = current_user`).Scan(&now, &version, &s.owner, &mayCreateDB, &mayCreateRole)
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	s.id = fmt.Sprintf("%08x%s", uint32(now), s.id) //nolint:gosec // 32 bits last until 2106
	s.runtime = scratchPrefix + s.id
	const orDev = "; or name another server's database as dev in atlas.hcl"
	role := tenant.QuoteIdent(s.owner)
	switch {
	case !mayCreateDB:
		return fmt.Errorf("plan: the role %q may not create scratch databases\n\tmend: ALTER ROLE %s CREATEDB, as a superuser%s", s.owner, role, orDev)
	case !mayCreateRole:
		return fmt.Errorf("plan: the role %q may not create roles for scratch schemas\n\tmend: ALTER ROLE %s CREATEROLE, as a superuser%s", s.owner, role, orDev)
	}
	if in.Dev != "" && in.URL != "" {
		if err := sameMajor(ctx, in.URL, version); err != nil {
			return err
		}
	}
	if err := s.sweep(ctx, time.Unix(now, 0)); err != nil {
		return fmt.Errorf("plan: remove what an earlier run left: %w", err)
	}
	s.roles = append(s.roles, s.runtime)
	runtime := tenant.QuoteIdent(s.runtime)
	_, err = s.admin.Exec(ctx, "CREATE ROLE "+runtime+" NOLOGIN NOINHERIT; GRANT "+runtime+" TO CURRENT_USER")
	if err != nil {
		return fmt.Errorf("plan: create a scratch role: %w", err)
	}
	return nil
}

// sameMajor refuses a scratch server that would see the schemas differently.
func sameMajor(ctx context.Context, url string, version int) (err error) {
	config, err := parseURL(url)
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("plan: connect to the fleet: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	var fleet int
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int / 10000").Scan(&fleet); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	if fleet != version {
		return fmt.Errorf("plan: the server for scratch databases is PostgreSQL %d, the fleet's is %d\n\tmend: name a server of version %d as dev in atlas.hcl", version, fleet, fleet)
	}
	return nil
}

// sweep drops databases and roles of runs that were killed. What belongs to
// another role stays, for its own next run. now is the server's time: the clocks of
// those who work on it may differ.
func (s *scratch) sweep(ctx context.Context, now time.Time) error {
	databases, err := column(ctx, s.admin, `
		SELECT datname::text FROM pg_catalog.pg_database AS d
		WHERE starts_with(datname, $1) AND pg_catalog.pg_has_role(datdba, 'USAGE')
		  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS a WHERE a.datid = d.oid)`, scratchPrefix)
	if err != nil {
		return err
	}
	for _, name := range databases {
		if m := scratchDatabase.FindStringSubmatch(name); m != nil && old(m[1], now) {
			if _, err := s.admin.Exec(ctx, "DROP DATABASE IF EXISTS "+tenant.QuoteIdent(name)); err != nil && !taken(err) {
				return err
			}
		}
	}
	// A role that anything refers to can't be dropped.
	roles, err := column(ctx, s.admin, `
		SELECT rolname::text FROM pg_catalog.pg_roles AS r
		WHERE (starts_with(rolname, $1) OR starts_with(rolname, $2)) AND NOT rolcanlogin
		  AND pg_catalog.pg_has_role(oid, 'MEMBER') AND NOT EXISTS (
			SELECT FROM pg_catalog.pg_shdepend AS d
			WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.refobjid = r.oid AND d.dbid <> 0)`,
		scratchPrefix, tenantPrefix)
	if err != nil {
		return err
	}
	for _, name := range roles {
		if m := scratchRole.FindStringSubmatch(name); m != nil && old(m[1], now) {
			if _, err := s.admin.Exec(ctx, "DROP ROLE IF EXISTS "+tenant.QuoteIdent(name)); err != nil && !taken(err) {
				return err
			}
		}
	}
	return nil
}

// The whole forms of the names, so that nobody else's database is taken for one.
var (
	scratchDatabase = regexp.MustCompile(`^` + scratchPrefix + `([0-9a-f]{12})_[0-9]+$`)
	scratchRole     = regexp.MustCompile(`^(?:` + scratchPrefix + `|` + tenantPrefix + `)([0-9a-f]{12})(?:[0-9a-f]{4})?$`)
)

// old tells by the id of a run that it began too long ago to be at work.
func old(id string, now time.Time) bool {
	began, err := strconv.ParseUint(id[:8], 16, 32) // 32 bits in hex
	return err == nil && now.Sub(time.Unix(int64(began), 0)) > leftAfter
}

// taken tells that another run was faster, or that somebody is at it after all.
func taken(err error) bool {
	switch sqlState(err) {
	case "55006", "2BP01", "42501", "XX000", "3D000", "42704":
		return true
	}
	return false
}

func sqlState(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

func column(ctx context.Context, conn *pgx.Conn, sql string, args ...any) ([]string, error) {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// tenantName is a name for a scratch tenant's schema and role, which are to be
// made by the caller.
func (s *scratch) tenantName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	name := fmt.Sprintf("%s%s%04x", tenantPrefix, s.id, s.made)
	s.roles = append(s.roles, name)
	return name
}

// opened notes a database that has been made, or is about to be.
func (s *scratch) opened(name string) *database {
	d := &database{server: s, name: name, config: s.config.Copy()}
	d.config.Database = name
	s.databases = append(s.databases, d)
	return d
}

// createDatabase makes an empty database.
func (s *scratch) createDatabase(ctx context.Context) (*database, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	name := fmt.Sprintf("%s%s_%d", scratchPrefix, s.id, s.made)
	d, quoted := s.opened(name), tenant.QuoteIdent(name)
	if _, err := s.admin.Exec(ctx, "CREATE DATABASE "+quoted+" TEMPLATE template0"); err != nil {
		return nil, fmt.Errorf("plan: create a scratch database: %w", err)
	}
	if _, err := s.admin.Exec(ctx, "REVOKE TEMPORARY, CREATE, CONNECT ON DATABASE "+quoted+" FROM PUBLIC"); err != nil {
		return nil, fmt.Errorf("plan: create a scratch database: %w", err)
	}
	return d, nil
}

// done drops whatever was made, now or later.
func (s *scratch) done(ctx context.Context, in Input) error {
	if in.Later == nil {
		return s.close(ctx)
	}
	in.Later(func() error { return s.close(ctx) })
	return nil
}

// close drops whatever was made. A cancelled context does not keep it from that.
func (s *scratch) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTimeout)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	drop := func(statement string) error {
		_, err := s.admin.Exec(ctx, statement)
		if err != nil {
			err = fmt.Errorf("plan: clean up: %w", err)
		}
		return err
	}
	for _, d := range s.databases {
		errs = append(errs, d.close(ctx))
		statement := "DROP DATABASE IF EXISTS " + tenant.QuoteIdent(d.name)
		err := drop(statement + " WITH (FORCE)")
		if sqlState(err) == "42501" {
			// Autovacuum has come, which nobody but a superuser may end by FORCE.
			// Without FORCE the server ends it itself, and waits a while for others.
			err = drop(statement)
		}
		errs = append(errs, err)
	}
	for _, role := range s.roles {
		errs = append(errs, drop("DROP ROLE IF EXISTS "+tenant.QuoteIdent(role)))
	}
	s.databases, s.roles = nil, nil
	return errors.Join(append(errs, s.admin.Close(ctx))...)
}
