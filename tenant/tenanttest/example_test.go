package tenanttest_test

import (
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// Each test has a database of its own, and a second tenant to be kept apart from.
func ExampleNew() { //nolint:testableexamples // It needs a *testing.T, which examples don't have.
	_ = func(t *testing.T) { // func TestItems(t *testing.T)
		t.Parallel()
		db := tenanttest.New(t, tenanttest.Options{Schema: catalog.Schema{
			Tenant: "CREATE TABLE items (name text NOT NULL)",
		}})
		acme, globex := db.Bind(t, 0), db.Bind(t, 1)
		if _, err := acme.Exec(t.Context(), "INSERT INTO items VALUES ('a')"); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := globex.QueryRow(t.Context(), "SELECT count(*) FROM items").Scan(&n); err != nil || n != 0 {
			t.Errorf("globex has %d items: %v", n, err)
		}
	}
}

// Rows that many tests need are part of the template, and cost nothing per test.
func ExampleOptions() { //nolint:testableexamples // Likewise.
	_ = func(t *testing.T) {
		db := tenanttest.New(t, tenanttest.Options{
			Schema:    catalog.Schema{Tenant: "CREATE TABLE items (n int NOT NULL)"},
			Tenants:   3,
			TenantSQL: "INSERT INTO items SELECT generate_series(1, 10000)",
		})
		t.Log(db.Tenants[2].Slug) // tenant-3
	}
}
