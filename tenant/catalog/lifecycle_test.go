package catalog_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

func created(t *testing.T, c *catalog.Catalog, slug string) catalog.Ref {
	t.Helper()
	tn, err := c.Create(t.Context(), catalog.CreateParams{Slug: slug, Plan: "free"})
	if err != nil {
		t.Fatal(err)
	}
	return catalog.Ref{ID: tn.ID}
}

// TestLife takes a tenant through all its states, and looks at what is noted.
func TestLife(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	acme := created(t, c, "acme")
	ctx := catalog.WithRun(catalog.WithActor(t.Context(), "user:ann"), "run-1")
	steps := []struct {
		action, state string
		take          func() (catalog.Record, error)
	}{
		{"rename", "active", func() (catalog.Record, error) { return c.Rename(ctx, acme, "apex") }},
		{"set-name", "active", func() (catalog.Record, error) { return c.SetName(ctx, acme, "Apex") }},
		{"set-plan", "active", func() (catalog.Record, error) { return c.SetPlan(ctx, acme, "team") }},
		{"suspend", "suspended", func() (catalog.Record, error) { return c.Suspend(ctx, acme, "past due") }},
		{"resume", "active", func() (catalog.Record, error) { return c.Resume(ctx, acme) }},
		{"offboard", "offboarding", func() (catalog.Record, error) {
			return c.Offboard(ctx, acme, catalog.OffboardParams{Grace: time.Hour, Reason: "left"})
		}},
		{"restore", "active", func() (catalog.Record, error) { return c.Restore(ctx, acme) }},
		{"offboard", "offboarding", func() (catalog.Record, error) { return c.Offboard(ctx, acme, catalog.OffboardParams{}) }},
		{"purge", "purged", func() (catalog.Record, error) { return c.Purge(ctx, acme, catalog.PurgeParams{}) }},
	}
	for i, s := range steps {
		r, err := s.take()
		if err != nil {
			t.Fatalf("%s: %v", s.action, err)
		}
		if r.State != s.state || r.Revision != int64(i)+2 {
			t.Errorf("%s: %s at revision %d, want %s at %d", s.action, r.State, r.Revision, s.state, i+2)
		}
		found, err := c.Find(t.Context(), acme)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, found); diff != "" {
			t.Errorf("%s returns another record than is stored:\n%s", s.action, diff)
		}
		again, err := s.take()
		if diff := cmp.Diff(r, again); err != nil || diff != "" {
			t.Errorf("%s a second time: %v\n%s", s.action, err, diff)
		}
	}
	if left := footprint(t, urls); !cmp.Equal(left, []string{"row " + tenant.PurgedSlug(acme.ID)}) {
		t.Errorf("left behind: %v", left)
	}
	entries, err := c.Audit(t.Context(), catalog.AuditFilter{Tenant: acme})
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(steps)+1 || entries[len(steps)].Action != "create" {
		t.Fatalf("%d entries in the audit, want one for each of %d steps and the creation", len(entries), len(steps))
	}
	for i, s := range steps {
		if e := entries[len(steps)-1-i]; e.Action != s.action || e.Actor != "user:ann" || e.Run != "run-1" || e.Before == nil || e.After == nil {
			t.Errorf("entry of %s: %+v", s.action, e)
		}
	}
}
