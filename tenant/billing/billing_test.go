package billing_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/billing"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

const secret = "whsec_test"

// bench is a service's database with a webhook in front of it.
type bench struct {
	*tenanttest.DB

	pool    *pgxpool.Pool
	billing *billing.Billing
	webhook *billing.Webhook
	acme    catalog.Ref
}

func newBench(t *testing.T) *bench {
	t.Helper()
	db := tenanttest.New(t, tenanttest.Options{
		Schema: catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, Seed: schema.Seed}, Plan: "free",
	})
	pool, err := pgxpool.New(t.Context(), db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return &bench{
		DB:      db,
		pool:    pool,
		billing: billing.New(billing.Config{Pool: pool, Catalog: db.Catalog, Logger: slog.New(slog.DiscardHandler)}),
		webhook: &billing.Webhook{DB: db.DB, Secrets: []string{secret}},
		acme:    catalog.Ref{ID: db.Tenants[0].ID},
	}
}

// event is a payload as the provider sends it, with what the test says in place.
func (b *bench) event(t *testing.T, file string, set map[string]string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	values := map[string]string{
		"EVENT": "evt_1", "TENANT": b.acme.ID.String(), "STATUS": "active", "PLAN": "team", "SUBSCRIPTION": "sub_1",
		"CREATED": unix(now), "START": unix(now.Add(-24 * time.Hour)), "END": unix(now.Add(29 * 24 * time.Hour)),
		"CANCELED": "null", "TRIAL_END": "null",
	}
	maps.Copy(values, set)
	// Longer names first: one is a part of another.
	for _, name := range slices.SortedFunc(maps.Keys(values), func(a, b string) int { return len(b) - len(a) }) {
		text = []byte(strings.ReplaceAll(string(text), "$"+name, values[name]))
	}
	return string(text)
}

func unix(at time.Time) string { return fmt.Sprint(at.Unix()) }

// send sends a body with a valid signature.
func (b *bench) send(t *testing.T, body string) int {
	t.Helper()
	return b.post(t, body, billing.Sign(secret, time.Now(), []byte(body)))
}

func (b *bench) post(t *testing.T, body, signature string) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/billing", strings.NewReader(body))
	r.Header.Set(billing.SignatureHeader, signature)
	w := httptest.NewRecorder()
	b.webhook.ServeHTTP(w, r)
	return w.Code
}

// told sends an event and has it carried out.
func (b *bench) told(t *testing.T, set map[string]string) {
	t.Helper()
	if status := b.send(t, b.event(t, "subscription.json", set)); status != http.StatusNoContent {
		t.Fatalf("the webhook answers %d", status)
	}
	if _, err := b.billing.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) wantTenant(t *testing.T, state, plan, reason string) {
	t.Helper()
	r, err := b.Catalog.Find(t.Context(), b.acme)
	if err != nil {
		t.Fatal(err)
	}
	if r.State != state || r.Plan != plan || r.Reason != reason {
		t.Errorf("the tenant is %s on %s for %q; want %s on %s for %q", r.State, r.Plan, r.Reason, state, plan, reason)
	}
}

