package plan_test

import (
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// input desires a schema for a test's database.
func input(t *testing.T, db *tenanttest.DB, want catalog.Schema) plan.Input {
	t.Helper()
	tenants, err := db.Catalog.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return plan.Input{
		URL: db.OwnerURL, RuntimeRole: devpg.RuntimeRole, Tenants: tenants,
		Public: []lint.File{{Name: "schema/public.sql", Text: want.Public}},
		Tenant: []lint.File{{Name: "schema/tenant.sql", Text: want.Tenant}},
	}
}
