package tenanttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/attack"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// Way is one way in which code gets hold of a querier.
type Way struct {
	// Name is the subtest's name.
	Name string
	// Run runs one statement as the tenant and returns its first column as text.
	Run func(ctx context.Context, db *tenant.DB, t tenant.Tenant, sql string, args ...any) ([]string, error)
}

// isolationSchema holds one note for each tenant that says whose it is.
const isolationSchema = `
CREATE TABLE notes (
	id bigint NOT NULL,
	body text NOT NULL,
	CONSTRAINT notes_pkey PRIMARY KEY (id)
);
CREATE TABLE copied (body text NOT NULL);
CREATE FUNCTION wander(path text) RETURNS text LANGUAGE plpgsql AS
$$ BEGIN RETURN pg_catalog.set_config('search_path', path, false); END $$;
CREATE FUNCTION become(who text) RETURNS text LANGUAGE plpgsql AS
$$ BEGIN RETURN pg_catalog.set_config('role', who, false); END $$;
`

// isolationPublic gives public a table with the name of a tenant's.
const isolationPublic = `
CREATE TABLE public.notes (id bigint PRIMARY KEY, body text NOT NULL);
INSERT INTO public.notes VALUES (1, 'public''s');
GRANT SELECT ON public.notes TO PUBLIC;
`

const (
	ownNote = "SELECT body FROM notes WHERE id = 1"
	// shortTimeout is the statement timeout where one has to pass: long enough
	// for a busy machine's ordinary statements.
	shortTimeout = 2 * time.Second
)

// isolation is one run of the suite: a database, and a way to get queriers.
type isolation struct {
	*DB

	way Way
}

// attempt is one row of the table. The harmless ones share a database, so that
// whatever one leaves behind meets the next.
type attempt struct {
	name string
	run  func(isolation, *testing.T)
}

var harmless = []attempt{
	{"own rows only", isolation.intact},
	{"14 settings outside a transaction", isolation.settings},
	{"15 role or path changed within", isolation.wander},
	{"16 context of another tenant", isolation.otherContext},
	{"20 shadowing", isolation.shadowing},
	{"22 other schema by name", isolation.otherSchema},
	{"23 DDL and roles", isolation.denied},
	{"23 role changed by a query", isolation.turncoat},
	{"26 id of another tenant's row", isolation.otherID},
}

var destructive = []attempt{
	{"12 schema missing", isolation.schemaMissing},
	{"13 error, cancel, timeout, death", isolation.interrupted},
	{"18 schemas of different versions", isolation.versions},
}

// Isolation runs the suite of attacks against every way to get a querier, with
// one connection, so that what one request leaves behind meets the next. config
// adds to how the database is opened; open, if not nil, opens it in place of
// [tenant.Open], to put something such as a pooler in between.
func Isolation(t *testing.T, config tenant.Config, ways []Way, open func(t *testing.T, db *DB, config tenant.Config) *tenant.DB) {
	t.Helper()
	config.MaxConns = 1
	start := func(t *testing.T, way Way, config tenant.Config) isolation {
		t.Helper()
		db := New(t, Options{
			Schema:    catalog.Schema{Public: PublicSchema + isolationPublic, Tenant: isolationSchema},
			TenantSQL: `INSERT INTO notes VALUES (1, current_schema())`,
			Config:    config,
		})
		if open != nil {
			db.DB = open(t, db, config)
		}
		return isolation{db, way}
	}
	for _, way := range ways {
		t.Run(way.Name, func(t *testing.T) {
			t.Parallel()
			shared := start(t, way, config)
			for _, a := range harmless {
				t.Run(a.name, func(t *testing.T) { a.run(shared, t) })
			}
			short := config
			short.StatementTimeout = shortTimeout
			for _, a := range destructive {
				t.Run(a.name, func(t *testing.T) { a.run(start(t, way, short), t) })
			}
		})
	}
}

func (i isolation) run(ctx context.Context, at int, sql string, args ...any) ([]string, error) {
	return i.way.Run(ctx, i.DB.DB, i.Tenants[at], sql, args...)
}

// intact verifies that both tenants see their own rows, whatever happened before
// on the only connection, and that nobody is bound without a binding.
func (i isolation) intact(t *testing.T) {
	t.Helper()
	for range 2 {
		for at, tenant := range i.Tenants {
			got, err := i.run(t.Context(), at, ownNote)
			if err != nil || !slices.Equal(got, []string{tenant.Schema()}) {
				t.Errorf("tenant %d reads %q, %v; want its own row", at, got, err)
			}
		}
	}
	var role, path string
	err := i.DB.DB.Public().QueryRow(t.Context(), "SELECT pg_catalog.current_setting('role'), pg_catalog.current_setting('search_path')").Scan(&role, &path)
	if err != nil || role != "none" || path != "public, pg_temp" {
		t.Errorf("public runs as role %q with path %q, %v", role, path, err)
	}
	_, err = i.DB.DB.Public().Exec(t.Context(), "SELECT body FROM "+i.Tenants[0].Schema()+".notes")
	want(t, err, tenant.CodeForbidden)
}

