package gate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/gen/publicdb"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/internal/gate"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// TestReferenceService plans for a fleet whose server is the reference service:
// its queries work on the clones, and what they need is not taken away.
func TestReferenceService(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{Schema: catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, Seed: schema.Seed}})
	tenants, err := db.Catalog.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	releases := []gate.Release{{ID: "ref", Name: "server", Version: "1", Expires: time.Now(), Statements: tenant.Statements{
		Tenant: tenantdb.Statements, Public: publicdb.Statements,
	}}}
	q, err := db.DB.Bind(db.Tenants[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	rows, err := q.Query(t.Context(), "SELECT p.uid FROM providers AS p WHERE p.alias ILIKE $1 OR p.created_at > $2", "%", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	rows.Close()
	built := []gate.Release{{ID: "built", Name: "server", Version: "2", Expires: time.Now(), Statements: db.DB.Learned()}}
	for name, c := range map[string]struct {
		public, tenant string
		refused        []string
		of             []gate.Release
	}{
		"expand":        {"", "ALTER TABLE users ADD COLUMN pronouns text;", nil, releases},
		"drop a column": {"", "ALTER TABLE providers DROP COLUMN alias CASCADE;", []string{"breaks query CreateProvider of release server 1", `"alias"`}, releases},
		"drop what a handler reads": {"", "ALTER TABLE providers DROP COLUMN alias CASCADE;", []string{
			"breaks query built by a handler: SELECT p.uid FROM providers AS p WHERE p.alias ILIKE $1 OR p of release server 2", "column p.alias does not exist",
		}, built},
		"expand public":        {"ALTER TABLE public.plans ADD COLUMN badge text;", "", nil, releases},
		"rename in public":     {"ALTER TABLE public.checks RENAME COLUMN title TO headline;", "", []string{"of release server 1", `title does not exist`}, releases},
		"withdraw from PUBLIC": {"REVOKE SELECT ON public.checks FROM PUBLIC;", "", []string{"permission denied for table checks"}, releases},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made, err := plan.NewFleet(t.Context(), plan.Input{
				URL: db.OwnerURL, RuntimeRole: devpg.RuntimeRole, Tenants: tenants, Gate: gate.Hook(c.of),
				Public: []lint.File{{Name: "schema/public.sql", Text: schema.Public + c.public}},
				Tenant: []lint.File{{Name: "schema/tenant.sql", Text: schema.Tenant + c.tenant}},
			})
			if err != nil {
				t.Fatal(err)
			}
			var refused []string
			for _, p := range made.Plans() {
				refused = append(refused, p.Refused...)
			}
			all := strings.Join(refused, "\n")
			if (c.refused == nil) != (refused == nil) || slices.ContainsFunc(c.refused, func(want string) bool { return !strings.Contains(all, want) }) {
				t.Errorf("refused:\n%s\nwant %q", all, c.refused)
			}
		})
	}
}
