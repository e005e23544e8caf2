package planfile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/plan/planfile"
)

const (
	from = "f1-00000000000000000000000000000001"
	to   = "f1-00000000000000000000000000000002"
	head = "-- bailiwick:plan tenant\n-- bailiwick:from " + from + "\n-- bailiwick:to " + to + "\n"
)

const whole = head + `-- The risk is computed once, and kept.
ALTER TABLE users RENAME COLUMN name TO display_name; -- said in the meeting
ALTER TABLE findings ADD COLUMN risk integer; /* a comment */

-- bailiwick:backfill table=findings key="odd key" batch=500 pause=50ms
UPDATE findings SET risk = 2 * severity WHERE id BETWEEN $1 AND $2;

-- bailiwick:outside
CREATE INDEX CONCURRENTLY findings_risk_idx ON findings (risk);

-- bailiwick:transaction
-- bailiwick:allow ddl a word of lint is left to lint
CREATE FUNCTION two() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;

-- bailiwick:reverse loses "the risk" "that it was \"risky\""
DROP FUNCTION two();
ALTER TABLE findings DROP COLUMN risk;
ALTER TABLE users RENAME COLUMN display_name TO name
`

func wantPlan() *plan.Plan {
	return &plan.Plan{
		Scope: plan.Tenant, From: from, To: to, Source: "schema/plans/a.sql",
		Steps: []plan.Step{
			{Kind: plan.InTransaction, Line: 5, Statements: []string{
				"ALTER TABLE users RENAME COLUMN name TO display_name", "ALTER TABLE findings ADD COLUMN risk integer",
			}},
			{
				Kind: plan.Backfill, Line: 8, Table: "findings", Key: "odd key", Batch: 500, Pause: 50 * time.Millisecond,
				Statements: []string{"UPDATE findings SET risk = 2 * severity WHERE id BETWEEN $1 AND $2"},
			},
			{Kind: plan.Outside, Line: 11, Statements: []string{"CREATE INDEX CONCURRENTLY findings_risk_idx ON findings (risk)"}},
			{Kind: plan.InTransaction, Line: 14, Statements: []string{
				"CREATE FUNCTION two() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END",
			}},
		},
		Reverse: []plan.Step{{Kind: plan.InTransaction, Line: 19, Statements: []string{
			"DROP FUNCTION two()", "ALTER TABLE findings DROP COLUMN risk", "ALTER TABLE users RENAME COLUMN display_name TO name",
		}}},
		Losses: []string{"the risk", `that it was "risky"`},
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, text := range []string{whole, strings.ReplaceAll(whole, "\n", "\r\n")} {
		got, found := planfile.Parse("schema/plans/a.sql", text)
		if len(found) > 0 {
			t.Fatal(found)
		}
		if diff := cmp.Diff(wantPlan(), got); diff != "" {
			t.Error(diff)
		}
	}
	got, found := planfile.Parse("a.sql", head+"SELECT 1;\n-- bailiwick:irreversible \"it is gone\"\n")
	if len(found) > 0 || got.Irreversible != "it is gone" {
		t.Error(got, found)
	}
	got, found = planfile.Parse("a.sql", head+"\n\n\nSELECT 1")
	if len(found) > 0 || got.Irreversible != "the plan file has no reverse" || got.Steps[0].Line != 7 {
		t.Error(got, found)
	}
}

// TestParseErrors has each message with its line.
func TestParseErrors(t *testing.T) {
	t.Parallel()
	const body = "\nSELECT 1;\n"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "1: the file is no plan: it has no directive bailiwick:plan"},
		{"other SQL", "SELECT 1;\nSELECT 2;", "1: a statement before the plan begins"},
		{"scope", strings.Replace(head, "plan tenant", "plan tenants", 1) + body, `1: a plan is for tenant or for public, not for "tenants"`},
		{"no scope", strings.Replace(head, "plan tenant", "plan", 1) + body, "1: bailiwick:plan takes one word"},
		{"no to", strings.Replace(head, "-- bailiwick:to "+to, "", 1) + body, "1: the plan has no -- bailiwick:to FINGERPRINT"},
		{"fingerprint", strings.Replace(head, to, "f1-XYZ", 1) + body, `3: "f1-XYZ" is no fingerprint, which is f1- and 32 digits`},
		{"same", strings.Replace(head, to, from, 1) + body, "3: the plan ends where it begins"},
		{"twice", head + "-- bailiwick:from " + from + body, "4: bailiwick:from stands at line 2 already"},
		{"late", "-- bailiwick:plan tenant\n-- bailiwick:from " + from + body + "-- bailiwick:to " + to + body, "4: bailiwick:to stands behind a statement"},
		{"before plan", "-- bailiwick:from " + from + body, "1: bailiwick:from before bailiwick:plan"},
		{"unknown", head + "-- bailiwick:backfil table=a key=b" + body, "4: there is no directive bailiwick:backfil [plan-directive]\n\tmend: write -- bailiwick:backfill table="},
		{"unknown, far", head + "-- bailiwick:out-of-transaction" + body, "4: there is no directive bailiwick:out-of-transaction"},
		{"no statement", head, "1: the plan has no statement"},
		{"inside", head + "ALTER TABLE a\n-- bailiwick:outside\nADD b int;", "5: bailiwick:outside stands inside of a statement"},
		{"behind", head + "SELECT 1; -- bailiwick:outside\nSELECT 2;", "4: bailiwick:outside stands behind a statement"},
		{"C comment", head + "/* bailiwick:outside */ SELECT 1;", "4: a directive in a comment of the form /* */"},
		{"BEGIN", head + "BEGIN;\nSELECT 1;\nCOMMIT;", "4: BEGIN, COMMIT and the like: each step is a transaction of its own"},
		{"concurrently", head + "\nCREATE INDEX CONCURRENTLY i ON t (a);", "5: CREATE INDEX CONCURRENTLY can't run in a transaction"},
		{"drop concurrently", head + "DROP INDEX CONCURRENTLY i;", "4: DROP INDEX CONCURRENTLY can't run in a transaction"},
		{"reindex", head + "REINDEX INDEX CONCURRENTLY i;", "4: REINDEX CONCURRENTLY can't run in a transaction"},
		{"vacuum", head + "VACUUM t;", "4: VACUUM can't run in a transaction"},
		{"unnamed", head + "-- bailiwick:outside\nCREATE INDEX CONCURRENTLY ON t (a);", "5: CREATE INDEX CONCURRENTLY without a name"},
		{"detach", head + "-- bailiwick:outside\nALTER TABLE t DETACH PARTITION p CONCURRENTLY;", "5: DETACH PARTITION CONCURRENTLY can't be done again"},
		{"not outside", head + "-- bailiwick:outside\nCREATE INDEX i ON t (a);", "5: a statement that can run in a transaction stands outside of one"},
		{"two outside", head + "-- bailiwick:outside\nVACUUM t;\nVACUUM u;", "6: a second statement in the step of line 4, which has one only"},
		{"empty step", head + "SELECT 1;\n-- bailiwick:transaction\n", "5: a step without a statement"},
		{"arguments", head + "-- bailiwick:transaction now" + body, "4: bailiwick:transaction takes nothing"},
		{"quotes", head + "-- bailiwick:reverse loses \"x" + body, "4: bailiwick:reverse: the quotes in \"x do not match"},
		{"loses", head + "SELECT 1;\n-- bailiwick:reverse loses everything" + body, "5: what is lost is a sentence in quotes, or some"},
		{"loses nothing", head + "SELECT 1;\n-- bailiwick:reverse loses" + body, "5: what is lost is a sentence in quotes, or some"},
		{"loses early", head + "SELECT 1;\n-- bailiwick:loses \"x\"" + body, "5: bailiwick:loses stands before the reverse"},
		{"reverse's words", head + "SELECT 1;\n-- bailiwick:reverse all" + body, "5: bailiwick:reverse takes the word loses and sentences in quotes"},
		{"empty reverse", head + "SELECT 1;\n-- bailiwick:reverse\n", "5: the reverse has no statement"},
		{"both", head + "SELECT 1;\n-- bailiwick:irreversible \"x\"\n-- bailiwick:reverse" + body, "6: bailiwick:reverse and bailiwick:irreversible in one file"},
		{"irreversible", head + "SELECT 1;\n-- bailiwick:irreversible\n", "5: bailiwick:irreversible takes one sentence in quotes"},
		{"parameters", head + "UPDATE t SET a = $1;", "4: a statement with parameters outside of a backfill"},
		{"backfill without", head + "-- bailiwick:backfill table=t\nUPDATE t SET a = 1 WHERE id BETWEEN $1 AND $2;", "4: bailiwick:backfill without key="},
		{"backfill's word", head + "-- bailiwick:backfill table=t key=id size=3\nUPDATE t SET a = 1 WHERE id BETWEEN $1 AND $2;", `4: bailiwick:backfill: it takes table, key, batch and pause, not "size 3"`},
		{"backfill's batch", head + "-- bailiwick:backfill table=t key=id batch=0\nUPDATE t SET a = 1 WHERE id BETWEEN $1 AND $2;", `4: bailiwick:backfill: batch is a number of rows from 1 to 1000000, not "0"`},
		{"backfill's pause", head + "-- bailiwick:backfill table=t key=id pause=2h\nUPDATE t SET a = 1 WHERE id BETWEEN $1 AND $2;", `4: bailiwick:backfill: pause is a time of at most 1m0s, such as 50ms, not "2h"`},
		{"backfill's twice", head + "-- bailiwick:backfill table=t table=u key=id\nUPDATE t SET a = 1 WHERE id BETWEEN $1 AND $2;", `4: bailiwick:backfill: table stands there twice`},
		{"backfill's bounds", head + "-- bailiwick:backfill table=t key=id\nUPDATE t SET a = 1 WHERE id > $1;", "5: a backfill has the parameters $1 and $2, and no others"},
		{"backfill of DDL", head + "-- bailiwick:backfill table=t key=id\nSELECT $1, $2;", "5: a backfill that writes no rows"},
		{"syntax", head + "SELECT 1;\nALTER TABLE;", "5:12: syntax error at end of input"},
		{"NUL", head + "SELECT 1;\x00", "4:10: a NUL byte in the file"},
		{"BOM", "\ufeff" + head + body, "1:1: the file begins with a byte order mark"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, found := planfile.Parse("p.sql", c.text)
			if got != nil || !strings.HasPrefix(found.Error(), "p.sql:"+c.want) && !strings.Contains(found.Error(), "\np.sql:"+c.want) {
				t.Errorf("got\n%v\nwant\n%s", found, c.want)
			}
			for _, d := range found {
				if d.Mend == "" || d.Rule == "" || d.Line == 0 {
					t.Errorf("no mend, rule or line: %+v", d)
				}
			}
		})
	}
}

