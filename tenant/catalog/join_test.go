package catalog_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// late is a tracer that keeps one answer on its way: of the next statement with a
// text in it.
type late struct {
	text      string
	armed     atomic.Bool
	read, end chan struct{}
}

type lateKey struct{}

func (l *late) TraceStart(ctx context.Context, s tenant.TraceStatement) context.Context {
	return context.WithValue(ctx, lateKey{}, strings.Contains(s.SQL, l.text) && l.armed.Swap(false))
}

func (l *late) TraceEnd(ctx context.Context, _ tenant.TraceResult) {
	if mine, _ := ctx.Value(lateKey{}).(bool); mine {
		close(l.read)
		<-l.end
	}
}

// Attack 32: who asks for the same as somebody whose answer is late is not given that
// one, once something has changed since it was read.
func TestJoinedLookupsAreOfNow(t *testing.T) {
	t.Parallel()
	const issuer = "https://id.initech.example"
	for text, ask := range map[string]func(*catalog.Resolver) error{
		"t.slug = $1": func(r *catalog.Resolver) error {
			_, err := r.Route(t.Context(), tenant.Name{Slug: "acme"})
			return err
		},
		"bailiwick.issuers": func(r *catalog.Resolver) error {
			_, err := r.Issuer(t.Context(), issuer, "api")
			return err
		},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			l := &late{text: text, read: make(chan struct{}), end: make(chan struct{})}
			db := tenanttest.New(t, tenanttest.Options{Config: tenant.Config{Tracer: l}})
			acme := catalog.Ref{Slug: "acme"}
			if _, err := db.Catalog.AddIssuer(t.Context(), acme, catalog.Issuer{Issuer: issuer, Audience: "api"}); err != nil {
				t.Fatal(err)
			}
			r, _ := listening(t, db)
			l.armed.Store(true)
			first := make(chan error, 1)
			go func() { first <- ask(r) }()
			<-l.read
			if err := db.Catalog.RemoveIssuer(t.Context(), acme, issuer, "api"); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Catalog.Suspend(t.Context(), acme, "test"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // It is heard of.
			joined := make(chan error, 1)
			go func() { joined <- ask(r) }()
			time.Sleep(100 * time.Millisecond) // It waits for the answer that is late.
			close(l.end)
			if err := <-first; err != nil {
				t.Errorf("who asked before: %v", err)
			}
			wantCode(t, <-joined, tenant.CodeNotFound, "tenant")
		})
	}
}

// Of those who ask for the same at once, all but few are given one answer, also while
// other tenants change.
func TestJoinedLookupsAreFew(t *testing.T) {
	t.Parallel()
	var queries counter
	db := tenanttest.New(t, tenanttest.Options{Config: tenant.Config{Tracer: &queries}})
	r := catalog.NewResolver(db.DB, time.Hour)
	answers := make(chan error, 200)
	for i := range 200 {
		go func() {
			if i%20 == 0 {
				r.ForgetTenant(db.Tenants[1].ID)
			}
			_, err := r.Route(t.Context(), tenant.Name{Slug: "acme"})
			answers <- err
		}()
	}
	for range 200 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if queries.n > 50 {
		t.Errorf("%d queries", queries.n)
	}
}
