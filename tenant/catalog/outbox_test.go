package catalog_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// listener is a hook that notes what it hears.
type listener struct {
	mu    sync.Mutex
	heard []string
	fail  error
}

func (l *listener) hook(name string) catalog.Hook {
	return catalog.Hook{Name: name, After: func(_ context.Context, e catalog.Event) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.fail != nil {
			return l.fail
		}
		l.heard = append(l.heard, e.Tenant.Slug+" "+e.Action)
		return nil
	}}
}

func hooked(t *testing.T, urls tenanttest.URLs, hooks ...catalog.Hook) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(t.Context(), catalog.Config{URL: urls.OwnerURL, Schema: full, Hooks: hooks})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// due lets time pass.
func due(t *testing.T, urls tenanttest.URLs) {
	t.Helper()
	must(t, urls.OwnerURL, "UPDATE bailiwick.outbox SET due_at = now()")
}

// TestHooks tells two hooks, of which one fails at first: the other one hears all
// at once, and the one all in order once it can.
func TestHooks(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	var good, bad listener
	bad.fail = errors.New("not now")
	c := hooked(t, urls, good.hook("good"), bad.hook("bad"))
	acme := created(t, c, "acme")
	if _, err := c.Suspend(t.Context(), acme, ""); err != nil {
		t.Fatal(err)
	}
	want := []string{"acme create", "acme suspend"}
	if diff := cmp.Diff(want, good.heard); diff != "" {
		t.Error(diff)
	}
	if n, err := c.Deliver(t.Context()); n != 0 || err != nil {
		t.Errorf("told of %d events before their time, %v", n, err)
	}
	due(t, urls)
	if n, err := c.Deliver(t.Context()); n != 0 || !errors.Is(err, bad.fail) || !strings.Contains(err.Error(), "hook bad, create of tenant acme, attempt 2") {
		t.Errorf("told of %d events, %v", n, err)
	}
	bad.fail = nil
	due(t, urls)
	if n, err := c.Deliver(t.Context()); n != 2 || err != nil {
		t.Errorf("told of %d events, %v", n, err)
	}
	if diff := cmp.Diff(want, bad.heard); diff != "" {
		t.Error(diff)
	}
	if n, err := c.Deliver(t.Context()); n != 0 || err != nil || len(good.heard) != 2 {
		t.Errorf("told of %d events again, %v", n, err)
	}
}

// TestHookPanics: what a hook does after a step is no business of whoever took it.
func TestHookPanics(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	panics := true
	c := hooked(t, urls, catalog.Hook{Name: "one", After: func(context.Context, catalog.Event) error {
		if panics {
			panic("a nil map")
		}
		return nil
	}})
	created(t, c, "acme")
	const waits = "SELECT attempts || ' ' || (due_at < now() + interval '10 seconds') || ' ' || split_part(error, E'\\n', 1) FROM bailiwick.outbox WHERE done_at IS NULL"
	if diff := cmp.Diff([]string{"1 true panic: a nil map"}, query[string](t, urls, waits)); diff != "" {
		t.Error(diff)
	}
	due(t, urls)
	if n, err := c.Deliver(t.Context()); n != 0 || err == nil || !strings.Contains(err.Error(), "hook one, create of tenant acme, attempt 2: panic: a nil map") || !strings.Contains(err.Error(), "outbox_test.go") {
		t.Errorf("told of %d events, %v", n, err)
	}
	panics = false
	due(t, urls)
	if n, err := c.Deliver(t.Context()); n != 1 || err != nil {
		t.Errorf("told of %d events, %v", n, err)
	}
}

