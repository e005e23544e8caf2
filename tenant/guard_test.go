package tenant_test

import (
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

func FuzzQuoteIdent(f *testing.F) {
	for _, s := range []string{"", "a", `a"b`, `"`, `""; DROP TABLE x; --`, "é\n", "$user"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		quoted := tenant.QuoteIdent(name)
		inner, ok := strings.CutPrefix(quoted, `"`)
		inner, ok2 := strings.CutSuffix(inner, `"`)
		if !ok || !ok2 || strings.Contains(strings.ReplaceAll(inner, `""`, ""), `"`) {
			t.Errorf("%q leaves its quotes: %s", name, quoted)
		}
		if strings.ReplaceAll(inner, `""`, `"`) != name {
			t.Errorf("%q became %s", name, quoted)
		}
	})
}

func FuzzSQLWords(f *testing.F) {
	for _, s := range []string{
		"SELECT 1", "/* /* */ */ SET x", "select $1, $$ set_config $$, $t$ $$ $t$ set_config", "E'\\' set_config'", `"a""set_config"`, "'", "$", "--", "/*",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		for _, w := range tenant.SQLWords(sql) {
			if w != strings.ToLower(w) {
				t.Errorf("%q is not in lower case", w)
			}
		}
		// What stands before a call can't hide it, once it is closed.
		if words := tenant.SQLWords("/*" + strings.NewReplacer("/*", "", "*/", "").Replace(sql) + "*/ set_config"); len(words) != 1 {
			t.Errorf("%q hides a word: %q", sql, words)
		}
	})
}

func TestSQLWords(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"SELECT a.b FROM c":                          "select a b from c",
		"-- SET\n/* RESET /* x */ */ select 'set'":   "select",
		`SELECT "Set_Config"('role')`:                "select set_config ( )",
		`(SELECT (1), "(" , ')')`:                    `select ( ) "( )`,
		`SELECT 'it''s' , E'\'set_config' , e'\\' z`: "select z",
		"E'a'\n '\\'' x":                             "x",
		"E'a' -- c\n'\\'' x":                         "x",
		"E'a' '\\' x '":                              "x",
		"'a'\n'\\' x '":                              "x",
		"SELECT $1, $2x, $$ set $$, $a$ $b$ $a$ y":   "select x y",
		"SELECT $a$ never closed set_config":         "select",
	}
	for sql, want := range cases {
		if got := strings.Join(tenant.SQLWords(sql), " "); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
	// Escapes could spell anything, so what matters is that they are noticed.
	if words := tenant.SQLWords(`U&"\0073et"`); len(words) == 0 || words[0] != `u&"` {
		t.Errorf("%q", words)
	}
}

// SELECT INTO makes a table, however it is written; other statements have INTO too.
func TestSelectInto(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{})
	q := bind(t, db.DB, db.Tenants[0])
	for _, sql := range []string{
		"SELECT 'x' AS x INTO TEMP leftover", "SELECT body INTO public.mine FROM notes", "(SELECT 1 AS x INTO leftover)",
		"SELECT 1 insert INTO leftover", "SELECT (1) merge/**/into leftover", `SELECT 1 AS "(" INTO leftover`, "SELECT 1 AS a, ')' AS b INTO leftover",
		"WITH a AS (SELECT 1 AS x) SELECT (x) insert INTO leftover FROM a", "SELECT (SELECT 1) AS x INTO leftover UNION SELECT 2",
	} {
		_, err := q.Exec(t.Context(), sql)
		wantCode(t, err, tenant.CodeRefused)
		if err != nil && !strings.Contains(err.Error(), "SELECT INTO") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{
		"INSERT INTO notes (body) SELECT 'into'", "WITH a AS (SELECT 'x' AS x) INSERT INTO notes (body) SELECT x FROM a",
		"WITH a AS (INSERT INTO notes (body) VALUES ('y') RETURNING body), b AS (SELECT 1) SELECT body FROM a",
		"MERGE INTO notes USING (SELECT 1 AS x) AS a ON false WHEN NOT MATCHED THEN INSERT (body) VALUES ('z')",
	} {
		if _, err := q.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// Attack 24: numbers of objects don't become the names of other tenants' schemas.
func TestNamesOfObjects(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{})
	q := bind(t, db.DB, db.Tenants[0])
	for _, sql := range []string{
		"SELECT g::regnamespace FROM generate_series(1, 30000) AS g", `SELECT CAST(1 AS pg_catalog."regclass")`, "SELECT '{1}'::_regrole",
		"SELECT to_regtype('x')", "SELECT format_type(16400, NULL)", "SELECT table_schema FROM information_schema.tables",
	} {
		_, err := q.Exec(t.Context(), sql)
		wantCode(t, err, tenant.CodeRefused)
	}
	for _, sql := range []string{"SELECT to_tsvector('english'::regconfig, 'a b')", "SELECT 1 AS region, 2 AS to_regions"} {
		if _, err := q.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestID(t *testing.T) {
	t.Parallel()
	id := tenant.NewID()
	parsed, err := tenant.ParseID(id.String())
	if err != nil || parsed != id || id.IsZero() || len(id.SchemaName()) != 34 {
		t.Errorf("%s %s %v", id, parsed, err)
	}
	for _, bad := range []string{"", "x", id.String() + "0", strings.ReplaceAll(id.String(), "-", ""), strings.Repeat("-", 36), "zz" + id.String()[2:]} {
		if _, err := tenant.ParseID(bad); tenant.CodeOf(err) != tenant.CodeInvalid {
			t.Errorf("%q was accepted: %v", bad, err)
		}
	}
}
