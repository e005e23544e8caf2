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
		`SELECT "Set_Config"('role')`:                "select set_config",
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