// TestDeliverIdles: who asks each second what is due writes nothing meanwhile, and
// looks for what is old once an hour.
func TestDeliverIdles(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	var l listener
	c := hooked(t, urls, l.hook("one"))
	created(t, c, "acme")
	const (
		old     = "UPDATE bailiwick.outbox SET done_at = now() - interval '31 days'"
		left    = "SELECT count(*) FROM bailiwick.outbox"
		version = "SELECT xmin::text FROM bailiwick.hooks"
	)
	deliver := func(c *catalog.Catalog, want int64) {
		t.Helper()
		must(t, urls.OwnerURL, old)
		before := query[string](t, urls, version)
		if n, err := c.Deliver(t.Context()); n != 0 || err != nil {
			t.Errorf("told of %d events, %v", n, err)
		}
		if diff := cmp.Diff(before, query[string](t, urls, version)); diff != "" {
			t.Errorf("the hook was written again: %s", diff)
		}
		if got := query[int64](t, urls, left); got[0] != want {
			t.Errorf("%d events are left, want %d", got[0], want)
		}
	}
	deliver(c, 0)
	created(t, c, "globex")
	deliver(c, 1)
	deliver(hooked(t, urls, l.hook("one")), 0)
}

// TestHookOrder: what is due of a tenant waits for what is older and is not, since
// the hook would hear of a suspension before the creation.
func TestHookOrder(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	l := listener{fail: errors.New("not now")}
	c := hooked(t, urls, l.hook("one"))
	acme, _ := created(t, c, "acme"), created(t, c, "globex")
	if _, err := c.Suspend(t.Context(), acme, ""); err != nil {
		t.Fatal(err)
	}
	l.fail = nil
	must(t, urls.OwnerURL, "UPDATE bailiwick.outbox SET due_at = now() - interval '1 hour' WHERE id > 1; UPDATE bailiwick.outbox SET due_at = now() + interval '1 hour' WHERE id = 1")
	if n, err := c.Deliver(t.Context()); n != 1 || err != nil {
		t.Errorf("told of %d events, %v", n, err)
	}
	due(t, urls)
	if n, err := c.Deliver(t.Context()); n != 2 || err != nil {
		t.Errorf("told of %d events, %v", n, err)
	}
	if diff := cmp.Diff([]string{"globex create", "acme create", "acme suspend"}, l.heard); diff != "" {
		t.Error(diff)
	}
}

