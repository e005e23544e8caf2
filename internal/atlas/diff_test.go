package atlas_test

import (
	"cmp"
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/tools/txtar"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// shared is what the schemas of the test files refer to.
const shared = `
	CREATE TABLE public.ref (code text PRIMARY KEY);
	CREATE TABLE public.num (id int PRIMARY KEY);
	CREATE DOMAIN public.hstore_like AS text;
	CREATE SCHEMA a; CREATE SCHEMA b;`

func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), tenanttest.New(t, tenanttest.Options{Tenants: -1}).OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, path string, statements ...string) {
	t.Helper()
	for _, sql := range append([]string{"SET search_path = " + path}, statements...) {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// TestDiff plans each file's way from one schema to the other, goes it, and
// then finds nothing more to do. Where nothing was left to others, the two
// schemas are the same.
func TestDiff(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/diff/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parts := map[string]string{}
			for _, f := range archive.Files {
				parts[f.Name] = string(f.Data)
			}
			conn := connect(t)
			exec(t, conn, "public", shared)
			exec(t, conn, "a", parts["both.sql"], parts["from.sql"])
			exec(t, conn, "b", parts["both.sql"], parts["to.sql"])

			policy := atlas.Policy{ConcurrentIndex: atlas.ConcurrentIndex{Create: true, Drop: true}}
			c := diff(t, conn, policy)
			if got := text(c); *update {
				archive.Files[len(archive.Files)-1].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if d := gocmp.Diff(parts["want"], got); d != "" {
				t.Error(d)
			}
			for _, s := range c.Statements {
				exec(t, conn, "a", s.SQL)
			}
			again := diff(t, conn, policy)
			if len(again.Statements) > 0 {
				t.Errorf("not reached:\n%s", text(again))
			}
			if d := gocmp.Diff(snapshot(t, conn, "b"), snapshot(t, conn, "a")); d != "" && len(c.Skipped) == 0 {
				t.Error(d)
			}
		})
	}
}

// TestWithheld leaves out what the policy says, and says so.
func TestWithheld(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	exec(t, conn, "public", shared)
	exec(t, conn, "a", `CREATE TABLE gone (id int); CREATE TABLE t (a int, b int);
		CREATE INDEX i ON t (a); CREATE INDEX odd ON t (a) WITH (fillfactor = 70)`)
	exec(t, conn, "b", "CREATE TABLE t (a int, c int)")
	got := text(diff(t, conn, atlas.Policy{Skip: []string{"drop_column", "drop_index", "drop_table"}}))
	want := `ALTER TABLE "t" ADD COLUMN "c" integer NULL
withheld: drop index odd of table t: left out by drop_index in diff.skip of atlas.hcl
withheld: drop column b of table t: left out by drop_column in diff.skip of atlas.hcl
withheld: drop index i of table t: left out by drop_index in diff.skip of atlas.hcl
withheld: drop table gone: left out by drop_table in diff.skip of atlas.hcl
`
	if d := gocmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestDiffInTransaction sees what the connection's own transaction has done, and
// leaves its search_path as it was.
func TestDiffInTransaction(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	exec(t, conn, "public", shared)
	exec(t, conn, "b", "CREATE TABLE t (a int)")
	exec(t, conn, "b, pg_temp", "BEGIN", "CREATE TABLE a.t (a int, b int)")
	if got := text(diff(t, conn, atlas.Policy{})); !strings.HasPrefix(got, "ALTER TABLE \"t\" DROP COLUMN \"b\"\n") {
		t.Error(got)
	}
	var path string
	if err := conn.QueryRow(t.Context(), "SHOW search_path").Scan(&path); err != nil || path != "b, pg_temp" || conn.PgConn().TxStatus() != 'T' {
		t.Error(path, err)
	}
	if _, err := atlas.Diff(t.Context(), conn, "a", conn, "nowhere", atlas.Policy{}); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Error(err)
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	exec(t, conn, "public", shared)
	exec(t, conn, "b", "CREATE TABLE t (a int); CREATE TABLE u (a int)")
	if n, err := atlas.Inspect(t.Context(), conn, "b"); n != 2 || err != nil {
		t.Error(n, err)
	}
}

func diff(t *testing.T, conn *pgx.Conn, policy atlas.Policy) *atlas.Changes {
	t.Helper()
	c, err := atlas.Diff(t.Context(), conn, "a", conn, "b", policy)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func text(c *atlas.Changes) string {
	var b strings.Builder
	for _, s := range c.Statements {
		switch {
		case s.Alone:
			b.WriteString("(alone) ")
		case s.Outside:
			b.WriteString("(outside) ")
		}
		b.WriteString(s.SQL + "\n")
	}
	for _, s := range slices.SortedFunc(slices.Values(c.Skipped), cmp.Compare[string]) {
		b.WriteString("left: " + s + "\n")
	}
	for _, f := range c.Findings {
		b.WriteString("finding: " + f.Rule + " (" + f.Code + "): " + f.Message + "\n")
		if !slices.ContainsFunc(c.Statements, func(s atlas.Statement) bool { return s.SQL == f.Statement }) {
			b.WriteString("  of no statement: " + f.Statement + "\n")
		}
	}
	for _, s := range c.Withheld {
		b.WriteString("withheld: " + s + "\n")
	}
	return b.String()
}

// snapshot lists what a schema's tables are made of, as PostgreSQL sees them.
func snapshot(t *testing.T, conn *pgx.Conn, schema string) []string {
	t.Helper()
	exec(t, conn, schema)
	rows, err := conn.Query(t.Context(), `
		SELECT x FROM (
			SELECT c.relname || '.' || a.attname || ': ' || concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull,
			       a.attidentity::text, a.attgenerated::text, a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)) AS x
			FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
			WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
			UNION ALL SELECT pg_get_indexdef(i.indexrelid, 0, true) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = $1::regnamespace
			UNION ALL SELECT conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid, true) FROM pg_constraint WHERE connamespace = $1::regnamespace AND conrelid <> 0
			UNION ALL SELECT t.typname || ' ' || e.enumlabel || ' ' || row_number() OVER (PARTITION BY t.oid ORDER BY e.enumsortorder)
			FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid WHERE t.typnamespace = $1::regnamespace
			UNION ALL SELECT relname || ' ' || relkind::text || ' ' || coalesce(obj_description(oid, 'pg_class'), '') FROM pg_class WHERE relnamespace = $1::regnamespace
		) AS s ORDER BY x`, schema)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return lines
}
