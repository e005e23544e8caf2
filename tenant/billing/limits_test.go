package billing_test

import (
	"context"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/billing"
)

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

// What plans can't limit is found before anybody asks for it.
func TestCheckLimits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	check := func(names ...string) error {
		counts := map[string]billing.Count{}
		for _, name := range names {
			counts[name] = func(context.Context, *tenant.Querier) (int64, error) { return 1, nil }
		}
		return billing.CheckLimits(t.Context(), b.DB.DB, counts)
	}
	for _, names := range [][]string{{}, {"max_providers"}} {
		if err := check(names...); err != nil {
			t.Errorf("%v: %v", names, err)
		}
	}
	for want, names := range map[string][]string{
		"no column of integers max_ships, which":       {"max_providers", "max_ships"},
		"no column of integers max_ships, name, which": {"name", "max_ships"}, // A text limits nothing.
		"no column of integers tableoid, which":        {"tableoid"},
	} {
		if err := check(names...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", names, err)
		}
	}
	for _, change := range []string{"ALTER TABLE public.plans DROP COLUMN max_providers", "DROP TABLE public.plans CASCADE"} {
		if _, err := b.pool.Exec(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		if err := check("max_providers"); err == nil {
			t.Errorf("after %s: no error", change)
		}
	}
}
