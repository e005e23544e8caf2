package fingerprint_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	long := "SELECT " + strings.Repeat("x", 500)
	for want, d := range map[string]fingerprint.Difference{
		"view members is missing": {Kind: "view", Name: "members", To: "x"},
		"schema comment is extra": {Kind: "schema comment", From: "x"},
		"column users.email: type text -> varchar; not null true -> none": {Kind: "column", Name: "users.email", From: "type: text\nnot null: true", To: "type: varchar"},
		`column users.email: default none -> 'a\nb'`:                      {Kind: "column", Name: "users.email", From: "type: text", To: "type: text\ndefault: 'a\n\tb'"},
		"comment table users: old -> new":                                 {Kind: "comment", Name: "table users", From: "old", To: "new"},
		"function f():\n  - b\n  + B\n  + C":                              {Kind: "function", Name: "f()", From: "a\nb\nd", To: "a\nB\nC\nd"},
		"view v:\n  - a\n  + " + long[:160] + "...":                       {Kind: "view", Name: "v", From: "a", To: long},
	} {
		if diff := cmp.Diff(want, d.Explain()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	from := []fingerprint.Object{{Kind: "table", Name: "a", Definition: "1"}, {Kind: "view", Name: "a", Definition: "1"}, {Kind: "view", Name: "b", Definition: "1"}}
	to := []fingerprint.Object{{Kind: "table", Name: "a", Definition: "1"}, {Kind: "table", Name: "b", Definition: "1"}, {Kind: "view", Name: "a", Definition: "2"}}
	want := []fingerprint.Difference{
		{Kind: "table", Name: "b", To: "1"},
		{Kind: "view", Name: "a", From: "1", To: "2"},
		{Kind: "view", Name: "b", From: "1"},
	}
	if diff := cmp.Diff(want, fingerprint.Diff(from, to)); diff != "" {
		t.Error(diff)
	}
}

func TestAttr(t *testing.T) {
	t.Parallel()
	o := fingerprint.Object{Definition: "type: text\ndefault: 'a: b\n\t\tc'\nnot null: true"}
	for key, want := range map[string]string{"type": "text", "default": "'a: b\n\tc'", "not null": "true"} {
		if got, ok := o.Attr(key); !ok || got != want {
			t.Errorf("%s: %q, %v", key, got, ok)
		}
	}
	if got, ok := o.Attr("identity"); ok {
		t.Errorf("identity: %q", got)
	}
}

// TestTextsThatAreEqual: PostgreSQL words the same check in another way once it
// was made from its own words.
func TestTextsThatAreEqual(t *testing.T) {
	t.Parallel()
	pool := connect(t, tenanttest.Database(t).OwnerURL)
	const one, two = "t_00000000000000000000000000000001", "t_00000000000000000000000000000002"
	must(t, pool, "CREATE SCHEMA "+one+"; SET LOCAL search_path = "+one+`;
		CREATE TABLE t (kind varchar(10) CONSTRAINT known CHECK (kind IN ('a', 'it''s', 'c]')), n integer);
		CREATE VIEW v AS SELECT n FROM t WHERE kind IN ('a', 'b')`)
	sql := "CREATE SCHEMA " + two + "; SET LOCAL search_path = " + two + "; CREATE TABLE t (kind varchar(10), n integer)"
	var constraint, view string
	if err := pool.QueryRow(t.Context(), "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'known'").Scan(&constraint); err != nil {
		t.Fatal(err)
	}
	if err := pool.QueryRow(t.Context(), "SELECT pg_get_viewdef('"+one+".v'::regclass)").Scan(&view); err != nil {
		t.Fatal(err)
	}
	must(t, pool, sql+"; ALTER TABLE t ADD CONSTRAINT known "+constraint+"; CREATE VIEW v AS "+strings.ReplaceAll(view, one+".", ""))
	if diff := cmp.Diff(objects(t, pool, one), objects(t, pool, two)); diff != "" {
		t.Error(diff)
	}
	for _, o := range objects(t, pool, one) {
		if o.Kind == "constraint" || o.Kind == "view" {
			must(t, pool, "SET LOCAL search_path = "+two+"; DROP "+map[fingerprint.Kind]string{"constraint": "TABLE t CASCADE; CREATE TABLE t (kind varchar(10), n integer)", "view": "VIEW IF EXISTS v"}[o.Kind]+"; "+o.Definition)
		}
	}
	if diff := cmp.Diff(objects(t, pool, one), objects(t, pool, two)); diff != "" {
		t.Error(diff)
	}
}
