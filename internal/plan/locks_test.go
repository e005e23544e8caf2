package plan_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// lockedSchema is what the statements of TestLocks are about.
const lockedSchema = `
	CREATE TABLE public.ref (code text PRIMARY KEY);
	CREATE SCHEMA own;
	SET search_path = own;
	CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
	CREATE DOMAIN positive AS int CHECK (VALUE > 0);
	CREATE TABLE r (id int PRIMARY KEY);
	CREATE TABLE t (id bigint PRIMARY KEY, a int, b varchar(10), c text, v text NOT NULL, r int REFERENCES r);
	CREATE INDEX t_a ON t (a);
	CREATE UNIQUE INDEX t_c ON t (c);
	ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0) NOT VALID;
	ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (c) REFERENCES public.ref NOT VALID;
	CREATE VIEW w AS SELECT id FROM t;
	CREATE MATERIALIZED VIEW m AS SELECT id FROM t;
	CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch();
	CREATE TABLE "Part" (id int) PARTITION BY LIST (id);`

// TestLocks holds what is measured against what PostgreSQL's manual says: the
// modes of "Explicit Locking" and the notes of ALTER TABLE.
func TestLocks(t *testing.T) {
	t.Parallel()
	conn := lockedConn(t)
	const (
		rewrites = " rewrite scan"
		scans    = " scan"
		all      = "t: ACCESS EXCLUSIVE"
	)
	for statement, want := range map[string]string{
		"ALTER TABLE t ADD COLUMN n int":                                        all,
		"ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 1":                     all,
		"ALTER TABLE t ADD COLUMN n timestamptz DEFAULT now()":                  all,
		"ALTER TABLE t ADD COLUMN n uuid DEFAULT gen_random_uuid()":             all + rewrites,
		"ALTER TABLE t ADD COLUMN n int GENERATED ALWAYS AS IDENTITY":           all + rewrites,
		"ALTER TABLE t ADD COLUMN n int GENERATED ALWAYS AS (a + 1) STORED":     all + rewrites,
		"ALTER TABLE t ADD COLUMN n positive":                                   all + rewrites,
		"ALTER TABLE t ADD COLUMN n int NOT NULL":                               all + scans,
		"ALTER TABLE t DROP COLUMN v":                                           all,
		"ALTER TABLE t ALTER COLUMN b TYPE varchar(20)":                         all,
		"ALTER TABLE t ALTER COLUMN b TYPE text":                                all,
		"ALTER TABLE t ALTER COLUMN b TYPE varchar(5)":                          all + rewrites,
		"ALTER TABLE t ALTER COLUMN a TYPE bigint":                              all + rewrites,
		"ALTER TABLE t ALTER COLUMN a SET DEFAULT 5":                            all,
		"ALTER TABLE t ALTER COLUMN a SET NOT NULL":                             all + scans,
		"ALTER TABLE t ALTER COLUMN v DROP NOT NULL":                            all,
		"ALTER TABLE t ALTER COLUMN c SET STATISTICS 10":                        "t: SHARE UPDATE EXCLUSIVE",
		"ALTER TABLE t ALTER COLUMN c SET STORAGE EXTERNAL":                     all,
		"ALTER TABLE t SET (fillfactor = 70)":                                   "t: SHARE UPDATE EXCLUSIVE",
		"ALTER TABLE t SET UNLOGGED":                                            all + rewrites,
		"ALTER TABLE t RENAME COLUMN a TO z":                                    all,
		"ALTER TABLE t RENAME TO z":                                             all,
		"ALTER TABLE t ADD CONSTRAINT x CHECK (a > 1)":                          all + scans,
		"ALTER TABLE t ADD CONSTRAINT x CHECK (a > 1) NOT VALID":                all,
		"ALTER TABLE t VALIDATE CONSTRAINT ck":                                  "t: SHARE UPDATE EXCLUSIVE scan",
		"ALTER TABLE t ADD CONSTRAINT x UNIQUE (a)":                             all + scans,
		"ALTER TABLE t ADD CONSTRAINT x UNIQUE USING INDEX t_c":                 all,
		"ALTER TABLE t ADD CONSTRAINT x FOREIGN KEY (a) REFERENCES r":           "r: SHARE ROW EXCLUSIVE, t: SHARE ROW EXCLUSIVE scan",
		"ALTER TABLE t ADD CONSTRAINT x FOREIGN KEY (a) REFERENCES r NOT VALID": "r: SHARE ROW EXCLUSIVE, t: SHARE ROW EXCLUSIVE",
		"ALTER TABLE t DROP CONSTRAINT ck":                                      all,
		"ALTER TABLE t DROP CONSTRAINT fk":                                      "public.ref: ACCESS EXCLUSIVE, " + all,
		"ALTER TABLE t DISABLE TRIGGER tr":                                      "t: SHARE ROW EXCLUSIVE",
		"ALTER TABLE t ENABLE ROW LEVEL SECURITY":                               all,
		"ALTER INDEX t_a RENAME TO t_z":                                         "",
		"CREATE INDEX ON t (a, c)":                                              "t: SHARE scan",
		"DROP INDEX t_a":                                                        all,
		"CREATE TRIGGER z BEFORE INSERT ON t EXECUTE FUNCTION touch()":          "t: SHARE ROW EXCLUSIVE",
		"DROP TRIGGER tr ON t":                                                  all,
		"CREATE POLICY p ON t USING (true)":                                     all,
		"CREATE STATISTICS s ON a, c FROM t":                                    "t: SHARE UPDATE EXCLUSIVE",
		"CREATE VIEW x AS SELECT a FROM t":                                      "",
		"REFRESH MATERIALIZED VIEW m":                                           "m: ACCESS EXCLUSIVE rewrite scan",
		"COMMENT ON TABLE t IS 'x'":                                             "t: SHARE UPDATE EXCLUSIVE",
		"CREATE TABLE z (id int PRIMARY KEY, c text REFERENCES public.ref)":     "public.ref: SHARE ROW EXCLUSIVE",
		"CREATE TABLE z PARTITION OF \"Part\" DEFAULT":                          `"Part": ACCESS EXCLUSIVE`,
		"DROP TABLE r CASCADE":                                                  "r: ACCESS EXCLUSIVE, " + all,
		"TRUNCATE t":                                                            all + rewrites,
		"UPDATE t SET a = 1":                                                    "t: ROW EXCLUSIVE",
		"DELETE FROM t WHERE id BETWEEN 1 AND 2":                                "t: ROW EXCLUSIVE",
		"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'":            "",
		"CREATE TYPE e AS ENUM ('x')":                                           "",
	} {
		locks, err := lockedBy(t, conn, statement)
		if err != nil {
			t.Errorf("%s: %v", statement, err)
		}
		if diff := cmp.Diff(want, lockText(locks)); diff != "" {
			t.Errorf("%s: %s", statement, diff)
		}
	}
}

