package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// tenantSchema has one of each kind of object that a role needs a grant for.
const tenantSchema = `
CREATE TYPE feeling AS ENUM ('good', 'bad');
CREATE TABLE notes (
	id   bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT notes_pkey PRIMARY KEY,
	mood feeling NOT NULL DEFAULT 'good',
	body text   NOT NULL
);
CREATE SEQUENCE tickets;
CREATE VIEW bodies AS SELECT body FROM notes;
CREATE FUNCTION double(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * n';
`

// publicSchema adds plans and a reference table to the minimal registry.
const publicSchema = `
CREATE TABLE public.plans (name text CONSTRAINT plans_pkey PRIMARY KEY);
` + tenanttest.PublicSchema + `
ALTER TABLE public.tenants ADD plan text NOT NULL CONSTRAINT tenants_plan_fkey REFERENCES public.plans (name);
CREATE TABLE public.checks (id text CONSTRAINT checks_pkey PRIMARY KEY);
CREATE FUNCTION public.secret() RETURNS text LANGUAGE sql AS 'SELECT ''secret''';
CREATE FUNCTION public.shared() RETURNS text LANGUAGE sql AS 'SELECT ''shared''';
GRANT SELECT ON public.checks TO PUBLIC;
GRANT EXECUTE ON FUNCTION public.shared() TO PUBLIC;
`

const seed = `INSERT INTO public.plans VALUES ('free'), ('team') ON CONFLICT DO NOTHING`

var full = catalog.Schema{Public: publicSchema, Tenant: tenantSchema, Seed: seed}

