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
