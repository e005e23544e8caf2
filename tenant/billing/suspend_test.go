package billing_test

import (
	"fmt"
	"testing"
	"time"
)

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

// TestSuspensionTakenOver: what an operator has suspended stays so, whatever the reason
// says, if it says anything, and also where billing was first. The audit says so.
func TestSuspensionTakenOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ago := func(days int) string { return unix(time.Now().AddDate(0, 0, -days)) }
	held := func(want string) {
		t.Helper()
		if r, err := b.Catalog.Find(t.Context(), b.acme); err != nil || r.SuspendedBy != want {
			t.Errorf("held by %q instead of %q, %v", r.SuspendedBy, want, err)
		}
		if got := b.one(t, "SELECT coalesce(after ->> 'suspended_by', '') FROM bailiwick.audit ORDER BY id DESC LIMIT 1"); got != want {
			t.Errorf("by the audit it is held by %q instead of %q", got, want)
		}
	}
	for i, reason := range []string{"", "billing: chargeback fraud"} {
		tell := func(status string, days int) {
			t.Helper()
			b.told(t, map[string]string{"EVENT": fmt.Sprint("evt_", i, status), "STATUS": status, "CREATED": ago(days - i)})
		}
		tell("past_due", 40)
		b.wantTenant(t, "suspended", "team", "billing: the payment is overdue")
		held("billing")
		if _, err := b.Catalog.Suspend(t.Context(), b.acme, reason); err != nil {
			t.Fatal(err)
		}
		tell("active", 30)
		b.wantTenant(t, "suspended", "team", reason)
		held("operator")
		if _, err := b.Catalog.Resume(t.Context(), b.acme); err != nil {
			t.Fatal(err)
		}
		held("")
		b.one(t, "WITH gone AS (DELETE FROM public.subscriptions) DELETE FROM bailiwick.subscription_states RETURNING state")
	}
}
