package catalog_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// logged is a log that may be read while it grows.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), text)
}

const heard = "changes of tenants are heard of"

// listening is a resolver that remembers for an hour, and hears.
func listening(t *testing.T, db *tenanttest.DB) (*catalog.Resolver, *logged) {
	t.Helper()
	r, log := catalog.NewResolver(db.DB, time.Hour), &logged{}
	var group sync.WaitGroup
	group.Go(func() { r.Listen(t.Context(), db.RuntimeURL, slog.New(slog.NewTextHandler(log, nil))) })
	t.Cleanup(group.Wait)
	eventually(t, heard, func() bool { return log.count(heard) == 1 })
	return r, log
}

func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it is not so: %s", what)
		}
	}
}

// TestListenerForgets every name of a tenant, and the names that were nobody's.
func TestListenerForgets(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{})
	r, _ := listening(t, db)
	acme := db.Tenants[0]
	const host = "security.acme.example"
	must(t, db.OwnerURL, "INSERT INTO bailiwick.domains (tenant_id, host, token, verified_at) VALUES ('"+acme.ID.String()+"', '"+host+"', 'x', now())")
	names := []tenant.Name{{Slug: "acme"}, {ID: acme.ID}, {Domain: host}}
	leads := func(name tenant.Name, slug string) func() bool {
		return func() bool {
			route, err := r.Route(t.Context(), name)
			if err != nil && tenant.CodeOf(err) != tenant.CodeNotFound {
				t.Fatal(err)
			}
			return route.Slug == slug
		}
	}
	for _, name := range names {
		eventually(t, name.String()+" leads to the tenant", leads(name, "acme"))
	}
	eventually(t, "nobody is apex", leads(tenant.Name{Slug: "apex"}, ""))
	ref := catalog.Ref{ID: acme.ID}
	for _, step := range []struct {
		what     string
		take     func() (catalog.Record, error)
		was, now string
	}{
		{"rename", func() (catalog.Record, error) { return db.Catalog.Rename(t.Context(), ref, "apex") }, "", "apex"},
		{"suspend", func() (catalog.Record, error) { return db.Catalog.Suspend(t.Context(), ref, "") }, "", ""},
		{"resume", func() (catalog.Record, error) { return db.Catalog.Resume(t.Context(), ref) }, "", "apex"},
		{"offboard", func() (catalog.Record, error) {
			return db.Catalog.Offboard(t.Context(), ref, catalog.OffboardParams{Grace: time.Hour})
		}, "", ""},
	} {
		if _, err := step.take(); err != nil {
			t.Fatal(err)
		}
		for _, name := range append(names[1:], tenant.Name{Slug: "apex"}) {
			eventually(t, step.what+": "+name.String(), leads(name, step.now))
		}
		eventually(t, step.what+": the former slug", leads(tenant.Name{Slug: "acme"}, step.was))
	}
	restored, err := db.Catalog.Restore(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the restored tenant is routed", leads(tenant.Name{ID: acme.ID}, "apex"))
	if route, err := r.Route(t.Context(), tenant.Name{ID: acme.ID}); err != nil || !route.NotBefore.Equal(restored.NotBefore) || route.NotBefore.IsZero() {
		t.Errorf("%+v, %v; want %s", route, err, restored.NotBefore)
	}
	if err := db.Catalog.RemoveDomain(t.Context(), ref, host); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the removed domain", leads(tenant.Name{Domain: host}, ""))
}

// TestListenerComesBack when its connection is cut, and says so once.
func TestListenerComesBack(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{})
	_, log := listening(t, db)
	for round := range 3 {
		must(t, db.SuperURL, `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
			WHERE datname = current_database() AND application_name = '`+catalog.ListenerName+"'")
		eventually(t, "it hears again", func() bool { return log.count(heard) == round+2 })
		if n := log.count("not heard of for now"); n != round+1 {
			t.Errorf("round %d: %d warnings", round, n)
		}
	}
}

// TestUnknownIsRememberedWhileHeard: else the time of an answer would tell a name
// that is nobody's from one that somebody has.
func TestUnknownIsRememberedWhileHeard(t *testing.T) {
	t.Parallel()
	var queries counter
	db := tenanttest.New(t, tenanttest.Options{Config: tenant.Config{Tracer: &queries}})
	r, _ := listening(t, db)
	count := func(name tenant.Name) int {
		queries.mu.Lock()
		before := queries.n
		queries.mu.Unlock()
		for range 20 {
			if _, err := r.Route(t.Context(), name); err != nil {
				wantCode(t, err, tenant.CodeNotFound, "there is no active tenant")
			}
			time.Sleep(unknownTTL / 5)
		}
		queries.mu.Lock()
		defer queries.mu.Unlock()
		return queries.n - before
	}
	for _, slug := range []string{"acme", "nobody", "www", "a'b"} {
		// A server that is slow to answer its listener makes the resolver ask again.
		eventually(t, slug+" is asked for once", func() bool { return count(tenant.Name{Slug: slug}) <= 1 })
	}
	if _, err := db.Catalog.Create(t.Context(), catalog.CreateParams{Slug: "nobody"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "who was nobody is found", func() bool {
		_, err := r.Route(t.Context(), tenant.Name{Slug: "nobody"})
		return err == nil
	})
}
