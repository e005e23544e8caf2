package catalog_test

import (
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"SELECT 1", "  SELECT\n\t1 -- one\n", true},
		{"SELECT 1", "SELECT /* a /* nested */ comment */ 1", true},
		{"SELECT 1", "SELECT 2", false},
		{"SELECT 1", "SELECT1", false},
		{"a -- b\nc", "a c", true},
		{"SELECT '--x'", "SELECT '--y'", false},
		{"SELECT 'a  b'", "SELECT 'a b'", false},
		{"SELECT 'it''s  x'", "SELECT 'it''s x'", false},
		{`SELECT E'\'  x'`, `SELECT E'\' x'`, false},
		{`SELECT '\' /* x */`, `SELECT '\'`, true},
		{`SELECT "a  b"`, `SELECT "a b"`, false},
		{"AS $$ a  b $$", "AS $$ a b $$", false},
		{"AS $f$ $$ -- x\n $f$", "AS $f$ $$ \n $f$", false},
		{"a$1  b$1", "a$1 b$1", true},
		{"SELECT $1", "SELECT  $1", true},
		{"", " -- nothing", true},
	} {
		if got := catalog.Version(c.a) == catalog.Version(c.b); got != c.same {
			t.Errorf("%q and %q: same version is %t, want %t", c.a, c.b, got, c.same)
		}
	}
}

func FuzzVersion(f *testing.F) {
	for _, sql := range []string{"SELECT 1", "$a$ x", "/* /* */", "E'\\", "'", `"`, "--", "$", "a$b$"} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		v := catalog.Version(sql)
		if len(v) != 16 || strings.Trim(v, "0123456789abcdef") != "" {
			t.Errorf("version %q", v)
		}
		if got := catalog.Version(" \n/* more */" + sql); got != v {
			t.Errorf("a comment in front changed the version from %s to %s", v, got)
		}
	})
}
