package catalog_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

func owner(t *testing.T, urls tenanttest.URLs) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), urls.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func create(t *testing.T, c *catalog.Catalog, slug string) tenant.Tenant {
	t.Helper()
	made, err := c.Create(t.Context(), catalog.CreateParams{Slug: slug, Plan: "free"})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func wantCurrent(t *testing.T, c *catalog.Catalog, scope string) catalog.Desired {
	t.Helper()
	d, ok, err := c.Current(t.Context(), scope)
	if err != nil || !ok {
		t.Fatalf("current schema of %s: %v, %v", scope, ok, err)
	}
	return d
}

// TestCurrent: a tenant has the structure that the registry says it has, and the
// current schema is what the next one is made from.
func TestCurrent(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	c := open(t, urls, full)
	if d, ok, err := c.Current(t.Context(), catalog.ScopePublic); ok || err != nil {
		t.Errorf("before Install: %+v, %v", d, err)
	}
	if err := c.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	public := wantCurrent(t, c, catalog.ScopePublic)
	if d, ok, err := c.Current(t.Context(), catalog.ScopeTenant); ok || err != nil {
		t.Errorf("before the first tenant: %+v, %v", d, err)
	}
	acme := create(t, c, "acme")
	first := wantCurrent(t, c, catalog.ScopeTenant)
	want := catalog.Desired{Scope: catalog.ScopeTenant, Version: catalog.Version(tenantSchema), Fingerprint: acme.Version, DDL: tenantSchema}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}

	changed := full
	changed.Tenant += "CREATE TABLE more ();"
	later := open(t, urls, changed)
	globex := create(t, later, "globex")
	states, err := fingerprint.States(t.Context(), owner(t, urls), []string{"public", acme.Schema(), globex.Schema()})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"public": public.Fingerprint, acme.Schema(): acme.Version, globex.Schema(): acme.Version} {
		if got := states[name].Fingerprint; got != want {
			t.Errorf("%s is at %s, the registry says %s", name, got, want)
		}
	}

	next := catalog.Desired{Scope: catalog.ScopeTenant, Version: catalog.Version(changed.Tenant), Fingerprint: "f1-next", DDL: changed.Tenant}
	err = pgx.BeginFunc(t.Context(), owner(t, urls), func(tx pgx.Tx) error { return catalog.SetCurrent(t.Context(), tx, next) })
	if err != nil {
		t.Fatal(err)
	}
	if initech := create(t, c, "initech"); initech.Version != "f1-next" {
		t.Errorf("made from %s", initech.Version)
	}
	must(t, urls.OwnerURL, "SELECT 1 / (count(*) = 1)::int FROM bailiwick.schemas WHERE scope = 'tenant' AND NOT current")
}

// TestFirstTenantsAtOnce: of several first tenants one settles the current schema.
func TestFirstTenantsAtOnce(t *testing.T) {
	t.Parallel()
	c, _ := installed(t)
	var group sync.WaitGroup
	versions := make([]string, 3)
	for i, slug := range []string{"acme", "globex", "initech"} {
		group.Go(func() {
			made, err := c.Create(t.Context(), catalog.CreateParams{Slug: slug, Plan: "free"})
			if err != nil {
				t.Error(err)
			}
			versions[i] = made.Version
		})
	}
	group.Wait()
	if versions[0] == "" || versions[1] != versions[0] || versions[2] != versions[0] {
		t.Errorf("versions %q", versions)
	}
}

// TestSetCurrentWaits: whoever changes the current schema finds in the registry
// all tenants that were made from the one before.
func TestSetCurrentWaits(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	create(t, c, "acme")
	pool := owner(t, urls)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := wantCurrent(t, c, catalog.ScopeTenant)
	d.Version, d.Fingerprint = "next", "f1-next"
	if err := catalog.SetCurrent(t.Context(), tx, d); err != nil {
		t.Fatal(err)
	}
	made := make(chan tenant.Tenant)
	go func() {
		globex, err := c.Create(t.Context(), catalog.CreateParams{Slug: "globex", Plan: "free"})
		if err != nil {
			t.Error(err)
		}
		made <- globex
	}()
	waits := func() (n int) {
		err := pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())").Scan(&n)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	for waits() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Error(err)
	}
	if globex := <-made; globex.Version != "f1-next" {
		t.Errorf("made from %s while that was changed", globex.Version)
	}
}

// TestLedgerIsMoved: what an earlier version has noted in public is kept.
func TestLedgerIsMoved(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	must(t, urls.OwnerURL, `
		CREATE TABLE public.bailiwick_meta (key text PRIMARY KEY, value text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now());
		INSERT INTO public.bailiwick_meta SELECT key, value, updated_at FROM bailiwick.meta;
		DROP SCHEMA bailiwick CASCADE`)
	if err := c.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	must(t, urls.OwnerURL, "SELECT 1 / count(*) FROM bailiwick.meta WHERE key = 'public_version'")
	if err := run(t, urls.OwnerURL, "TABLE public.bailiwick_meta"); !strings.Contains(errors.Join(err).Error(), "does not exist") {
		t.Error(err)
	}
	if d := wantCurrent(t, c, catalog.ScopePublic); d.Version != catalog.Version(full.Public) {
		t.Errorf("current: %+v", d)
	}
}

// TestLedgerRights: the service registers its release, and tenants see nothing.
func TestLedgerRights(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	as := "SET ROLE " + create(t, c, "acme").Schema() + "; "
	for sql, code := range map[string]tenant.Code{
		"SELECT fingerprint FROM bailiwick.schemas":    "",
		"UPDATE bailiwick.schemas SET current = false": tenant.CodeForbidden,
		"INSERT INTO bailiwick.releases VALUES ('1', 'a', 'b', '[]', '{}', now(), now()); UPDATE bailiwick.releases SET expires_at = now()": "",
		"DELETE FROM bailiwick.releases": tenant.CodeForbidden,
		"TABLE bailiwick.meta":           tenant.CodeForbidden,
		"TABLE bailiwick.rollouts":       tenant.CodeForbidden,
		as + "TABLE bailiwick.schemas":   tenant.CodeForbidden,
		as + "TABLE bailiwick.releases":  tenant.CodeForbidden,
	} {
		if err := run(t, urls.RuntimeURL, sql); tenant.CodeOf(err) != code {
			t.Errorf("%s: %v, want code %q", sql, err, code)
		}
	}
}

// TestRegisteredAsRuntime: who only reads, such as the search for drift, gets along
// with the service's connection string.
func TestRegisteredAsRuntime(t *testing.T) {
	t.Parallel()
	owner, urls := installed(t)
	create(t, owner, "acme")
	c := open(t, tenanttest.URLs{OwnerURL: urls.RuntimeURL}, full)
	got, err := c.Registered(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want, err := owner.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want[0].Revision = 0
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the registry, to the runtime role (-want +got):\n%s", diff)
	}
	if _, err := c.List(t.Context()); tenant.CodeOf(err) != tenant.CodeForbidden {
		t.Errorf("a list of lives: %v, want it forbidden", err)
	}
}
