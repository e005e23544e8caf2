package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// guarded has what must never be missing between two steps.
const guarded = `
CREATE TYPE phase AS ENUM ('open');
CREATE TABLE log (n bigint);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (NEW.n); RETURN NEW; END $$;
CREATE TABLE u (id int CONSTRAINT u_pkey PRIMARY KEY, n int, s phase DEFAULT 'open', m text, CONSTRAINT u_check CHECK (n > 0 OR s = 'open'));
ALTER TABLE u ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON u USING (true);
CREATE POLICY r ON u AS RESTRICTIVE USING (n > 0);
CREATE TRIGGER noted AFTER UPDATE OF n ON u FOR EACH ROW EXECUTE FUNCTION note();
CREATE VIEW v AS SELECT id, n FROM u;
GRANT SELECT ON v TO PUBLIC;
CREATE INDEX u_idx ON u (m);
`

// guardedBy is guarded with texts in place of others.
func guardedBy(texts ...string) string { return strings.NewReplacer(texts...).Replace(guarded) }

// TestBetweenSteps goes step by step through plans of several: whatever is there
// before and after is there all the time.
func TestBetweenSteps(t *testing.T) {
	t.Parallel()
	concurrently := atlas.Policy{ConcurrentIndex: atlas.ConcurrentIndex{Create: true, Drop: true}}
	const addValue = `ALTER TYPE "phase" ADD VALUE 'done'`
	for name, c := range map[string]struct {
		to     string
		policy atlas.Policy
		first  []string // The statements of the first step, if they are what counts.
		steps  int
		gone   []string // What is missing all the same, of which the plan warns.
		oneWay bool     // PostgreSQL drops no values of enums.
	}{
		"a new value as default": {
			to:    guardedBy("('open')", "('open', 'done')", "n int", "n bigint", "DEFAULT 'open'", "DEFAULT 'done'", "m text", "m text NOT NULL"),
			first: []string{addValue}, steps: 2, oneWay: true,
		},
		"new values all over": {
			to: guardedBy("('open')", "('new', 'open', 'done')", "n int", "n bigint", "s = 'open'", "s = 'done'",
				"USING (true)", "USING (s <> 'new')", "SELECT id, n FROM u", "SELECT id, n FROM u WHERE s < 'done'"),
			first: []string{`ALTER TYPE "phase" ADD VALUE 'new' BEFORE 'open'`, addValue}, steps: 2, oneWay: true,
		},
		"a new value that nothing needs": {
			to:    guardedBy("('open')", "('open', 'done')", "n int", "n bigint"),
			steps: 1, oneWay: true,
		},
		"an index concurrently": {
			to:     guardedBy("n int", "n bigint") + "CREATE INDEX u_n_idx ON u (n);",
			policy: concurrently, steps: 2,
		},
		"a new value and an index concurrently": {
			to:     guardedBy("('open')", "('open', 'done')", "n int", "n bigint", "DEFAULT 'open'", "DEFAULT 'done'") + "CREATE INDEX u_n_idx ON u (n);",
			policy: concurrently, first: []string{addValue}, steps: 3, oneWay: true,
		},
		"another index concurrently": {
			to:     guardedBy("n int", "n bigint", "ON u (m)", "ON u (m, n)"),
			policy: concurrently, steps: 3, gone: []string{"index u_idx"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := fleetOf(t, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: guarded})
			in := input(t, db, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: c.to})
			in.Policy = map[plan.Scope]atlas.Policy{plan.Tenant: c.policy}
			p := onlyPlan(t, in)
			if !p.Certified() || len(p.Steps) != c.steps || (p.Irreversible != "") != c.oneWay {
				t.Fatalf("refused %q, irreversible %q, steps:\n%s", p.Refused, p.Irreversible, strings.Join(brief(p.Steps), "\n"))
			}
			if diff := cmp.Diff(c.first, p.Steps[0].Statements); c.first != nil && diff != "" {
				t.Errorf("the first step (-want +got):\n%s", diff)
			}
			gone := append(walk(t, db, p.Steps), walk(t, db, p.Reverse)...)
			slices.Sort(gone)
			if diff := cmp.Diff(c.gone, slices.Compact(gone)); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
			for _, f := range p.Findings {
				if f.Rule == "missing-between-steps" && !slices.ContainsFunc(c.gone, func(g string) bool { return strings.Contains(f.Message, g+" is missing or another one after step ") }) {
					t.Errorf("warns: %s", f.Message)
				}
			}
			if warned := slices.ContainsFunc(p.Findings, func(f plan.Finding) bool { return f.Rule == "missing-between-steps" }); warned != (c.gone != nil) {
				t.Errorf("warns: %v", warned)
			}
		})
	}
}

