package lint_test

import (
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// FuzzQueries feeds the splitter, the comment reader and the checker with
// anything: no input may panic, and a finding lies inside the text.
func FuzzQueries(f *testing.F) {
	for _, seed := range []string{
		"", ";", "-- name: A :one\nSELECT 1;", "/* name: B :exec */ SELECT ';', $$;$$; -- x",
		"-- bailiwick:allow server-control why\nSELECT pg_sleep(1)", "SELECT é FROM (", "'", "$a$", "/*",
		"CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3",
		"CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN\n x := 1; END $$", "SELECT U&\"\\0070g\"", "END; )); END ((",
		"-- bailiwick:allow", "--bailiwick:allow \t a b", "ALTER FUNCTION f() RESET ALL", "GRANT SELECT ON public.x TO PUBLIC",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file := []lint.File{{Name: "f.sql", Text: text}}
		list := lint.SQL(lint.Input{PublicSchema: file, TenantSchema: file, PublicQueries: file, TenantQueries: file})
		lines := 1
		for _, r := range text {
			if r == '\n' {
				lines++
			}
		}
		for _, d := range list {
			if d.Line < 1 || d.Line > lines || d.Column < 1 || d.Rule == "" || d.Message == "" {
				t.Errorf("finding outside the text: %#v", d)
			}
		}
	})
}

// FuzzHidden puts a refused call behind any prefix: it must be found whenever
// the query is found clean without it, that is when the grammar accepts both.
func FuzzHidden(f *testing.F) {
	for _, seed := range []string{"", "1,", "'a',", "$$;$$,", "/* ; */ 1,", "(SELECT 1),", "E'\\'', ", "\"a\"\"b\","} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, prefix string) {
		query := func(call string) lint.Input {
			return lint.Input{TenantQueries: []lint.File{{Name: "q.sql", Text: "-- name: Q :one\nSELECT " + prefix + call}}}
		}
		clean := lint.SQL(query(" lower('x') AS hidden"))
		if len(clean) > 0 {
			return
		}
		if len(lint.SQL(query(" pg_sleep(1) AS hidden"))) > 0 {
			return
		}
		if len(lint.SQL(query(" ) AS hidden"))) > 0 {
			t.Errorf("the call behind %q is not found", prefix)
		}
	})
}

// FuzzBody feeds PL/pgSQL's parser, which is C, with any body: it may refuse
// it, but not end the process.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		"BEGIN RETURN NEW; END", "DECLARE r record; c CURSOR FOR SELECT 1; x findings%ROWTYPE; BEGIN FOR r IN c LOOP NULL; END LOOP; END",
		"BEGIN x.y[1] := 2; RAISE NOTICE '%', 1; END", "<<l>> DECLARE a ALIAS FOR $1; BEGIN EXIT l; GET DIAGNOSTICS a = ROW_COUNT; END",
		"BEGIN RETURN QUERY EXECUTE 'x' USING 1; EXCEPTION WHEN others THEN RAISE; END", "#variable_conflict use_column\nBEGIN END",
	} {
		f.Add(seed, "trigger")
		f.Add(seed, "SETOF findings")
	}
	f.Fuzz(func(_ *testing.T, body, returns string) {
		text := "CREATE FUNCTION f(a int, b text[]) RETURNS " + returns + " LANGUAGE plpgsql AS $bw$" + body + "$bw$;"
		lint.SQL(lint.Input{TenantSchema: []lint.File{{Name: "f.sql", Text: text}}})
	})
}
