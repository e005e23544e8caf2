package plan_test

import (
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// TestClone makes the reference service's schemas from nothing but their objects.
func TestClone(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{Schema: reference})
	conn := connect(t, db.OwnerURL)
	public, err := fingerprint.Objects(t.Context(), conn, "public")
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := fingerprint.Objects(t.Context(), conn, db.Tenants[0].Schema())
	if err != nil {
		t.Fatal(err)
	}
	refused, got, err := plan.Clone(t.Context(), input(t, db, reference), public, tenant)
	for _, r := range refused {
		t.Error(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	for scope, want := range map[plan.Scope][]fingerprint.Object{plan.Public: public, plan.Tenant: tenant} {
		for _, d := range fingerprint.Diff(want, got[scope]) {
			t.Errorf("%s: %s", scope, d.Explain())
		}
	}
}