// open returns a catalog on an empty database.
func open(t *testing.T, urls tenanttest.URLs, schema catalog.Schema) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(t.Context(), catalog.Config{URL: urls.OwnerURL, Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func installed(t *testing.T) (*catalog.Catalog, tenanttest.URLs) {
	t.Helper()
	urls := tenanttest.Database(t)
	c := open(t, urls, full)
	if err := c.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c, urls
}

func run(t *testing.T, url, sql string) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.PgConn().Exec(t.Context(), sql).ReadAll()
	return errors.Join(err, conn.Close(t.Context()))
}

func must(t *testing.T, url, sql string) {
	t.Helper()
	if err := run(t, url, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func wantCode(t *testing.T, err error, code tenant.Code, text string) {
	t.Helper()
	typed, ok := errors.AsType[*tenant.Error](err)
	if !ok || typed.Code != code || !strings.Contains(err.Error(), text) {
		t.Errorf("got error %v, want code %q and the text %q", err, code, text)
	}
}

// query reads one column.
func query[T any](t *testing.T, urls tenanttest.URLs, sql string, args ...any) []T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), urls.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err := errors.Join(err, conn.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	return all
}

// footprint lists everything that creating a tenant leaves.
func footprint(t *testing.T, urls tenanttest.URLs) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), urls.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), `
		SELECT 'row '    || slug    FROM public.tenants
		UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname LIKE 't\_%'
		UNION ALL SELECT 'role '   || rolname FROM pg_roles JOIN pg_shdepend ON refobjid = pg_roles.oid
			AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) WHERE rolname LIKE 't\_%'
		ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err := errors.Join(err, conn.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	return slices.Compact(all)
}

func TestCreate(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	acme, err := c.Create(t.Context(), catalog.CreateParams{
		Slug: "acme", Name: "Acme", Plan: "team",
		Seed: func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO notes (mood, body) VALUES ($1, 'seeded')", "bad"); err != nil {
				return err
			}
			_, err := tx.CopyFrom(ctx, pgx.Identifier{"notes"}, []string{"body"}, pgx.CopyFromRows([][]any{{"copied"}}))
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	current, _, err := c.Current(t.Context(), catalog.ScopeTenant)
	if err != nil {
		t.Fatal(err)
	}
	want := tenant.Tenant{ID: acme.ID, Slug: "acme", Version: current.Fingerprint, Node: tenant.DefaultNode}
	if diff := cmp.Diff(want, acme); diff != "" {
		t.Error(diff)
	}
	record, err := c.Get(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	wantRecord := catalog.Record{
		ID: acme.ID, Slug: "acme", Name: "Acme", State: "active", Schema: acme.Schema(),
		Version: acme.Version, Node: acme.Node, Plan: "team", Revision: 1,
	}
	if diff := cmp.Diff(wantRecord, record); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(acme, record.Tenant()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"role " + acme.Schema(), "row acme", "schema " + acme.Schema()}, footprint(t, urls)); diff != "" {
		t.Error(diff)
	}
}

// TestRights tries what the tenant's role may and may not do, as the runtime
// role gets to it.
func TestRights(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	var schemas []string
	for _, slug := range []string{"acme", "globex"} {
		tn, err := c.Create(t.Context(), catalog.CreateParams{Slug: slug, Plan: "free"})
		if err != nil {
			t.Fatal(err)
		}
		schemas = append(schemas, tn.Schema())
	}
	as := "SET ROLE " + schemas[0] + "; SET search_path = " + schemas[0] + ", pg_temp; "
	for _, c := range []struct {
		sql  string
		code tenant.Code
	}{
		{as + "INSERT INTO notes (body) VALUES ('x')", ""},
		{as + "UPDATE notes SET mood = 'bad'; DELETE FROM notes; TABLE bodies", ""},
		{as + "SELECT nextval('tickets'), double(2)", ""},
		{as + "TABLE public.checks; SELECT public.shared()", ""},
		{as + "TRUNCATE notes", tenant.CodeForbidden},
		{as + "CREATE TABLE t ()", tenant.CodeForbidden},
		{as + "CREATE TEMP TABLE t ()", tenant.CodeForbidden},
		{as + "CREATE TABLE public.t ()", tenant.CodeForbidden},
		{as + "TABLE public.tenants", tenant.CodeForbidden},
		{as + "TABLE bailiwick.meta", tenant.CodeForbidden},
		{as + "SELECT public.secret()", tenant.CodeForbidden},
		{as + "TABLE " + schemas[1] + ".notes", tenant.CodeForbidden},
		{as + "SELECT " + schemas[1] + ".double(2)", tenant.CodeForbidden},
		{"TABLE " + schemas[0] + ".notes", tenant.CodeForbidden},
		{"SELECT " + schemas[0] + ".double(2)", tenant.CodeForbidden},
		{"TABLE public.tenants; TABLE public.plans; SELECT public.secret()", ""},
		{"DELETE FROM public.tenants", tenant.CodeForbidden},
		{"SET ROLE " + devpg.OwnerRole, tenant.CodeForbidden},
	} {
		if err := run(t, urls.RuntimeURL, c.sql); tenant.CodeOf(err) != c.code {
			t.Errorf("%s: got %v, want code %q", c.sql, err, c.code)
		}
	}
}

// TestCreateLeavesNothing fails at each step in turn.
func TestCreateLeavesNothing(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	boom := errors.New("boom")
	_, err := c.Create(t.Context(), catalog.CreateParams{
		Slug: "acme", Plan: "free",
		Seed: func(context.Context, pgx.Tx) error { return boom },
	})
	wantCode(t, err, tenant.CodeInternal, "create tenant acme: seed: boom")
	if !errors.Is(err, boom) {
		t.Errorf("%v does not wrap the callback's error", err)
	}

	_, err = c.Create(t.Context(), catalog.CreateParams{Slug: "acme", Plan: "none"})
	wantCode(t, err, tenant.CodeInvalid, `there is no plan "none"`)
	_, err = c.Create(t.Context(), catalog.CreateParams{Slug: "acme"})
	wantCode(t, err, tenant.CodeInvalid, "the tenant needs a plan")
	_, err = c.Create(t.Context(), catalog.CreateParams{Slug: "Acme", Plan: "free"})
	wantCode(t, err, tenant.CodeInvalid, "slug")

	broken := full
	broken.Tenant += "\nCREATE TABLE broken (\n  id nosuchtype\n);"
	_, err = open(t, urls, broken).Create(t.Context(), catalog.CreateParams{Slug: "acme", Plan: "free"})
	line := 1 + strings.Count(tenantSchema, "\n") + 2
	wantCode(t, err, tenant.CodeSchema, fmt.Sprintf("tenant schema, line %d:", line))

	func() { // A panic is what a crash looks like from within.
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		tn, err := c.Create(t.Context(), catalog.CreateParams{
			Slug: "acme", Plan: "free",
			Seed: func(context.Context, pgx.Tx) error { panic("crash") },
		})
		t.Error(tn, err)
	}()
	if left := footprint(t, urls); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := c.Create(t.Context(), catalog.CreateParams{Slug: "acme", Plan: "free"}); err != nil {
		t.Error(err)
	}
}

func TestSchemaMustNotCommit(t *testing.T) {
	t.Parallel()
	_, urls := installed(t)
	ending := full
	ending.Tenant += "COMMIT; BEGIN;"
	_, err := open(t, urls, ending).Create(t.Context(), catalog.CreateParams{Slug: "acme", Plan: "free"})
	wantCode(t, err, tenant.CodeInvalid, "tenant schema ends the transaction")
}

func TestSlugTaken(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	const racers = 4
	var (
		group sync.WaitGroup
		errs  [racers]error
	)
	for i := range racers {
		group.Go(func() {
			_, errs[i] = c.Create(t.Context(), catalog.CreateParams{Slug: "acme", Plan: "free"})
		})
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		wantCode(t, err, tenant.CodeConflict, `slug "acme" is taken`)
	}
	if left := footprint(t, urls); won != 1 || len(left) != 3 {
		t.Errorf("%d winners, who left %v", won, left)
	}
}

func TestListAndGet(t *testing.T) {
	t.Parallel()
	c, _ := installed(t)
	for _, slug := range []string{"globex", "acme"} {
		if _, err := c.Create(t.Context(), catalog.CreateParams{Slug: slug, Plan: "free"}); err != nil {
			t.Fatal(err)
		}
	}
	records, err := c.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range records {
		names = append(names, r.Name)
	}
	if diff := cmp.Diff([]string{"acme", "globex"}, names); diff != "" {
		t.Error(diff)
	}
	_, err = c.Get(t.Context(), "initech")
	wantCode(t, err, tenant.CodeNotFound, "initech")
	plans, err := c.Plans(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"free", "team"}, plans); diff != "" {
		t.Error(diff)
	}
}
