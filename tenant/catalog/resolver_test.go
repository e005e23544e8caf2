package catalog_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

func TestResolver(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{})
	r := catalog.NewResolver(db.DB, time.Hour)
	for range 2 {
		for _, want := range db.Tenants {
			got, err := r.Route(t.Context(), tenant.Name{Slug: want.Slug})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.Tenant); diff != "" {
				t.Error(diff)
			}
		}
	}
	for _, slug := range []string{"nobody", "", "ACME", "a'b", "www"} {
		_, err := r.Route(t.Context(), tenant.Name{Slug: slug})
		wantCode(t, err, tenant.CodeNotFound, "")
	}
}

func TestResolverStates(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{})
	remembers, asks := catalog.NewResolver(db.DB, time.Hour), catalog.NewResolver(db.DB, 0)
	if _, err := remembers.Route(t.Context(), tenant.Name{Slug: "acme"}); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"provisioning", "suspended", "offboarding", "purged"} {
		must(t, db.OwnerURL, "UPDATE public.tenants SET state = '"+state+"' WHERE slug = 'acme'")
		_, err := asks.Route(t.Context(), tenant.Name{Slug: "acme"})
		wantCode(t, err, tenant.CodeNotFound, "there is no active tenant")
	}
	if _, err := remembers.Route(t.Context(), tenant.Name{Slug: "acme"}); err != nil {
		t.Error(err)
	}
	remembers.ForgetAll()
	_, err := remembers.Route(t.Context(), tenant.Name{Slug: "acme"})
	wantCode(t, err, tenant.CodeNotFound, "there is no active tenant")

	// The bad answer is not kept for as long as a good one.
	must(t, db.OwnerURL, "UPDATE public.tenants SET state = 'active' WHERE slug = 'acme'")
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := remembers.Route(t.Context(), tenant.Name{Slug: "acme"}); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) TraceStart(ctx context.Context, _ tenant.TraceStatement) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return ctx
}

func (*counter) TraceEnd(context.Context, tenant.TraceResult) {}

// TestResolverAsksOnce counts the queries of a burst of requests.
func TestResolverAsksOnce(t *testing.T) {
	t.Parallel()
	var queries counter
	db := tenanttest.New(t, tenanttest.Options{Config: tenant.Config{Tracer: &queries}})
	r := catalog.NewResolver(db.DB, time.Hour)
	began := time.Now()
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := r.Route(t.Context(), tenant.Name{Slug: "acme"}); err != nil {
				t.Error(err)
			}
			if _, err := r.Route(t.Context(), tenant.Name{Slug: "nobody"}); err == nil {
				t.Error("nobody was found")
			}
		})
	}
	group.Wait()
	again := int(time.Since(began) / unknownTTL) // A busy machine may outlast what is remembered.
	if queries.n > 4+again {                     // A request may just miss the one before it.
		t.Errorf("%d queries", queries.n)
	}
}

// unknownTTL is for how long the resolver remembers that there is no tenant.
const unknownTTL = 50 * time.Millisecond

// TestResolverFindsWhoIsNew although somebody asked a moment before.
func TestResolverFindsWhoIsNew(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{})
	r := catalog.NewResolver(db.DB, time.Hour)
	_, err := r.Route(t.Context(), tenant.Name{Slug: "initech"})
	asked := time.Now()
	wantCode(t, err, tenant.CodeNotFound, "there is no active tenant")
	made, err := db.Catalog.Create(t.Context(), catalog.CreateParams{Slug: "initech"})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(asked.Add(unknownTTL)))
	if got, err := r.Route(t.Context(), tenant.Name{Slug: "initech"}); err != nil || got.ID != made.ID {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestResolverForgetsWhatIsAsked: an answer that was asked for before something
// was forgotten, and comes after it, is not kept.
func TestResolverForgetsWhatIsAsked(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{})
	var r *catalog.Resolver
	forgets := tracer(func(tenant.TraceResult) { r.ForgetTenant(db.Tenants[0].ID) })
	config := tenant.Config{URL: db.RuntimeURL, Tracer: forgets}
	traced, err := tenant.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(traced.Close)
	r = catalog.NewResolver(traced, time.Hour)
	if _, err := r.Route(t.Context(), tenant.Name{Slug: "acme"}); err != nil {
		t.Fatal(err)
	}
	must(t, db.OwnerURL, "UPDATE public.tenants SET state = 'suspended' WHERE slug = 'acme'")
	_, err = r.Route(t.Context(), tenant.Name{Slug: "acme"})
	wantCode(t, err, tenant.CodeNotFound, "there is no active tenant")
}

// tracer is called when a statement has ended.
type tracer func(tenant.TraceResult)

func (tracer) TraceStart(ctx context.Context, _ tenant.TraceStatement) context.Context { return ctx }

func (end tracer) TraceEnd(_ context.Context, result tenant.TraceResult) { end(result) }

// TestResolverGivesUp leaves with its own request, not with another one's.
func TestResolverGivesUp(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{})
	r := catalog.NewResolver(db.DB, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Route(ctx, tenant.Name{Slug: "acme"}); err != nil {
		wantCode(t, err, tenant.CodeCanceled, "")
	}
	if _, err := r.Route(t.Context(), tenant.Name{Slug: "acme"}); err != nil {
		t.Error(err)
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{})
	r := catalog.NewResolver(db.DB, time.Hour)
	acme, err := r.Route(t.Context(), tenant.Name{Slug: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	must(t, db.OwnerURL, "UPDATE public.tenants SET node = 'other', slug = 'acme-2' WHERE slug = 'acme'")
	want := acme.Tenant
	want.Node, want.Slug = "other", "acme-2"
	got, err := r.Locate(t.Context(), acme.Tenant)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, err = r.Route(t.Context(), tenant.Name{Slug: "acme"})
	wantCode(t, err, tenant.CodeNotFound, "there is no active tenant")
	_, err = r.Locate(t.Context(), tenant.Tenant{ID: tenant.NewID()})
	wantCode(t, err, tenant.CodeNotFound, "there is no active tenant")
}