// one reads a single text as the owner.
func (b *bench) one(t *testing.T, sql string, args ...any) (text string) {
	t.Helper()
	if err := b.pool.QueryRow(t.Context(), sql, args...).Scan(&text); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

// TestSubscription is a subscription's life from the trial to its end.
func TestSubscription(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ago := func(d time.Duration) string { return unix(time.Now().Add(-d)) }
	const day = 24 * time.Hour
	b.told(t, map[string]string{"EVENT": "evt_1", "STATUS": "trialing", "CREATED": ago(90 * day), "TRIAL_END": ago(60 * day)})
	b.wantTenant(t, "suspended", "team", "billing: the trial has ended")
	b.told(t, map[string]string{"EVENT": "evt_2", "STATUS": "active", "CREATED": ago(50 * day), "PLAN": "business"})
	b.wantTenant(t, "active", "business", "")
	b.told(t, map[string]string{"EVENT": "evt_3", "STATUS": "past_due", "CREATED": ago(10 * day), "PLAN": "business"})
	b.wantTenant(t, "active", "business", "") // Within the grace.
	b.told(t, map[string]string{"EVENT": "evt_4", "STATUS": "active", "CREATED": ago(9 * day), "PLAN": "business"})
	b.told(t, map[string]string{"EVENT": "evt_5", "STATUS": "canceled", "CREATED": ago(2 * day), "PLAN": "business", "CANCELED": ago(2 * day)})
	b.wantTenant(t, "active", "business", "") // Paid until the end of the period.
	b.told(t, map[string]string{
		"EVENT": "evt_6", "SUBSCRIPTION": "sub_2", "STATUS": "canceled", "CREATED": ago(day), "START": ago(31 * day), "END": ago(day), "CANCELED": ago(day),
	})
	if got := b.one(t, "SELECT string_agg(external_id || ' ' || state, ', ' ORDER BY external_id) FROM public.subscriptions"); got != "sub_1 canceled, sub_2 canceled" {
		t.Error(got)
	}
	if got := b.one(t, "SELECT string_agg(action, ' ' ORDER BY id) FROM bailiwick.audit WHERE actor = 'billing'"); got != "set-plan suspend set-plan resume" {
		t.Errorf("the audit has %q", got)
	}
}

// TestOverdue suspends a tenant when its grace is over, and a canceled one when
// what it has paid for is.
func TestOverdue(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	ago := func(d time.Duration) string { return unix(time.Now().Add(-d)) }
	for want, set := range map[string]map[string]string{
		"billing: the payment is overdue":     {"STATUS": "past_due", "CREATED": ago(15 * day)},
		"billing: the subscription has ended": {"STATUS": "canceled", "CREATED": ago(time.Hour), "START": ago(31 * day), "END": ago(day), "CANCELED": ago(day)},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.told(t, set)
			plan := "team"
			if set["STATUS"] == "canceled" {
				plan = "free" // A subscription that has ended changes no plan.
			}
			b.wantTenant(t, "suspended", plan, want)
		})
	}
}

// TestSuspendedBySomebody is not resumed because the bill is paid.
func TestSuspendedBySomebody(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.Catalog.Suspend(t.Context(), b.acme, "abuse"); err != nil {
		t.Fatal(err)
	}
	b.told(t, nil)
	b.wantTenant(t, "suspended", "team", "abuse")
}

// TestSuspendedBySomebodyToo is of a tenant that is suspended for money already:
// that it has paid then does not bring it back, nor does money take the reason away.
func TestSuspendedBySomebodyToo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ago := func(d time.Duration) string { return unix(time.Now().Add(-d)) }
	const day = 24 * time.Hour
	b.told(t, map[string]string{"EVENT": "evt_1", "STATUS": "trialing", "CREATED": ago(90 * day), "TRIAL_END": ago(60 * day)})
	b.wantTenant(t, "suspended", "team", "billing: the trial has ended")
	if _, err := b.Catalog.Suspend(t.Context(), b.acme, "abuse"); err != nil {
		t.Fatal(err)
	}
	for i, status := range []string{"past_due", "active"} {
		b.told(t, map[string]string{"EVENT": "evt_then_" + status, "STATUS": status, "CREATED": ago(time.Duration(50-i) * day)})
		b.wantTenant(t, "suspended", "team", "abuse")
	}
	if _, err := b.Catalog.Resume(t.Context(), b.acme); err != nil {
		t.Fatal(err)
	}
	b.wantTenant(t, "active", "team", "")
}

