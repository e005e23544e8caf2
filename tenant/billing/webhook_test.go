package billing_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/billing"
)

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
	const errs = `SELECT string_agg(id || ': ' || error, E'\n' ORDER BY id) FROM bailiwick.inbox WHERE done_at IS NULL AND due_at > received_at`
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
	// Once the first has ended, the second is taken, though it would be tried later.
	b.one(t, "UPDATE bailiwick.inbox SET due_at = now() + interval '1 hour' WHERE id = 'evt_second' RETURNING id")
	b.told(t, map[string]string{"EVENT": "evt_end", "STATUS": "canceled", "CANCELED": unix(time.Now())})
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