func want(t *testing.T, err error, codes ...tenant.Code) {
	t.Helper()
	if !slices.Contains(codes, tenant.CodeOf(err)) {
		t.Errorf("got %v, want an error with code %v", err, codes)
	}
}

func (i isolation) schemaMissing(t *testing.T) {
	i.owner(t, "DROP SCHEMA "+i.Tenants[0].Schema()+" CASCADE")
	got, err := i.run(t.Context(), 0, ownNote)
	if want(t, err, tenant.CodeSchema); got != nil {
		t.Errorf("rows of a missing schema: %q", got)
	}
	gone := tenant.Tenant{ID: tenant.NewID()}
	got, err = i.way.Run(t.Context(), i.DB.DB, gone, ownNote)
	if want(t, err, tenant.CodeSchema); got != nil {
		t.Errorf("rows of a missing role: %q", got)
	}
	_, err = i.way.Run(t.Context(), i.DB.DB, tenant.Tenant{}, ownNote)
	want(t, err, tenant.CodeNoTenant)
}

func (i isolation) interrupted(t *testing.T) {
	_, err := i.run(t.Context(), 0, "SELECT 1 / (id - 1) FROM notes")
	want(t, err, tenant.CodeInvalid)
	i.intact(t)

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = i.run(ctx, 0, "SELECT pg_catalog.pg_sleep(60)")
	want(t, err, tenant.CodeTimeout, tenant.CodeCanceled)
	i.intact(t)

	_, err = i.run(t.Context(), 0, "SELECT pg_catalog.pg_sleep(60)")
	want(t, err, tenant.CodeTimeout)
	i.intact(t)

	for killed := false; !killed && !t.Failed(); { // A busy machine may miss the sleeper.
		ctx, cancel := context.WithCancel(t.Context())
		died := make(chan bool, 1)
		go func() { died <- i.killSleeper(ctx, t) }()
		_, err := i.run(t.Context(), 0, "SELECT 'killed', pg_catalog.pg_sleep(60)")
		cancel()
		if killed = <-died; err == nil {
			t.Error("a sleeper that was killed, or had no time left, reported success")
		}
		i.intact(t)
	}
}