// walk runs steps for the first tenant, and returns what is there before and after
// and is missing in between.
func walk(t *testing.T, db *tenanttest.DB, steps []plan.Step) (gone []string) {
	t.Helper()
	schema, conn := db.Tenants[0].Schema(), connect(t, db.OwnerURL)
	look := func() map[string]bool {
		objects, err := fingerprint.Objects(t.Context(), conn, schema)
		if err != nil {
			t.Fatal(err)
		}
		there := map[string]bool{}
		for _, o := range objects {
			there[string(o.Kind)+" "+o.Name] = true
		}
		return there
	}
	states := []map[string]bool{look()}
	for _, step := range steps {
		w := plan.World{Conn: conn, Names: plan.Names{Schema: schema, Owner: "bailiwick_owner", Runtime: "bailiwick_app"}}
		if err := plan.Run(t.Context(), w, []plan.Step{step}); err != nil {
			t.Fatal(err)
		}
		states = append(states, look())
	}
	for _, state := range states {
		for name := range states[0] {
			if !state[name] && states[len(states)-1][name] {
				gone = append(gone, name)
			}
		}
	}
	return gone
}

// TestFailBetweenSteps has a tenant whose rows don't bear the second step: the
// first has taken nothing from it.
func TestFailBetweenSteps(t *testing.T) {
	t.Parallel()
	db := fleetOf(t, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: guarded})
	p := onlyPlan(t, input(t, db, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: guardedBy(
		"('open')", "('open', 'done')", "n int", "n bigint", "DEFAULT 'open'", "DEFAULT 'done'", "m text", "m text NOT NULL")}))
	conn, schema := connect(t, db.OwnerURL), db.Tenants[0].Schema()
	if _, err := conn.Exec(t.Context(), "INSERT INTO "+schema+".u VALUES (1, 1)"); err != nil {
		t.Fatal(err)
	}
	before, err := fingerprint.Objects(t.Context(), conn, schema)
	if err != nil {
		t.Fatal(err)
	}
	w := plan.World{Conn: conn, Names: plan.Names{Schema: schema, Owner: "bailiwick_owner", Runtime: "bailiwick_app"}}
	if err := plan.Run(t.Context(), w, p.Steps); err == nil || !strings.Contains(err.Error(), `column "m" of relation "u" contains null values`) {
		t.Fatal(err)
	}
	after, err := fingerprint.Objects(t.Context(), conn, schema)
	if err != nil {
		t.Fatal(err)
	}
	diff := fingerprint.Diff(before, after)
	if len(diff) != 1 || diff[0].Kind != "enum" {
		t.Errorf("what has failed leaves %v", diff)
	}
}

// TestGapOfFile has a plan file that drops a view and makes it again in another
// step, of which its plan warns.
func TestGapOfFile(t *testing.T) {
	t.Parallel()
	db := fleetOf(t, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: baseTenant})
	in := input(t, db, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: withEmail.Replace(baseTenant)})
	targets, err := plan.Desired(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	f := file("gap", states(t, db)[db.Tenants[0].Schema()].Fingerprint, targets[plan.Tenant].Fingerprint, "DROP VIEW elders", "DROP VIEW elders")
	again := "CREATE VIEW elders AS SELECT name FROM people WHERE age > 60"
	f.Steps = append(f.Steps, plan.Step{Kind: plan.InTransaction, Statements: []string{"ALTER TABLE users ADD COLUMN email text", again}})
	f.Reverse = append(f.Reverse, plan.Step{Kind: plan.InTransaction, Statements: []string{"ALTER TABLE users DROP COLUMN email", again}})
	in.Files = files{f}
	p := onlyPlan(t, in)
	var warnings []string
	for _, found := range p.Findings {
		if found.Rule == "missing-between-steps" {
			warnings = append(warnings, found.Severity+": "+found.Message+" at "+found.Statement)
		}
	}
	want := []string{
		"warning: view elders is missing or another one after step 1 of 2, and comes back only later at DROP VIEW elders",
		"warning: on the way back, view elders is missing or another one after step 1 of 2, and comes back only later at DROP VIEW elders",
	}
	if diff := cmp.Diff(want, warnings); diff != "" || !p.Certified() {
		t.Errorf("refused %q, warnings (-want +got):\n%s", p.Refused, diff)
	}
}