// TestNothingIsKeptForEver deletes events once a purged tenant's, applied or not, and
// all of them after a while.
func TestNothingIsKeptForEver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	made, err := b.Catalog.Create(t.Context(), catalog.CreateParams{Slug: "initech", Plan: "free"}) // Its role is in no template.
	if err != nil {
		t.Fatal(err)
	}
	b.acme = catalog.Ref{ID: made.ID}
	b.told(t, map[string]string{"EVENT": "evt_mine"})
	b.told(t, map[string]string{"EVENT": "evt_mine_too", "PLAN": "none", "TENANT": strings.ToUpper(b.acme.ID.String())})
	for _, id := range []string{"evt_theirs", "evt_theirs_old", "evt_theirs_failed", "evt_theirs_failed_old"} {
		set := map[string]string{"EVENT": id, "TENANT": b.Tenants[1].ID.String(), "SUBSCRIPTION": "sub_2"}
		if strings.Contains(id, "failed") {
			set["PLAN"] = "none"
		}
		b.told(t, set)
	}
	b.one(t, "UPDATE bailiwick.inbox SET done_at = now() - interval '31 days' WHERE id = 'evt_theirs_old' RETURNING id")
	b.one(t, "UPDATE bailiwick.inbox SET received_at = now() - interval '91 days' WHERE id = 'evt_theirs_failed_old' RETURNING id")
	if _, err := b.Catalog.Offboard(t.Context(), b.acme, catalog.OffboardParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Catalog.Purge(t.Context(), b.acme, catalog.PurgeParams{}); err != nil {
		t.Fatal(err)
	}
	for _, job := range b.billing.Jobs() {
		if _, err := job.Run(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if got := b.one(t, "SELECT string_agg(id, ' ' ORDER BY id) FROM bailiwick.inbox"); got != "evt_theirs evt_theirs_failed" {
		t.Errorf("kept: %s", got)
	}
}

// TestOrder sends events late, twice, and at the same time.
func TestOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	at := func(hours int) string { return unix(time.Now().Add(time.Duration(hours) * time.Hour)) }
	b.told(t, map[string]string{"EVENT": "evt_2", "CREATED": at(-1), "PLAN": "business"})
	b.told(t, map[string]string{"EVENT": "evt_1", "CREATED": at(-2), "PLAN": "team"}) // Late.
	b.wantTenant(t, "active", "business", "")
	b.told(t, map[string]string{"EVENT": "evt_2", "CREATED": at(-1), "PLAN": "free"}) // The id is what counts.
	b.wantTenant(t, "active", "business", "")

	body := b.event(t, "subscription.json", map[string]string{"EVENT": "evt_3", "PLAN": "team"})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if status := b.send(t, body); status != http.StatusNoContent {
				t.Errorf("the webhook answers %d", status)
			}
			if _, err := b.billing.Work(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	b.wantTenant(t, "active", "team", "")
	if got := b.one(t, "SELECT string_agg(id || ' ' || attempts, ', ' ORDER BY id) FROM bailiwick.inbox WHERE done_at IS NOT NULL"); got != "evt_1 1, evt_2 1, evt_3 1" {
		t.Errorf("applied: %s", got)
	}
}

// TestAdopted gives the provider's id to the trial that a tenant began with. An
// event of one that has ended, and was never known, ends no other.
func TestAdopted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.one(t, `INSERT INTO public.subscriptions (tenant_id, plan, current_period_start, current_period_end)
		VALUES ($1, 'free', now() - interval '1 day', now() + interval '13 days') RETURNING state::text`, b.acme.ID.String())
	b.told(t, map[string]string{"EVENT": "evt_1", "SUBSCRIPTION": "sub_old", "STATUS": "canceled", "CANCELED": unix(time.Now().Add(-time.Hour))})
	b.wantTenant(t, "active", "free", "")
	b.told(t, map[string]string{"EVENT": "evt_2"})
	const all = "SELECT string_agg(external_id || ' ' || state, ', ' ORDER BY external_id) FROM public.subscriptions"
	if got := b.one(t, all); got != "sub_1 active, sub_old canceled" {
		t.Error(got)
	}
	b.wantTenant(t, "active", "team", "")
	b.told(t, map[string]string{"EVENT": "evt_3", "PLAN": "business", "TENANT": b.Tenants[1].ID.String()})
	if got := b.one(t, "SELECT error FROM bailiwick.inbox WHERE id = 'evt_3'"); !strings.Contains(got, "subscription sub_1 is tenant "+b.acme.ID.String()+"'s") {
		t.Error(got)
	}
	if got := b.one(t, "SELECT string_agg(plan, ' ' ORDER BY slug) FROM public.tenants"); got != "team free" {
		t.Errorf("the plans are %s", got)
	}
}

// TestShapes reads the older form of the payload, and leaves alone what says
// nothing of a subscription.
func TestShapes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if status := b.send(t, b.event(t, "invoice.json", nil)); status != http.StatusNoContent {
		t.Errorf("an invoice: %d", status)
	}
	if got := b.one(t, "SELECT count(*)::text FROM bailiwick.inbox"); got != "0" {
		t.Errorf("%s events are kept that nobody reads", got)
	}
	if status := b.send(t, b.event(t, "subscription_old.json", map[string]string{"PLAN": "business"})); status != http.StatusNoContent {
		t.Errorf("the older form: %d", status)
	}
	if _, err := b.billing.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.wantTenant(t, "active", "business", "")
	if got := b.one(t, "SELECT seats || ' ' || state FROM public.subscriptions"); got != "12 active" {
		t.Error(got)
	}
	b.told(t, map[string]string{"EVENT": "evt_9", "STATUS": "incomplete", "SUBSCRIPTION": "sub_9"})
	if got := b.one(t, "SELECT count(*)::text FROM public.subscriptions"); got != "1" {
		t.Errorf("%s subscriptions, of which one was never paid", got)
	}
}

