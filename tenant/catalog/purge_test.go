package catalog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// offboarded is a tenant without grace.
func offboarded(t *testing.T, c *catalog.Catalog, slug string) catalog.Ref {
	t.Helper()
	ref := created(t, c, slug)
	if _, err := c.Offboard(t.Context(), ref, catalog.OffboardParams{}); err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestPurgeWaitsForGrace(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	acme := created(t, c, "acme")
	if _, err := c.Offboard(t.Context(), acme, catalog.OffboardParams{Grace: time.Hour}); err != nil {
		t.Fatal(err)
	}
	must(t, urls.OwnerURL, `
		INSERT INTO bailiwick.domains (tenant_id, host, token) VALUES ('`+acme.ID.String()+`', 'acme.example', 'x');
		INSERT INTO bailiwick.issuers (tenant_id, issuer, audience) VALUES ('`+acme.ID.String()+`', 'https://id.example', 'x')`)
	_, err := c.Purge(t.Context(), acme, catalog.PurgeParams{})
	wantCode(t, err, tenant.CodeConflict, "the grace of tenant acme ends at ")
	if left := footprint(t, urls); len(left) != 3 {
		t.Fatalf("a purge that was refused has left %v", left)
	}
	r, err := c.Purge(t.Context(), acme, catalog.PurgeParams{Early: true})
	if err != nil || r.State != catalog.StatePurged || r.FormerSlug != "acme" || r.Slug != tenant.PurgedSlug(acme.ID) {
		t.Errorf("%+v, %v", r, err)
	}
	rows := query[int64](t, urls, "SELECT count(*) FROM bailiwick.domains UNION ALL SELECT count(*) FROM bailiwick.issuers")
	if rows[0]+rows[1] != 0 {
		t.Error("domains or issuers of a purged tenant are there")
	}
}

// TestPurgeRefuses finds everything outside of the schema that would go with it.
func TestPurgeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sql, undo string
		super     bool
		want      string
	}{
		"view":         {sql: "CREATE VIEW public.moods AS SELECT mood FROM $t.notes", undo: "DROP VIEW public.moods", want: "view public.moods"},
		"matview":      {sql: "CREATE MATERIALIZED VIEW public.moods AS SELECT mood FROM $t.notes", undo: "DROP MATERIALIZED VIEW public.moods", want: "materialized view public.moods"},
		"foreign key":  {sql: "CREATE TABLE public.refs (id bigint REFERENCES $t.notes)", undo: "DROP TABLE public.refs", want: "constraint refs_id_fkey on table public.refs"},
		"column":       {sql: "CREATE TABLE public.moods (m $t.feeling)", undo: "DROP TABLE public.moods", want: "column m of table public.moods"},
		"default":      {sql: "CREATE TABLE public.n (n int DEFAULT $t.double(1))", undo: "DROP TABLE public.n", want: "default value for column n of table public.n"},
		"function":     {sql: "CREATE FUNCTION public.f($t.feeling) RETURNS int LANGUAGE sql AS 'SELECT 1'", undo: "DROP FUNCTION public.f", want: "function public.f("},
		"sql function": {sql: "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql RETURN (SELECT count(*)::int FROM $t.notes)", undo: "DROP FUNCTION public.f", want: "function public.f()"},
		"heir":         {sql: "CREATE TABLE public.heirs () INHERITS ($t.notes)", undo: "DROP TABLE public.heirs", want: "table public.heirs"},
		"other tenant": {sql: "CREATE SCHEMA other; CREATE VIEW other.v AS SELECT 1 FROM $t.notes", undo: "DROP SCHEMA other CASCADE", want: "view other.v"},
		"extension":    {sql: "CREATE EXTENSION pg_trgm SCHEMA $t", undo: "DROP EXTENSION pg_trgm", super: true, want: "extension pg_trgm"},
		"grant":        {sql: "CREATE TABLE public.given (); GRANT SELECT ON public.given TO $t", undo: "DROP TABLE public.given", want: "has rights elsewhere: table public.given"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cat, urls := installed(t)
			acme := offboarded(t, cat, "acme")
			url := urls.OwnerURL
			if c.super {
				url = urls.SuperURL
			}
			must(t, url, strings.ReplaceAll(c.sql, "$t", acme.ID.SchemaName()))
			_, err := cat.Purge(t.Context(), acme, catalog.PurgeParams{})
			wantCode(t, err, tenant.CodeConflict, c.want)
			if r, err := cat.Find(t.Context(), acme); err != nil || r.State != catalog.StateOffboarding {
				t.Errorf("a purge that was refused has left %+v, %v", r, err)
			}
			must(t, url, c.undo)
			if _, err := cat.Purge(t.Context(), acme, catalog.PurgeParams{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPurgeOfEverything drops a schema with all kinds of objects, none of which
// counts as being outside.
func TestPurgeOfEverything(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	acme := offboarded(t, c, "acme")
	must(t, urls.OwnerURL, "SET search_path = "+acme.ID.SchemaName()+", pg_temp;"+`
		CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at);
		CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
		CREATE INDEX ON parts (id);
		CREATE STATISTICS s ON id, at FROM parts;
		CREATE DOMAIN positive AS int CHECK (VALUE > 0);
		CREATE TYPE pair AS (a int, b positive);
		CREATE TYPE span AS RANGE (subtype = date);
		CREATE TABLE more (p pair, s span, EXCLUDE USING gist (s WITH &&), t text DEFAULT double(1)::text);
		CREATE MATERIALIZED VIEW m AS SELECT * FROM more;
		CREATE FUNCTION trig() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
		CREATE TRIGGER t BEFORE INSERT ON parts FOR EACH ROW EXECUTE FUNCTION trig();
		CREATE RULE r AS ON INSERT TO more DO ALSO NOTHING;
		ALTER TABLE more ENABLE ROW LEVEL SECURITY;
		CREATE POLICY p ON more USING (true);
		CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int);
		CREATE FUNCTION eq(feeling, text) RETURNS bool LANGUAGE sql AS 'SELECT true';
		CREATE OPERATOR === (LEFTARG = feeling, RIGHTARG = text, FUNCTION = eq);
		CREATE COLLATION c FROM "C";
		CREATE TEXT SEARCH CONFIGURATION ts (COPY = pg_catalog.simple);
		CREATE FUNCTION to_int(feeling) RETURNS int LANGUAGE sql AS 'SELECT 1';
		CREATE CAST (feeling AS int) WITH FUNCTION to_int(feeling);
		ALTER DEFAULT PRIVILEGES IN SCHEMA `+acme.ID.SchemaName()+` GRANT SELECT ON TABLES TO pg_monitor;`)
	if _, err := c.Purge(t.Context(), acme, catalog.PurgeParams{}); err != nil {
		t.Error(err)
	}
}

func TestPurgeOfRoleInOtherDatabase(t *testing.T) {
	t.Parallel()
	c, _ := installed(t)
	other := tenanttest.Database(t)
	acme := offboarded(t, c, "acme")
	must(t, other.OwnerURL, "CREATE TABLE public.given (); GRANT SELECT ON public.given TO "+acme.ID.SchemaName())
	_, err := c.Purge(t.Context(), acme, catalog.PurgeParams{})
	wantCode(t, err, tenant.CodeConflict, "objects in database ")
}

// TestPurgeDuringRollout does not wait behind a rollout for ever, and takes its
// turn when that lets go.
func TestPurgeDuringRollout(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	c, err := catalog.Open(t.Context(), catalog.Config{URL: urls.OwnerURL, Schema: full, LockTimeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	acme := offboarded(t, c, "acme")
	conn, err := pgx.Connect(t.Context(), urls.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_lock($1)", catalog.SchemaLock(acme.ID.SchemaName())); err != nil {
		t.Fatal(err)
	}
	_, err = c.Purge(t.Context(), acme, catalog.PurgeParams{})
	wantCode(t, err, tenant.CodeTimeout, "somebody else is working on the schema")
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for tenant.CodeOf(err) == tenant.CodeTimeout { // the server may take a moment to see that it is closed
		_, err = c.Purge(t.Context(), acme, catalog.PurgeParams{})
	}
	if err != nil {
		t.Error(err)
	}
}