// killSleeper ends the backend that sleeps in this database, and tells whether
// it did before the context was over.
func (i isolation) killSleeper(ctx context.Context, t *testing.T) bool {
	t.Helper()
	over := ctx
	ctx = context.WithoutCancel(ctx)
	conn, err := pgx.Connect(ctx, i.SuperURL)
	if err != nil {
		t.Error(err)
		return false
	}
	defer func() {
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	for over.Err() == nil {
		var killed int
		err := conn.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND query LIKE '%killed%pg_sleep(60)%' AND pid <> pg_backend_pid() AND state = 'active'`).Scan(&killed)
		if err != nil {
			t.Error(err)
		}
		if err != nil || killed > 0 {
			return err == nil
		}
	}
	return false
}

func (i isolation) settings(t *testing.T) {
	other := i.Tenants[1].Schema()
	for _, sql := range attack.Refused() {
		sql = attack.Statement{SQL: sql}.Fill(i.Tenants[0], i.Tenants[1], "notes").SQL
		_, err := i.run(t.Context(), 0, sql)
		want(t, err, tenant.CodeRefused)
	}
	_, err := i.run(t.Context(), 0, "SELECT 1; SET ROLE "+other)
	if err == nil {
		t.Error("two statements in one were accepted")
	}
	i.intact(t)
}

// wander calls functions, as lint forbids them, that move the session elsewhere
// for good. The database denies them that.
func (i isolation) wander(t *testing.T) {
	other := i.Tenants[1].Schema()
	for _, sql := range []string{
		"SELECT wander('" + other + "')", "SELECT become('" + other + "')", "SELECT become('none')", "SELECT wander('public')",
	} {
		_, err := i.run(t.Context(), 0, sql)
		want(t, err, tenant.CodeForbidden)
		i.intact(t)
	}
}

func (i isolation) otherContext(t *testing.T) {
	ctx := tenant.NewContext(t.Context(), i.Tenants[1])
	_, err := i.run(ctx, 0, ownNote)
	want(t, err, tenant.CodeWrongTenant)
	i.intact(t)
}

// versions gives one tenant another type in the same column, first in the
// catalog's knowledge and then behind its back.
func (i isolation) versions(t *testing.T) {
	i.intact(t)
	i.owner(t, "ALTER TABLE "+i.Tenants[1].Schema()+".notes ALTER id TYPE text USING 'id ' || id")
	i.Tenants[1].Version = "v2"
	for range 3 {
		for at, want := range []string{"1", "id 1"} {
			got, err := i.run(t.Context(), at, "SELECT id::text FROM notes ORDER BY id")
			if err != nil || !slices.Equal(got, []string{want}) {
				t.Errorf("tenant %d: %q, %v; want %q", at, got, err, want)
			}
		}
	}
	const all = "SELECT * FROM notes ORDER BY id"
	for range 2 {
		if got, err := i.run(t.Context(), 0, all); err != nil || !slices.Equal(got, []string{"1"}) {
			t.Errorf("%q, %v", got, err)
		}
	}
	i.owner(t, "ALTER TABLE "+i.Tenants[0].Schema()+".notes ALTER id TYPE text USING 'was ' || id")
	got, err := i.run(t.Context(), 0, all)
	if tenant.CodeOf(err) == tenant.CodeSchema { // Nothing ran: one more try is safe.
		got, err = i.run(t.Context(), 0, all)
	}
	if err != nil || !slices.Equal(got, []string{"was 1"}) {
		t.Errorf("after a change without a new version: %q, %v", got, err)
	}
}

func (i isolation) shadowing(t *testing.T) {
	got, err := i.run(t.Context(), 0, "SELECT pg_catalog.array_to_string(pg_catalog.current_schemas(true), ' ')")
	if path := "pg_catalog " + i.Tenants[0].Schema(); err != nil || !slices.Equal(got, []string{path}) {
		t.Errorf("names are looked up in %q, %v; want %q", got, err, path)
	}
}

func (i isolation) otherSchema(t *testing.T) {
	other := i.Tenants[1].Schema()
	for _, sql := range []string{
		"SELECT body FROM " + other + ".notes",
		"INSERT INTO " + other + ".notes VALUES (7, 'from A')",
		"UPDATE " + other + ".notes SET body = 'from A'",
		"DELETE FROM " + other + ".notes",
		"SELECT " + other + ".wander('public')",
		"SELECT slug FROM public.tenants",
	} {
		_, err := i.run(t.Context(), 0, sql)
		want(t, err, tenant.CodeForbidden)
	}
	i.intact(t)
}

// denied is what the runtime role may not do, even by hand and with any role.
func (i isolation) denied(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), i.RuntimeURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	for _, s := range attack.Denied() {
		s = s.Fill(i.Tenants[0], i.Tenants[1], "notes")
		if err := s.Try(t.Context(), conn); tenant.CodeOf(err) != tenant.CodeForbidden {
			t.Errorf("attack %d as %q: %s: %v, want permission denied", s.Attack, s.As, s.SQL, err)
		}
	}
	i.raw(t, "", "SELECT wander FROM "+i.Tenants[0].Schema()+".wander('public')")
	i.raw(t, "", "SET ROLE bailiwick_owner")
	for _, sql := range []string{"CREATE TABLE x (id int)", "DROP TABLE notes", "TRUNCATE notes", "GRANT SELECT ON notes TO PUBLIC", "ALTER TABLE notes ADD x int"} {
		_, err := i.run(t.Context(), 0, sql)
		want(t, err, tenant.CodeRefused)
	}
	i.intact(t)
}

func (i isolation) otherID(t *testing.T) {
	if _, err := i.run(t.Context(), 1, "INSERT INTO notes VALUES (77, 'B''s') RETURNING id::text"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []int64{77, 78} {
		got, err := i.run(t.Context(), 0, "SELECT body FROM notes WHERE id = $1", id)
		if err != nil || len(got) != 0 {
			t.Errorf("A reads %q, %v by the id %d", got, err, id)
		}
	}
}

// owner runs a statement as the owner of the schemas.
func (i isolation) owner(t *testing.T, sql string) {
	t.Helper()
	if err := i.connected(t, i.OwnerURL, sql); err != nil {
		t.Fatal(err)
	}
}

// raw runs statements as the runtime role by a connection of its own, past the
// library, and wants the last one denied by the database.
func (i isolation) raw(t *testing.T, role string, statements ...string) {
	t.Helper()
	if role != "" {
		statements = append([]string{"SET ROLE " + role}, statements...)
	}
	err := i.connected(t, i.RuntimeURL, statements...)
	if tenant.CodeOf(err) != tenant.CodeForbidden {
		t.Errorf("%s: %v, want permission denied", statements[len(statements)-1], err)
	}
}

func (i isolation) connected(t *testing.T, url string, statements ...string) (err error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.Background())) }()
	for n, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			if n < len(statements)-1 {
				t.Fatalf("%s: %v", sql, err)
			}
			return fmt.Errorf("%s: %w", strings.TrimSpace(sql), err)
		}
	}
	return nil
}
