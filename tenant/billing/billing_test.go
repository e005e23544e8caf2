package billing_test

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/schema"
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
