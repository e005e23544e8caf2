package billing_test

import (
	"fmt"
	"testing"
	"time"
)

// TestCanceledUnpaid: who cancels instead of paying gets no period for it.
func TestCanceledUnpaid(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ago := func(days int) string { return unix(time.Now().AddDate(0, 0, -days)) }
	tell := func(status string, days int) {
		t.Helper()
		set := map[string]string{"EVENT": fmt.Sprint("evt_", days, status), "STATUS": status, "CREATED": ago(days)}
		if status == "canceled" {
			set["CANCELED"] = ago(days)
		}
		b.told(t, set)
	}
	tell("active", 40)
	tell("past_due", 20)
	b.wantTenant(t, "suspended", "team", "billing: the payment is overdue")
	tell("unpaid", 10)
	b.wantTenant(t, "suspended", "team", "billing: the payment is overdue")
	tell("canceled", 1)
	b.wantTenant(t, "suspended", "team", "billing: the payment is overdue")
	// Another subscription that is paid for brings it back.
	b.told(t, map[string]string{"EVENT": "evt_new", "SUBSCRIPTION": "sub_2"})
	b.wantTenant(t, "active", "team", "")
	// It ends, too, with a period that is paid, before that of the other.
	b.told(t, map[string]string{
		"EVENT": "evt_newer", "SUBSCRIPTION": "sub_2", "STATUS": "canceled", "CREATED": unix(time.Now().Add(time.Second)),
		"CANCELED": ago(0), "END": unix(time.Now().Add(24 * time.Hour)),
	})
	b.wantTenant(t, "active", "team", "")
}

// TestCanceledTrial: a trial that is over is not tried further by canceling it.
func TestCanceledTrial(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ago := func(days int) string { return unix(time.Now().AddDate(0, 0, -days)) }
	b.told(t, map[string]string{"EVENT": "evt_1", "STATUS": "trialing", "CREATED": ago(90), "TRIAL_END": ago(60)})
	b.told(t, map[string]string{"EVENT": "evt_2", "STATUS": "canceled", "CREATED": ago(1), "TRIAL_END": ago(60), "CANCELED": ago(1)})
	b.wantTenant(t, "suspended", "team", "billing: the trial has ended")
}

// TestWithoutPlan is of a project whose tenants need no plan: who subscribes to one is
// put on it, and who has none and does not pay is suspended like all others.
func TestWithoutPlan(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ago := func(days int) string { return unix(time.Now().AddDate(0, 0, -days)) }
	if _, err := b.pool.Exec(t.Context(), "ALTER TABLE public.tenants ALTER COLUMN plan DROP NOT NULL, ALTER COLUMN plan DROP DEFAULT"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.pool.Exec(t.Context(), "UPDATE public.tenants SET plan = NULL"); err != nil {
		t.Fatal(err)
	}
	b.told(t, map[string]string{
		"EVENT": "evt_1", "SUBSCRIPTION": "sub_of_globex", "TENANT": b.Tenants[1].ID.String(),
		"STATUS": "canceled", "CREATED": ago(1), "START": ago(31), "END": ago(1), "CANCELED": ago(1),
	})
	b.told(t, map[string]string{"EVENT": "evt_2"})
	b.wantTenant(t, "active", "team", "")
	b.acme.ID = b.Tenants[1].ID
	b.wantTenant(t, "suspended", "", "billing: the subscription has ended")
}

// TestCanceledInAnyOrder tells what was before and after a subscription's end in all
// orders. Only the last that was before counts, and since when it was so.
func TestCanceledInAnyOrder(t *testing.T) {
	t.Parallel()
	type told struct {
		status string
		days   int
	}
	for name, c := range map[string]struct {
		events []told
		reason string
	}{
		"never paid":         {[]told{{"past_due", 20}, {"unpaid", 10}, {"canceled", 1}}, "billing: the payment is overdue"},
		"paid at last":       {[]told{{"past_due", 30}, {"active", 20}, {"canceled", 1}}, ""},
		"due again":          {[]told{{"past_due", 40}, {"active", 30}, {"past_due", 20}, {"canceled", 1}}, "billing: the payment is overdue"},
		"due again, briefly": {[]told{{"past_due", 40}, {"active", 30}, {"past_due", 9}, {"canceled", 1}}, ""},
		"not yet canceled":   {[]told{{"past_due", 40}, {"active", 30}, {"past_due", 9}, {"unpaid", 8}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			n := 0
			permute(c.events, func(events []told) {
				n++
				for _, e := range events {
					set := map[string]string{
						"SUBSCRIPTION": fmt.Sprint("sub_", n), "EVENT": fmt.Sprint("evt_", n, "_", e.days),
						"STATUS": e.status, "CREATED": unix(time.Now().AddDate(0, 0, -e.days)),
					}
					if e.status == "canceled" {
						set["CANCELED"] = set["CREATED"]
					}
					b.told(t, set)
				}
				state := "active"
				if c.reason != "" {
					state = "suspended"
				}
				before := t.Failed()
				b.wantTenant(t, state, b.one(t, "SELECT plan FROM public.tenants WHERE id = $1", b.acme.ID.String()), c.reason)
				if t.Failed() && !before {
					t.Errorf("after %v", events)
				}
				b.one(t, "WITH gone AS (DELETE FROM public.subscriptions) SELECT 'x'")
			})
		})
	}
}

// permute calls fn with all in each order there is.
func permute[T any](all []T, fn func([]T)) {
	var next func(int)
	next = func(i int) {
		if i == len(all) {
			fn(all)
			return
		}
		for j := i; j < len(all); j++ {
			all[i], all[j] = all[j], all[i]
			next(i + 1)
			all[i], all[j] = all[j], all[i]
		}
	}
	next(0)
}
