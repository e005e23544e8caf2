package billing_test

import (
	"context"
	"testing"
	"time"
)

// meanwhile does work that has to wait for the tenant's row, which somebody has who
// then runs a statement and is done.
func (b *bench) meanwhile(t *testing.T, sql string, work func(context.Context) (int, error)) {
	t.Helper()
	tx, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	// A foreign key to the row does not wait for this.
	if _, err := tx.Exec(t.Context(), "SELECT FROM public.tenants WHERE id = $1 FOR NO KEY UPDATE", b.acme.ID.String()); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := work(t.Context())
		done <- err
	}()
	for waits := false; !waits; {
		select {
		case err := <-done:
			t.Fatalf("the tenant is not waited for: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
		err := b.pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity
			WHERE datname = pg_catalog.current_database() AND wait_event_type = 'Lock')`).Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tx.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestOneAfterTheOther applies an event when nobody changes the tenant, nor applies
// another one of it.
func TestOneAfterTheOther(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.send(t, b.event(t, "subscription.json", nil))
	b.meanwhile(t, "SELECT", b.billing.Apply)
	if got := b.one(t, "SELECT state::text FROM public.subscriptions"); got != "active" {
		t.Error(got)
	}
}

// TestTakenOverMeanwhile resumes nobody whose suspension an operator takes over
// between the look at it and the step.
func TestTakenOverMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ago := func(days int) string { return unix(time.Now().AddDate(0, 0, -days)) }
	b.told(t, map[string]string{"STATUS": "past_due", "CREATED": ago(40)})
	b.send(t, b.event(t, "subscription.json", map[string]string{"EVENT": "evt_2"}))
	if _, err := b.billing.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	const takeOver = "UPDATE bailiwick.tenants SET revision = revision + 1, suspended_by = 'operator', reason = 'fraud'"
	b.meanwhile(t, takeOver, b.billing.Enforce)
	b.wantTenant(t, "suspended", "team", "fraud")
	if _, err := b.billing.Enforce(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.wantTenant(t, "suspended", "team", "fraud")
}

// TestSuspendedMeanwhile leaves a suspension to the operator who was faster.
func TestSuspendedMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.send(t, b.event(t, "subscription.json", map[string]string{"STATUS": "past_due", "CREATED": unix(time.Now().AddDate(0, 0, -40))}))
	if _, err := b.billing.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.one(t, "UPDATE public.tenants SET plan = 'team' WHERE id = $1 RETURNING plan", b.acme.ID.String())
	b.meanwhile(t, "UPDATE public.tenants SET state = 'suspended' WHERE slug = 'acme'", b.billing.Enforce)
	b.wantTenant(t, "suspended", "team", "")
	if r, err := b.Catalog.Find(t.Context(), b.acme); err != nil || r.SuspendedBy != "operator" {
		t.Errorf("held by %q, %v", r.SuspendedBy, err)
	}
}
