package maintenance_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/maintenance"
	"github.com/bailiwick-dev/bailiwick/internal/project"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// load makes a project with the given maintenance queries, and reads them.
func load(t *testing.T, files map[string]string) ([]maintenance.Query, error) {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{
		"go.mod": "module example.com/notes\n", "openapi.yaml": "openapi: 3.0.3\n",
		"sqlc.yaml": `version: "2"
sql:
  - engine: postgresql
    schema: [schema/public.sql, schema/tenant.sql]
    queries: queries/tenant
    gen: {go: {package: sqlcgen, out: gen/tenantdb/internal/sqlcgen, sql_package: pgx/v5}}
`,
		"schema/public.sql":       "CREATE TABLE public.accounts (id bigint CONSTRAINT accounts_pkey PRIMARY KEY);",
		"schema/tenant.sql":       "CREATE TABLE notes (id bigint CONSTRAINT notes_pkey PRIMARY KEY, title text NOT NULL);",
		"queries/tenant/keep.sql": "-- name: GetNote :one\nSELECT * FROM notes WHERE id = $1;\n",
	}
	for name, text := range files {
		all["queries/maintenance/"+name] = text
	}
	for name, text := range all {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := project.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return maintenance.Load(p)
}

func TestLoad(t *testing.T) {
	t.Parallel()
	got, err := load(t, map[string]string{
		"b.sql": `-- Notes with a long title.
-- They are shown, and not changed.
-- name: LongTitles :many
SELECT id, @ id AS absolute, '@no' AS text FROM notes WHERE length(title) > @least::int AND title <> @but OR length(title) > 2 * @least;

-- name: Clear :exec
DELETE FROM notes; -- all of them
`,
		"a.sql": "-- name: Add :exec\nINSERT INTO notes VALUES (@id, @title)",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []maintenance.Query{
		{Name: "Add", Params: []string{"id", "title"}, File: "queries/maintenance/a.sql", SQL: "INSERT INTO notes VALUES ($1, $2)"},
		{Name: "Clear", Params: []string{}, File: "queries/maintenance/b.sql", SQL: "DELETE FROM notes"},
		{
			Name: "LongTitles", Rows: true, Params: []string{"least", "but"}, File: "queries/maintenance/b.sql",
			Doc: "Notes with a long title. They are shown, and not changed.",
			SQL: "SELECT id, @ id AS absolute, '@no' AS text FROM notes WHERE length(title) > $1::int AND title <> $2 OR length(title) > 2 * $1",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestRefused: what could leave its tenant is no maintenance query.
func TestRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"-- name: A :exec\nDELETE FROM t_0123.notes;":                                          "is in another schema [foreign-schema]",
		"-- name: A :many\nSELECT * FROM public.accounts;":                                     "[",
		"-- name: A :exec\nSELECT set_config('role', 'none', true);":                           "[session-settings]",
		"-- name: A :exec\nRESET ROLE;":                                                        "[",
		"-- name: A :exec\nTRUNCATE notes;":                                                    "[",
		"-- name: A :exec\nCREATE INDEX i ON notes (title);":                                   "[",
		"DELETE FROM notes;":                                                                   "belongs to no query",
		"-- name: A :exec\nDELETE FROM notes WHERE id = $1;":                                   "the parameter $1 has no name [maintenance]",
		"-- name: A :one\nSELECT * FROM notes;":                                                "mend: write `-- name: A :many` above it",
		"-- name: A :exec\nDELETE FROM notes;\n-- name: A :exec\nDELETE FROM notes WHERE 1=2;": "a second query of this name",
	} {
		_, err := load(t, map[string]string{"q.sql": text})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestBind(t *testing.T) {
	t.Parallel()
	q := maintenance.Query{Name: "Q", Params: []string{"b", "a"}}
	got, err := q.Bind(map[string]string{"a": "1", "b": "2"})
	if err != nil || !cmp.Equal(got, []string{"2", "1"}) {
		t.Error(got, err)
	}
	if _, err := q.Bind(map[string]string{"a": "1"}); err == nil || err.Error() != "query Q needs the parameter b" {
		t.Error(err)
	}
	if _, err := q.Bind(map[string]string{"a": "1", "c": ""}); err == nil || err.Error() != "query Q needs the parameter b, and has no parameter c" {
		t.Error(err)
	}
	if _, err := q.Bind(map[string]string{"a": "1", "b": "2", "d": "", "c": ""}); err == nil || err.Error() != "query Q has no parameter c, d" {
		t.Error(err)
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), tenanttest.Database(t).OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	run := func(q maintenance.Query, values ...string) (r maintenance.Result, err error) {
		err = pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
			r, err = q.Run(t.Context(), tx, values, 3)
			return err
		})
		return r, err
	}
	r, err := run(maintenance.Query{Rows: true, SQL: `SELECT n AS "no", n = $1::int AS same, 'a"b' AS text, NULL::text AS nothing,
		'{"a": [1]}'::jsonb AS doc, 1.50::numeric AS price, 'NaN'::float8 AS odd FROM generate_series(1, 2) AS n`}, "2")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r.Rows)
	const want = `[` +
		`{"no":1,"same":false,"text":"a\"b","nothing":null,"doc":{"a":[1]},"price":1.50,"odd":"NaN"},` +
		`{"no":2,"same":true,"text":"a\"b","nothing":null,"doc":{"a":[1]},"price":1.50,"odd":"NaN"}]`
	if err != nil || string(text) != want || r.Affected != 2 {
		t.Errorf("%v: got\n%s, want\n%s", err, text, want)
	}
	if got := r.Rows[1]; got.Text(0) != "2" || got.Text(2) != `a"b` || got.Text(3) != "" || got.Columns()[0] != "no" {
		t.Errorf("%+v", got)
	}
	if r, err = run(maintenance.Query{SQL: "SELECT generate_series(1, 9)"}); err != nil || r.Affected != 9 || r.Rows != nil {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err = run(maintenance.Query{Rows: true, SQL: "SELECT generate_series(1, 4)"}); err == nil || err.Error() != "the query returns more than 3 rows" {
		t.Error(err)
	}
	if _, err = run(maintenance.Query{SQL: "SELECT 1; SELECT 2"}); err == nil {
		t.Error("two statements were run")
	}
	if _, err = run(maintenance.Query{SQL: "SELECT $1::int"}, "x"); err == nil {
		t.Error("x is a number")
	}
}
