package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// TestPlanFileWithoutGrants leaves privileges to the planner, there and back, and
// nothing else.
func TestPlanFileWithoutGrants(t *testing.T) {
	t.Parallel()
	const view, table = "CREATE VIEW totals AS SELECT count(*) AS n FROM users", "CREATE TABLE sums (n bigint CONSTRAINT sums_pkey PRIMARY KEY)"
	db := fleetOf(t, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: baseTenant + table})
	in := input(t, db, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: baseTenant + view})
	targets, err := plan.Desired(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	file := plan.Plan{
		Scope: plan.Tenant, From: states(t, db)[db.Tenants[0].Schema()].Fingerprint, To: targets[plan.Tenant].Fingerprint, Source: "schema/plans/totals.sql",
		Steps:   []plan.Step{{Kind: plan.InTransaction, Statements: []string{view, "DROP TABLE sums"}}},
		Reverse: []plan.Step{{Kind: plan.InTransaction, Statements: []string{table, "DROP VIEW totals"}}},
	}
	in.Files = files{&file}
	p := onlyPlan(t, in)
	if !p.Certified() || p.Irreversible != "" {
		t.Fatal(p.Refused, p.Irreversible)
	}
	for of, steps := range map[string][]plan.Step{"totals": p.Steps, "sums": p.Reverse} {
		if len(steps) != 1 || steps[0].Completed == 0 || steps[0].Completed != len(steps[0].Statements)-2 {
			t.Fatalf("%s: %+v", of, steps)
		}
		granted := func(s string) bool { return strings.HasPrefix(s, "GRANT ") && strings.Contains(s, of+` TO "$tenant"`) }
		if !slices.ContainsFunc(steps[0].Statements[2:], granted) {
			t.Errorf("%s is not granted: %q", of, steps[0].Statements)
		}
	}
	file.Steps = []plan.Step{{Kind: plan.InTransaction, Statements: []string{view}}}
	in.Files = files{&file}
	if p := onlyPlan(t, in); p.Certified() || !strings.Contains(strings.Join(p.Refused, "\n"), "table sums") {
		t.Errorf("what is no grant is completed too: %+v", p.Steps)
	}
}

// TestPositions plans changes of identities and sequences for a tenant that has
// rows: the next value is the next one, there and back.
func TestPositions(t *testing.T) {
	t.Parallel()
	const from = `
CREATE SEQUENCE tickets;
CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT users_pkey PRIMARY KEY, name text);
CREATE TABLE notes (id serial CONSTRAINT notes_pkey PRIMARY KEY, n int DEFAULT nextval('tickets'));
`
	for name, to := range map[string]string{
		"start":             strings.Replace(from, "AS IDENTITY", "AS IDENTITY (START 50)", 1),
		"increment":         strings.Replace(from, "AS IDENTITY", "AS IDENTITY (INCREMENT 1 CACHE 5)", 1),
		"by default":        strings.Replace(from, "ALWAYS", "BY DEFAULT", 1),
		"sequence's start":  strings.Replace(from, "SEQUENCE tickets", "SEQUENCE tickets START 50", 1),
		"sequence's bounds": strings.Replace(from, "SEQUENCE tickets", "SEQUENCE tickets MINVALUE -5 MAXVALUE 5000", 1),
		"a column's name":   strings.Replace(from, "name text", "name varchar(20), more text", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := fleetOf(t, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: from})
			p := onlyPlan(t, input(t, db, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: to}))
			if !p.Certified() || p.Irreversible != "" {
				t.Fatal(p.Refused, p.Irreversible)
			}
			conn, schema := connect(t, db.OwnerURL), db.Tenants[0].Schema()
			if _, err := conn.Exec(t.Context(), "SET search_path = "+schema); err != nil {
				t.Fatal(err)
			}
			var owner string
			if err := conn.QueryRow(t.Context(), "SELECT current_user").Scan(&owner); err != nil {
				t.Fatal(err)
			}
			insert := func(want int64) {
				t.Helper()
				for _, into := range []string{"users (name) VALUES ('a') RETURNING id", "notes DEFAULT VALUES RETURNING id", "notes DEFAULT VALUES RETURNING n"} {
					var got int64
					if err := conn.QueryRow(t.Context(), "INSERT INTO "+into).Scan(&got); err != nil || got < want || got > want+9 {
						t.Errorf("INSERT INTO %s: %d, want %d or a little more: %v", into, got, want, err)
					}
				}
			}
			w := plan.World{Conn: conn, Names: plan.Names{Schema: schema, Owner: owner}}
			for i, steps := range [][]plan.Step{nil, p.Steps, p.Reverse} {
				if err := plan.Run(t.Context(), w, steps); err != nil {
					t.Fatal(err)
				}
				if _, err := conn.Exec(t.Context(), "SET search_path = "+schema); err != nil {
					t.Fatal(err)
				}
				insert(int64(i + 1))
			}
		})
	}
}