func mustParse(t *testing.T, text string) *plan.Plan {
	t.Helper()
	p, found := planfile.Parse("p.sql", text)
	if len(found) > 0 {
		t.Fatalf("%v in\n%s", found, text)
	}
	return p
}

// withoutLines is a plan as it is in whatever file.
func withoutLines(p *plan.Plan) *plan.Plan {
	for _, steps := range [][]plan.Step{p.Steps, p.Reverse} {
		for i := range steps {
			steps[i].Line = 0
		}
	}
	return p
}

// FuzzRoundTrip: what can be read is written so that it is read the same.
func FuzzRoundTrip(f *testing.F) {
	for _, seed := range []string{
		whole, head, head + "SELECT 1", head + "-- bailiwick:transaction\nSELECT 1;\n-- bailiwick:transaction\nSELECT 2;",
		head + "SELECT 1;\n-- bailiwick:irreversible \"\\r\\n\"", head + "SELECT 1 -- trailing\n;;; ; SELECT '--;' /* ; */ ;",
		head + "SELECT 1;\n-- bailiwick:reverse\n-- bailiwick:backfill key=\"\\n\" table=\"a\\\"b\"\nDELETE FROM t WHERE id BETWEEN $1 AND $2",
		"-- bailiwick:plan public\r\n--bailiwick:to " + to + "\n-- bailiwick:from\t" + from + "\n(SELECT 1);",
	} {
		f.Add(seed, "two\nlines")
	}
	f.Fuzz(func(t *testing.T, text, comment string) {
		if !strings.Contains(text, "bailiwick:plan") {
			text = head + text
		}
		p, found := planfile.Parse("p.sql", text)
		for _, d := range found {
			if d.Line < 1 || d.Line > 1+strings.Count(text, "\n") {
				t.Errorf("outside of the text: %v", d)
			}
		}
		if (p == nil) != (len(found) > 0) {
			t.Fatalf("plan %v with findings %v", p, found)
		}
		if p == nil || strings.Contains(comment, "bailiwick:") {
			return
		}
		if strings.Contains(text, "\x00") {
			t.Error("a plan with a NUL byte")
		}
		written := planfile.Format(p, comment)
		again := mustParse(t, written)
		if diff := cmp.Diff(withoutLines(p), withoutLines(again)); diff != "" {
			t.Errorf("%s\nin\n%s", diff, written)
		}
		if twice := planfile.Format(again, comment); twice != written {
			t.Error(cmp.Diff(written, twice))
		}
	})
}
