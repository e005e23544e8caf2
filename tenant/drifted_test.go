package tenant_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// TestDriftedNeighbour: somebody changed a column of one tenant by hand, which its
// version does not tell. Arrays of a tenant's own types are read for it and for its
// neighbours, whose statements are described by what was learned from it.
func TestDriftedNeighbour(t *testing.T) {
	t.Parallel()
	for _, unnamed := range []bool{false, true} {
		db := tenanttest.New(t, tenanttest.Options{
			Schema: catalog.Schema{Public: tenanttest.PublicSchema, Tenant: `
				CREATE TYPE mood AS ENUM ('good', 'bad');
				CREATE TABLE days (name text NOT NULL, moods mood[] NOT NULL);`},
			TenantSQL: "INSERT INTO days VALUES ('Monday', '{bad,good}')",
			Config:    tenant.Config{Unnamed: unnamed, MaxConns: 1},
		})
		read := func(i int) {
			t.Helper()
			var name string
			var moods []mood
			err := db.Bind(t, i).QueryRow(t.Context(), "SELECT name, moods FROM days").Scan(&name, &moods)
			if err != nil || name != "Monday" || !slices.Equal(moods, []mood{"bad", "good"}) {
				t.Errorf("unnamed %t, tenant %d: %q %v, %v", unnamed, i, name, moods, err)
			}
		}
		conn, err := pgx.Connect(t.Context(), db.OwnerURL)
		if err != nil {
			t.Fatal(err)
		}
		for _, drift := range []string{"varchar", "text"} {
			for range 2 {
				read(0)
				read(1)
			}
			if _, err := conn.Exec(t.Context(), "ALTER TABLE "+db.Tenants[1].Schema()+".days ALTER COLUMN name TYPE "+drift); err != nil {
				t.Fatal(err)
			}
			for _, i := range []int{1, 0, 1, 0} {
				read(i)
			}
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