// TestCannotApply keeps what can't be applied, says why, and applies the rest.
func TestCannotApply(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for id, set := range map[string]map[string]string{
		"evt_nobody": {"TENANT": tenant.NewID().String()},
		"evt_blank":  {"TENANT": ""},
		"evt_plan":   {"PLAN": "platinum"},
		"evt_period": {"END": "0"},
		"evt_good":   {},
	} {
		set["EVENT"] = id
		b.told(t, set)
	}
	const errs = `SELECT string_agg(id || ': ' || error, E'\n' ORDER BY id) FROM bailiwick.inbox WHERE done_at IS NULL AND due_at > now()`
	got := b.one(t, errs)
	for _, want := range []string{"evt_nobody: there is no tenant", "evt_blank: metadata.tenant", `evt_plan: there is no plan "platinum"`, "evt_period: the subscription has no current period"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	b.wantTenant(t, "active", "team", "")
	b.told(t, map[string]string{"EVENT": "evt_second", "SUBSCRIPTION": "sub_2"})
	if got := b.one(t, errs+" AND id = 'evt_second'"); !strings.Contains(got, "has another subscription that has not ended") {
		t.Error(got)
	}
	// Once the first has ended, the second is taken when it is tried again.
	b.told(t, map[string]string{"EVENT": "evt_end", "STATUS": "canceled", "CANCELED": unix(time.Now())})
	b.one(t, "UPDATE bailiwick.inbox SET due_at = now() WHERE id = 'evt_second' RETURNING id")
	if _, err := b.billing.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.one(t, "SELECT external_id FROM public.subscriptions WHERE state <> 'canceled'"); got != "sub_2" {
		t.Error(got)
	}
}

// TestWebhookRefuses takes in nothing that was not signed for it.
func TestWebhookRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.webhook.Wake = func() { t.Error("a worker was woken for nothing") }
	good := b.event(t, "subscription.json", nil)
	sign := func(body string) string { return billing.Sign(secret, time.Now(), []byte(body)) }
	for name, c := range map[string]struct {
		body, signature string
		want            int
	}{
		"another body":  {good + " ", sign(good), http.StatusBadRequest},
		"no signature":  {good, "", http.StatusBadRequest},
		"two":           {good, sign(good) + "," + sign(good), http.StatusBadRequest},
		"an old one":    {good, billing.Sign(secret, time.Now().Add(-time.Hour), []byte(good)), http.StatusBadRequest},
		"not JSON":      {"{", sign("{"), http.StatusUnprocessableEntity},
		"without an id": {`{"type":"customer.subscription.updated"}`, sign(`{"type":"customer.subscription.updated"}`), http.StatusUnprocessableEntity},
		"too large":     {strings.Repeat(" ", 300<<10), sign("x"), http.StatusRequestEntityTooLarge},
	} {
		if got := b.post(t, c.body, c.signature); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/webhooks/billing", nil)
	w := httptest.NewRecorder()
	b.webhook.ServeHTTP(w, r)
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != http.MethodPost {
		t.Errorf("GET: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
	if got := b.one(t, "SELECT count(*)::text FROM bailiwick.inbox"); got != "0" {
		t.Errorf("%s events were kept", got)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	count := func(context.Context, *tenant.Querier) (int64, error) { return 1, nil }
	limits := billing.Limits(b.DB.DB, map[string]billing.Count{"max_providers": count, "max_ships": count})
	ctx := tenant.NewContext(t.Context(), b.Tenants[0])
	l, err := limits["max_providers"](ctx)
	if err != nil || l == nil || l.Plan != "free" || l.Name != "max_providers" || l.Max != 1 {
		t.Errorf("on free: %+v, %v", l, err)
	}
	if _, err := b.Catalog.SetPlan(t.Context(), b.acme, "enterprise"); err != nil {
		t.Fatal(err)
	}
	if l, err := limits["max_providers"](ctx); l != nil || err != nil {
		t.Errorf("on a plan without limit: %+v, %v", l, err)
	}
	if _, err := limits["max_ships"](ctx); err == nil || !strings.Contains(err.Error(), "public.plans has no column max_ships") {
		t.Errorf("a limit that no plan has: %v", err)
	}
	if _, err := limits["max_providers"](t.Context()); err == nil {
		t.Error("a limit of no tenant holds nobody")
	}
}
