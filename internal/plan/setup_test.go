package plan_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

var reference = catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, Seed: schema.Seed}

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

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// states reads what the test's database really is.
func states(t *testing.T, db *tenanttest.DB) map[string]fingerprint.State {
	t.Helper()
	schemas := []string{"public"}
	for _, tenant := range db.Tenants {
		schemas = append(schemas, tenant.Schema())
	}
	got, err := fingerprint.States(t.Context(), connect(t, db.OwnerURL), schemas)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
