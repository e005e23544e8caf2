package billing_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

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

// TestSameSecond tells two states of one second in both orders: the last to arrive
// counts, but nothing undoes an end.
func TestSameSecond(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	at := time.Now().Add(-time.Hour)
	for i, c := range []struct{ statuses, want string }{
		{"active past_due", "past_due"}, {"past_due active", "active"}, {"active canceled", "canceled"}, {"canceled active", "canceled"},
	} {
		for status := range strings.FieldsSeq(c.statuses) {
			set := map[string]string{
				"SUBSCRIPTION": fmt.Sprint("sub_", i), "EVENT": fmt.Sprint("evt_", i, status), "STATUS": status, "CREATED": unix(at),
			}
			if status == "canceled" {
				set["CANCELED"] = unix(at)
			}
			b.told(t, set)
		}
		if got := b.one(t, "SELECT state::text FROM public.subscriptions WHERE external_id = $1", fmt.Sprint("sub_", i)); got != c.want {
			t.Errorf("%s: it is %s", c.statuses, got)
		}
		b.one(t, "WITH gone AS (DELETE FROM public.subscriptions) SELECT 'x'")
	}
}
