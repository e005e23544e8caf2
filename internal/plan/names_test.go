package plan_test

import (
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
)

func TestBind(t *testing.T) {
	t.Parallel()
	names := plan.Names{Schema: "t_1", Owner: "boss", Runtime: "app"}
	for _, same := range []string{
		`SELECT '{"$schema": 1}'`,
		`SELECT 'it''s "$schema"'`,
		`SELECT 'a\', "$no", '"$schema"'`,
		`SELECT E'it\'s "$schema"'`,
		`SELECT e'\\', '"$owner"'`,
		`SELECT $${"$schema": 1}$$`,
		`CREATE FUNCTION f() RETURNS json LANGUAGE sql AS $_1$ SELECT '{"$schema": $$ "$owner" $$}' $_1$`,
		`SELECT 1 -- the "$schema"`,
		"SELECT 1 /* the /* \"$schema\" */ '\"$schema\" */",
		`SELECT "a""$schema""b", "x"" ""$owner"`,
		`SELECT '"$schema"`,
		`SELECT "$schemata"`,
	} {
		if got := names.Bind(same); got != same {
			t.Errorf("%s became %s", same, got)
		}
	}
	for from, want := range map[string]string{
		`GRANT USAGE ON SCHEMA "$schema" TO "$tenant", "$owner", "$runtime"`: `GRANT USAGE ON SCHEMA "t_1" TO "t_1", "boss", "app"`,
		`SELECT '"$owner"', "$owner"`:                                        `SELECT '"$owner"', "boss"`,
		`SELECT 'a\', "$owner"`:                                              `SELECT 'a\', "boss"`,
		`SELECT E'a\'', "$owner"`:                                            `SELECT E'a\'', "boss"`,
		`SELECT name'a\', "$owner"`:                                          `SELECT name'a\', "boss"`,
		`SELECT $$'$$, "$owner", $a$'$a$`:                                    `SELECT $$'$$, "boss", $a$'$a$`,
		`SELECT $1, "$owner", $2`:                                            `SELECT $1, "boss", $2`,
		`SELECT a$b$, "$owner", c$b$`:                                        `SELECT a$b$, "boss", c$b$`,
		"SELECT 1 -- it's\n, \"$owner\"":                                     "SELECT 1 -- it's\n, \"boss\"",
		`SELECT /* ' /* */ " */ "$owner"`:                                    `SELECT /* ' /* */ " */ "boss"`,
		`COMMENT ON SCHEMA "$schema" IS '{"$schema": ""}'`:                   `COMMENT ON SCHEMA "t_1" IS '{"$schema": ""}'`,
	} {
		if got := names.Bind(from); got != want {
			t.Errorf("%s became %s, want %s", from, got, want)
		}
	}
}

// FuzzBind never loses anything but placeholders.
func FuzzBind(f *testing.F) {
	f.Add(`SELECT "$schema", '"$owner"', $a$ "$runtime" $a$, E'\'' -- "`)
	f.Fuzz(func(t *testing.T, statement string) {
		names := plan.Names{Schema: "$schema", Owner: "$owner", Runtime: "$runtime"}
		want := statement
		if got := names.Bind(statement); strings.ReplaceAll(got, `"$tenant"`, `"$schema"`) != strings.ReplaceAll(want, `"$tenant"`, `"$schema"`) {
			t.Errorf("%q became %q", statement, got)
		}
	})
}
