package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

func TestLint(t *testing.T) {
	t.Parallel()
	const other = "t_0123456789abcdef0123456789abcdef"
	for statement, want := range map[string][]string{
		"ALTER TABLE t ADD COLUMN n int":                                 nil,
		"ALTER TABLE t ADD COLUMN n int NOT NULL":                        {"warning data-dependent"},
		"ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 0":              nil,
		"ALTER TABLE t ADD COLUMN n int GENERATED ALWAYS AS IDENTITY":    {"warning identity-added-later"},
		"ALTER TABLE t ADD COLUMN n bigserial NOT NULL":                  {"warning identity-added-later"},
		"ALTER TABLE t ALTER COLUMN a ADD GENERATED ALWAYS AS IDENTITY":  {"warning identity-added-later"},
		"ALTER TABLE t DROP COLUMN a, DROP COLUMN b":                     {"warning drops-column"},
		"ALTER TABLE t ALTER COLUMN a SET NOT NULL":                      {"warning data-dependent"},
		"ALTER TABLE t ADD CHECK (a > 0)":                                {"warning data-dependent", "warning unnamed-constraint"},
		"ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)":                   {"warning data-dependent"},
		"ALTER TABLE t ADD COLUMN n int REFERENCES r":                    {"warning unnamed-constraint"},
		"ALTER TABLE t RENAME COLUMN a TO b":                             {"warning renames"},
		"ALTER TABLE t RENAME TO u":                                      {"warning renames"},
		"ALTER INDEX i RENAME TO j":                                      nil,
		"DROP TABLE t":                                                   {"warning drops-table"},
		"DROP VIEW v":                                                    nil,
		"CREATE TABLE n (a int)":                                         {"warning no-primary-key"},
		"CREATE TABLE n (id int PRIMARY KEY)":                            {"warning narrow-key"},
		"CREATE TABLE n (id int, CONSTRAINT n_pkey PRIMARY KEY (id))":    {"warning narrow-key"},
		"CREATE TABLE n (a int, b int, CONSTRAINT k PRIMARY KEY (a, b))": nil,
		"CREATE TABLE n (id bigint PRIMARY KEY, b int UNIQUE)":           {"warning unnamed-constraint"},
		"CREATE TABLE n (a int); ALTER TABLE n ADD PRIMARY KEY (a)":      nil,
		"CREATE TABLE p1 PARTITION OF p DEFAULT":                         nil,
		"CREATE FUNCTION f() RETURNS int SECURITY DEFINER LANGUAGE sql SET search_path FROM CURRENT AS 'SELECT 1'": nil,
		"CREATE FUNCTION f() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'":                              {"warning no-search-path"},
		"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'":                                               nil,
		"UPDATE public.plans SET title = ''":                                                                       {"error writes-public"},
		"DROP TABLE public.plans":                                                                                  {"error writes-public", "warning drops-table"},
		"ALTER TABLE public.plans ADD COLUMN n int":                                                                {"error writes-public"},
		"CREATE INDEX ON public.plans (title)":                                                                     {"error writes-public"},
		"INSERT INTO t SELECT title FROM public.plans":                                                             nil,
		"INSERT INTO t SELECT * FROM " + other + ".t":                                                              {"error names-tenant"},
		"DO 'BEGIN EXECUTE ''DROP SCHEMA " + other + "''; END'":                                                    {"error names-tenant"},
		`GRANT SELECT ON t TO "$tenant"`:                                                                           nil,
	} {
		p := &plan.Plan{Scope: plan.Tenant, Steps: []plan.Step{{Kind: plan.InTransaction, Statements: []string{statement}}}}
		var got []string
		for _, f := range plan.LintPlan(p, nil) {
			got = append(got, f.Severity+" "+f.Rule)
			if f.Mend == "" || f.Message == "" {
				t.Errorf("%s: %+v", statement, f)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", statement, diff)
		}
	}
}

// TestLintOnce says once what Atlas and the statement both say, and judges the
// locks that were measured.
func TestLintOnce(t *testing.T) {
	t.Parallel()
	const drop, typ, index = "ALTER TABLE t DROP COLUMN a", "ALTER TABLE t ALTER COLUMN b TYPE bigint", "CREATE INDEX i ON t (b)"
	p := &plan.Plan{
		Scope:       plan.Public,
		Differences: []fingerprint.Difference{{Kind: "column", Name: "t.b", From: "type: integer", To: "type: bigint"}},
		Steps:       []plan.Step{{Kind: plan.InTransaction, Statements: []string{drop, typ, index, "UPDATE public.t SET b = 1"}}},
		Locks: []plan.Lock{
			{Table: "t", Mode: "ACCESS EXCLUSIVE", Statement: drop},
			{Table: "t", Mode: "ACCESS EXCLUSIVE", Statement: typ, Rewrite: true, Scan: true},
			{Table: "t", Mode: "SHARE", Statement: index, Scan: true},
			{Table: "t", Mode: "SHARE UPDATE EXCLUSIVE", Statement: "VALIDATE", Scan: true},
			{Table: "t", Mode: "SHARE ROW EXCLUSIVE", Statement: "FK", Scan: true},
		},
	}
	got := plan.LintPlan(p, []atlas.Finding{
		{Rule: "drops-column", Code: "DS103", Statement: drop, Message: "Dropping"},
		{Rule: "drops-table", Code: "DS102", Statement: "what failed", Message: "Dropping"},
	})
	type line struct{ Rule, Statement, Message string }
	var lines []line
	for _, f := range got {
		lines = append(lines, line{f.Rule, f.Statement, f.Message})
	}
	want := []line{
		{"drops-column", drop, "Dropping (Atlas's DS103)"},
		{"rewrites-table", typ, "table t is written anew, and nobody can use it meanwhile"},
		{"index-blocks-writes", index, "nobody can write to table t until the index is made"},
		{"scans-table", "FK", "all of table t is read under a lock (SHARE ROW EXCLUSIVE)"},
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

// What a backfill has moved must not be dropped by the same plan: code that runs
// goes on writing there.
func TestDropsAfterBackfill(t *testing.T) {
	t.Parallel()
	const move, join = "UPDATE notes SET txt = body WHERE id BETWEEN $1 AND $2", "UPDATE notes AS n SET txt = b.text FROM bodies AS b WHERE b.id = n.id AND n.id BETWEEN $1 AND $2"
	for _, tt := range []struct{ backfill, then, want string }{
		{move, "ALTER TABLE notes DROP COLUMN body", "column notes.body goes right after the backfill of notes"},
		{move, "ALTER TABLE notes DROP COLUMN other", ""},
		{move, "ALTER TABLE notes DROP COLUMN txt", ""},
		{move, "ALTER TABLE others DROP COLUMN body", ""},
		{move, "DROP TABLE bodies", ""},
		{join, "DROP TABLE bodies, others", "table bodies goes right after the backfill of notes"},
		{join, "ALTER TABLE bodies DROP COLUMN text", "column bodies.text goes"},
		{"INSERT INTO others SELECT n.* FROM notes AS n WHERE id BETWEEN $1 AND $2", "ALTER TABLE notes DROP COLUMN body", "column notes.body goes"},
	} {
		steps := []plan.Step{
			{Kind: plan.Backfill, Table: "notes", Key: "id", Statements: []string{tt.backfill}},
			{Kind: plan.InTransaction, Statements: []string{tt.then}},
		}
		got := ""
		for _, steps := range [][]plan.Step{steps, {steps[1], steps[0]}} {
			for _, f := range plan.LintPlan(&plan.Plan{Scope: plan.Tenant, Steps: steps}, nil) {
				if f.Rule == "drops-after-backfill" {
					got += f.Message
				}
			}
		}
		if (got == "") != (tt.want == "") || !strings.HasPrefix(got, tt.want) || strings.Count(got, " goes ") > 1 {
			t.Errorf("%s, %s: %q, want %q", tt.backfill, tt.then, got, tt.want)
		}
	}
}