// TestLocksOnce says a lock when it is taken, and tells of new tables nothing.
func TestLocksOnce(t *testing.T) {
	t.Parallel()
	conn := lockedConn(t)
	for name, statements := range map[string][]string{
		"":                                 {"ALTER TABLE t DROP COLUMN b", "ALTER TABLE t DROP COLUMN v"},
		"t: ACCESS EXCLUSIVE rewrite scan": {"ALTER TABLE t DROP COLUMN b", "ALTER TABLE t ALTER COLUMN a TYPE bigint"},
		"t: ACCESS EXCLUSIVE":              {"COMMENT ON TABLE t IS 'x'", "ALTER TABLE t DROP COLUMN v"},
		"r: SHARE ROW EXCLUSIVE":           {"CREATE TABLE n (id int)", "ALTER TABLE n ADD FOREIGN KEY (id) REFERENCES r NOT VALID"},
	} {
		locks, err := lockedBy(t, conn, statements...)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(name, lockText(locks)); diff != "" {
			t.Errorf("%s: %s", statements, diff)
		}
	}
}

func TestOutsideLocks(t *testing.T) {
	t.Parallel()
	conn := lockedConn(t)
	for statement, want := range map[string]string{
		"CREATE INDEX CONCURRENTLY x ON t (c)": "t: SHARE UPDATE EXCLUSIVE scan",
		"DROP INDEX CONCURRENTLY t_a":          "t: SHARE UPDATE EXCLUSIVE",
		"VACUUM t":                             "",
	} {
		locks, err := plan.Locks(t.Context(), world(conn), plan.Step{Kind: plan.Outside, Statements: []string{statement}})
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, lockText(locks)); diff != "" {
			t.Errorf("%s: %s", statement, diff)
		}
	}
}

func world(conn *pgx.Conn) plan.World {
	return plan.World{Conn: conn, Names: plan.Names{Schema: "own"}}
}

// lockedBy returns what the last of some statements locks.
func lockedBy(t *testing.T, conn *pgx.Conn, statements ...string) ([]plan.Lock, error) {
	t.Helper()
	all, err := plan.Locks(t.Context(), world(conn), plan.Step{Kind: plan.InTransaction, Statements: statements})
	return slices.DeleteFunc(all, func(l plan.Lock) bool { return l.Statement != statements[len(statements)-1] }), err
}

func lockedConn(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), tenanttest.New(t, tenanttest.Options{Tenants: -1}).OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), lockedSchema); err != nil {
		t.Fatal(err)
	}
	return conn
}

func lockText(locks []plan.Lock) string {
	lines := make([]string, len(locks))
	for i, l := range locks {
		lines[i] = fmt.Sprintf("%s: %s", l.Table, l.Mode)
		if l.Rewrite {
			lines[i] += " rewrite"
		}
		if l.Scan {
			lines[i] += " scan"
		}
	}
	return strings.Join(lines, ", ")
}