// TestHookOfLateFailure: a process that fails after its lease is over, when another
// one has told the hook, has no say in it any more.
func TestHookOfLateFailure(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	begun, fail := make(chan struct{}), make(chan error)
	slow := hooked(t, urls, catalog.Hook{Name: "one", After: func(context.Context, catalog.Event) error {
		close(begun)
		return <-fail
	}})
	var l listener
	quick := hooked(t, urls, l.hook("one"))
	done := make(chan error, 1)
	go func() {
		_, err := slow.Create(t.Context(), catalog.CreateParams{Slug: "acme", Plan: "free"})
		done <- err
	}()
	<-begun
	due(t, urls) // the lease is over
	if n, err := quick.Deliver(t.Context()); n != 1 || err != nil {
		t.Errorf("told of %d events, %v", n, err)
	}
	fail <- errors.New("too late")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	got := query[string](t, urls, "SELECT format('delivered %s, error %s', done_at IS NOT NULL, coalesce(error, 'none')) FROM bailiwick.outbox")
	if diff := cmp.Diff([]string{"delivered t, error none"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestHooksOfOthers leaves word for the hooks of a worker that is not there.
func TestHooksOfOthers(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	var l listener
	worker := hooked(t, urls, l.hook("worker"))
	if _, err := worker.Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	tool := open(t, urls, full)
	created(t, tool, "acme")
	if n, err := tool.Deliver(t.Context()); n != 0 || err != nil {
		t.Errorf("a process without hooks has told of %d events, %v", n, err)
	}
	const workers = 3
	for _, err := range race(workers, func(int) error {
		_, err := worker.Deliver(t.Context())
		return err
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{"acme create"}, l.heard); diff != "" {
		t.Error(diff)
	}
	if err := tool.ForgetHook(t.Context(), "worker"); err != nil {
		t.Fatal(err)
	}
	created(t, tool, "globex")
	if waiting := query[int64](t, urls, "SELECT count(*) FROM bailiwick.outbox WHERE done_at IS NULL"); waiting[0] != 0 {
		t.Errorf("%d events are kept for a hook that is forgotten", waiting[0])
	}
	wantCode(t, tool.ForgetHook(t.Context(), "worker"), tenant.CodeNotFound, "worker")
}

// TestVeto stops each step by a hook that is asked.
func TestVeto(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	veto := errors.New("not yet")
	var asked []string
	stop := ""
	c := hooked(t, urls, catalog.Hook{Name: "guard", Before: func(_ context.Context, e catalog.Event) error {
		asked = append(asked, e.Action+" "+e.Was.State+" "+e.Tenant.State+" "+e.Actor)
		if e.Action == stop {
			return veto
		}
		return nil
	}})
	ctx := catalog.WithActor(t.Context(), "user:ann")
	stop = "create"
	_, err := c.Create(ctx, catalog.CreateParams{Slug: "acme", Plan: "free"})
	wantCode(t, err, tenant.CodeConflict, "create tenant acme: refused by hook guard: not yet")
	if refused, ok := errors.AsType[*catalog.RefusedError](err); !ok || refused.Hook != "guard" || !errors.Is(err, veto) || len(footprint(t, urls)) > 0 {
		t.Errorf("%v, left: %v", err, footprint(t, urls))
	}
	stop = ""
	tn, err := c.Create(ctx, catalog.CreateParams{Slug: "acme", Plan: "free"})
	if err != nil {
		t.Fatal(err)
	}
	acme := catalog.Ref{ID: tn.ID}
	if _, err := c.Offboard(ctx, acme, catalog.OffboardParams{}); err != nil {
		t.Fatal(err)
	}
	stop = "purge"
	_, err = c.Purge(ctx, acme, catalog.PurgeParams{})
	wantCode(t, err, tenant.CodeConflict, "refused by hook guard: not yet")
	if r, err := c.Find(ctx, acme); err != nil || r.State != catalog.StateOffboarding {
		t.Errorf("%+v, %v", r, err)
	}
	want := []string{"create  active user:ann", "create  active user:ann", "offboard active offboarding user:ann", "purge offboarding purged user:ann"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
	if slices.Contains(query[string](t, urls, "SELECT action FROM bailiwick.audit"), "purge") {
		t.Error("the audit has a purge that was stopped")
	}
}

// TestHookNotAsked keeps apart what a hook refuses and what it could not be asked.
func TestHookNotAsked(t *testing.T) {
	t.Parallel()
	var answer error
	c := hooked(t, tenanttest.Database(t), catalog.Hook{Name: "guard", Before: func(ctx context.Context, _ catalog.Event) error {
		return errors.Join(answer, ctx.Err())
	}})
	for _, code := range []tenant.Code{tenant.CodeTimeout, tenant.CodeUnavailable} {
		answer = &tenant.Error{Code: code, Err: errors.New("nobody is there")}
		_, err := c.Create(t.Context(), catalog.CreateParams{Slug: "acme", Plan: "free"})
		wantCode(t, err, code, "hook guard could not be asked: ")
		if _, refused := errors.AsType[*catalog.RefusedError](err); refused {
			t.Errorf("%s passes for a refusal", code)
		}
	}
	answer = &tenant.Error{Code: tenant.CodeSchema, Err: errors.New("a table of its own is missing")}
	_, err := c.Create(t.Context(), catalog.CreateParams{Slug: "acme", Plan: "free"})
	wantCode(t, err, tenant.CodeConflict, "refused by hook guard: ")
}

func TestHookNames(t *testing.T) {
	t.Parallel()
	for _, hooks := range [][]catalog.Hook{{{}}, {{Name: "a"}, {Name: "a"}}} {
		_, err := catalog.Open(t.Context(), catalog.Config{Hooks: hooks})
		wantCode(t, err, tenant.CodeInvalid, "each needs a name of its own")
	}
}
