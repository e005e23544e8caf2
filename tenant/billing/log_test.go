package billing_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/billing"
)

// TestWrongSecret warns of a secret that is not the provider's, and not each time.
func TestWrongSecret(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var log bytes.Buffer
	b := &bench{webhook: &billing.Webhook{
		Secrets: []string{secret}, Logger: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now },
	}}
	const body = "{}"
	send := func(signature string) {
		t.Helper()
		if got := b.post(t, body, signature); got != http.StatusBadRequest {
			t.Errorf("got %d", got)
		}
	}
	wrong := billing.Sign("whsec_of_another_endpoint", now, []byte(body))
	send("")
	if got := log.String(); strings.Contains(got, "WARN") {
		t.Errorf("what nobody has signed is a warning: %s", got)
	}
	for range 3 {
		send(wrong)
	}
	got := log.String()
	if n := strings.Count(got, "WARN"); n != 1 || !strings.Contains(got, "signed by none of BILLING_SECRETS") {
		t.Errorf("%d warnings in %s", n, got)
	}
	if strings.Contains(got, secret) || strings.Contains(got, wrong) {
		t.Errorf("the log holds secrets: %s", got)
	}
	now = now.Add(time.Hour)
	send(billing.Sign(secret, now.Add(-time.Hour), []byte(body)))
	if got := log.String(); strings.Count(got, "WARN") != 2 || !strings.Contains(got, "the clock of this machine") {
		t.Error(got)
	}
}

// TestExtended: an operator's word holds until the next look at the subscription, and
// the provider's from then on.
func TestExtended(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ago := func(days int) string { return unix(time.Now().AddDate(0, 0, -days)) }
	b.told(t, map[string]string{"EVENT": "evt_1", "STATUS": "trialing", "CREATED": ago(90), "TRIAL_END": ago(60)})
	if _, err := b.Catalog.Resume(t.Context(), b.acme); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Catalog.SetPlan(t.Context(), b.acme, "business"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.billing.Enforce(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.wantTenant(t, "suspended", "team", "billing: the trial has ended")
	b.told(t, map[string]string{"EVENT": "evt_2", "STATUS": "trialing", "CREATED": ago(1), "TRIAL_END": ago(-7)})
	b.wantTenant(t, "active", "team", "")
}

// TestNotBegun changes nothing for a subscription whose first payment is not made,
// and says so.
func TestNotBegun(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var log bytes.Buffer
	b.billing = billing.New(billing.Config{Pool: b.pool, Catalog: b.Catalog, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, status := range []string{"incomplete", "incomplete_expired"} {
		b.told(t, map[string]string{"EVENT": "evt_" + status, "STATUS": status})
		if !strings.Contains(log.String(), "status="+status+"\n") {
			t.Errorf("%s is not in the log: %s", status, &log)
		}
	}
	b.wantTenant(t, "active", "free", "")
}
