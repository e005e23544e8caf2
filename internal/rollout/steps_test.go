package rollout_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/rollout"
)

// An index whose making was broken off is made again; one whose making was not
// noted in the ledger is not.
func TestInvalidIndex(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 3, steps: []plan.Step{
		inTx("ALTER TABLE users ADD COLUMN email text"),
		outside("CREATE UNIQUE INDEX CONCURRENTLY users_email_key ON users (email)"),
		inTx("COMMENT ON INDEX users_email_key IS 'one each'"),
	}})
	e, id := f.start(t)
	twin, noted := f.Tenants[0].Schema(), f.Tenants[1].Schema()
	exec(t, f.conn, "ALTER TABLE "+twin+".users ADD COLUMN email text", "INSERT INTO "+twin+".users (email) VALUES ('a'), ('a')",
		"ALTER TABLE "+noted+".users ADD COLUMN email text", "CREATE UNIQUE INDEX users_email_key ON "+noted+".users (email)",
		"UPDATE bailiwick.rollout_targets SET step = 1, started_at = now() WHERE schema IN ('"+twin+"', '"+noted+"')")
	before := value[int64](t, f.conn, "SELECT '"+noted+".users_email_key'::regclass::oid::int8")
	o := run(t, e, id, rollout.Failed)
	row := f.target(t, f.Tenants[0].Slug)
	if o.Done != 2 || row.SQLState != "23505" || row.Step != 1 {
		t.Errorf("%+v: %+v", o, row)
	}
	if after := value[int64](t, f.conn, "SELECT '"+noted+".users_email_key'::regclass::oid::int8"); after != before {
		t.Error("an index that was there was made again")
	}
	if n := value[int](t, f.conn, "SELECT count(*) FROM pg_index WHERE NOT indisvalid"); n != 0 {
		t.Errorf("%d broken indexes stay after a failure", n)
	}
	// As after a crash: the broken index is there.
	if _, err := f.conn.Exec(t.Context(), "CREATE UNIQUE INDEX CONCURRENTLY users_email_key ON "+twin+".users (email)"); err == nil {
		t.Fatal("the index could be made")
	}
	exec(t, f.conn, "DELETE FROM "+twin+".users")
	if o := run(t, f.open(t), id, rollout.Done); o.Done != 3 || f.at(t, f.to) != 3 {
		t.Errorf("%+v", o)
	}
}

// Where a snapshot is held, CONCURRENTLY would wait for it: a small table's index is
// made in a transaction, and a large one's is not.
func TestSmallTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 2, steps: []plan.Step{
		inTx("ALTER TABLE users ADD COLUMN email text"),
		outside("CREATE UNIQUE INDEX CONCURRENTLY users_email_key ON users (email)"),
	}})
	large := f.Tenants[1]
	exec(t, f.conn, "INSERT INTO "+large.Schema()+".users (name) SELECT repeat('x', 1000) FROM generate_series(1, 1200)")
	held := connect(t, f.OwnerURL)
	exec(t, held, "BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT FROM pg_class")
	f.config.OutsideTimeout = time.Second
	e, id := f.start(t)
	if o := run(t, e, id, rollout.Failed); o.Done != 1 {
		t.Errorf("%+v", o)
	}
	if row := f.target(t, large.Slug); row.SQLState != "57014" || !strings.HasPrefix(row.Statement, "CREATE UNIQUE INDEX CONCURRENTLY") {
		t.Errorf("%+v", row)
	}
	exec(t, held, "COMMIT")
	run(t, f.open(t), id, rollout.Done)
	if n := f.at(t, f.to); n != 2 {
		t.Errorf("%d of 2", n)
	}
}

func TestDropIndexConcurrently(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 2, steps: append(addEmail[:1:1],
		outside("DROP INDEX CONCURRENTLY users_email_idx"), inTx("ALTER TABLE users ADD COLUMN phone text"))})
	e, id := f.start(t)
	run(t, e, id, rollout.Done)
	if n := f.at(t, f.to); n != 2 {
		t.Errorf("%d of 2", n)
	}
}

// backfills are over keys of several types.
var backfills = []plan.Step{
	inTx("ALTER TABLE users ADD COLUMN size integer"),
	{
		Kind: plan.Backfill, Table: "users", Key: "id", Batch: 7,
		Statements: []string{"UPDATE users SET size = coalesce(size, 0) + length(name) WHERE id BETWEEN $1 AND $2"},
	},
	{
		Kind: plan.Backfill, Table: "notes", Key: "id", Batch: 7,
		Statements: []string{"UPDATE notes SET size = coalesce(size, 0) + length(body) WHERE id BETWEEN $1 AND $2"},
	},
	{
		Kind: plan.Backfill, Table: "labels", Key: "the key", Batch: 7,
		Statements: []string{`UPDATE labels SET size = coalesce(size, 0) + 1 WHERE "the key" BETWEEN $1 AND $2`},
	},
	inTx("ALTER TABLE users ALTER COLUMN size SET NOT NULL"),
}

// fill gives a tenant rows for the backfills, 50 of each.
func (f *fixture) fill(t *testing.T, i int) {
	t.Helper()
	exec(t, f.conn, fmt.Sprintf(`SET search_path = %s;
		INSERT INTO users (name) SELECT 'x' FROM generate_series(1, 50);
		INSERT INTO notes (body) SELECT 'x' FROM generate_series(1, 50);
		INSERT INTO labels SELECT E'it''s \\ ' || n FROM generate_series(1, 50) AS n; RESET search_path`, f.Tenants[i].Schema()))
}

// wrong counts the rows that were not backfilled exactly once.
func (f *fixture) wrong(t *testing.T) (n int) {
	t.Helper()
	for _, tenant := range f.Tenants {
		for _, table := range []string{"users", "notes", "labels"} {
			n += value[int](t, f.conn, "SELECT count(*) FROM "+tenant.Schema()+"."+table+" WHERE size IS DISTINCT FROM 1")
		}
	}
	return n
}

func TestBackfill(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 3, steps: backfills})
	f.fill(t, 0)
	f.fill(t, 1)
	e, id := f.start(t)
	run(t, e, id, rollout.Done)
	if n := f.wrong(t); n != 0 {
		t.Errorf("%d rows were not done exactly once", n)
	}
}

// A backfill that failed goes on after the last batch that was done.
func TestBackfillResumed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 1, steps: backfills})
	f.fill(t, 0)
	schema := f.Tenants[0].Schema()
	exec(t, f.conn, "ALTER TABLE "+schema+".notes ADD CONSTRAINT odd CHECK (body <> 'odd' OR size IS NULL)",
		"UPDATE "+schema+".notes SET body = 'odd' WHERE id = (SELECT id FROM "+schema+".notes ORDER BY id OFFSET 20 LIMIT 1)")
	e, id := f.start(t)
	run(t, e, id, rollout.Failed)
	row := f.target(t, f.Tenants[0].Slug)
	if row.SQLState != "23514" || row.Step != 2 || row.Attempts != 1 || !strings.Contains(row.Error, ", in notes with id from ") {
		t.Errorf("%+v", row)
	}
	half, err := e.HalfDone(t.Context(), id)
	if err != nil || len(half) != 1 || !strings.HasPrefix(half[0], f.Tenants[0].Slug+" (in a backfill, up to ") {
		t.Errorf("half done: %v, %v", half, err)
	}
	if n := value[int](t, f.conn, "SELECT count(*) FROM "+schema+".notes WHERE size = 1"); n != 14 {
		t.Errorf("%d rows were done before the failure, want the two batches of 7", n)
	}
	exec(t, f.conn, "ALTER TABLE "+schema+".notes DROP CONSTRAINT odd", "UPDATE "+schema+".notes SET body = 'x'")
	run(t, f.open(t), id, rollout.Done)
	if half, err := e.HalfDone(t.Context(), id); err != nil || len(half) != 0 {
		t.Errorf("half done: %v, %v", half, err)
	}
	if n := f.wrong(t); n != 0 {
		t.Errorf("%d rows were not done exactly once", n)
	}
}

// A key that rows may lack, or have in common, is refused and not gone along: a
// NULL at the end was the end of it all.
func TestBackfillKey(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{"name": "users.name may be NULL", "often": "users.often has no unique index"} {
		f := newFixture(t, change{tenants: 1, steps: []plan.Step{
			inTx("ALTER TABLE users ADD COLUMN size integer, ADD COLUMN often integer NOT NULL DEFAULT 1"),
			{Kind: plan.Backfill, Table: "users", Key: key, Statements: []string{"UPDATE users SET size = 1 WHERE " + key + " BETWEEN $1 AND $2"}},
		}})
		f.fill(t, 0)
		e, id := f.start(t)
		run(t, e, id, rollout.Failed)
		if row := f.target(t, f.Tenants[0].Slug); row.Step != 1 || !strings.Contains(row.Error, want) || row.Statement == "" {
			t.Errorf("%+v", row)
		}
	}
}

// A backfill whose user asks twice stops between two batches, and goes on there.
func TestBackfillAborted(t *testing.T) {
	t.Parallel()
	steps := append([]plan.Step{}, backfills...)
	steps[1].Pause = 10 * time.Second
	f := newFixture(t, change{tenants: 1, steps: steps})
	f.fill(t, 0)
	abort := make(chan struct{})
	f.config.Abort = abort
	f.config.Progress = func(e rollout.Event) {
		if e.Kind == rollout.Batched {
			close(abort)
		}
	}
	e, id := f.start(t)
	run(t, e, id, rollout.Paused)
	exec(t, f.conn, "UPDATE bailiwick.rollouts SET plans = replace(plans::text, '10000000000', '0')::jsonb")
	f.config.Abort, f.config.Progress = nil, nil
	run(t, f.open(t), id, rollout.Done)
	if n := f.wrong(t); n != 0 {
		t.Errorf("%d rows were not done exactly once", n)
	}
}

// What could not be told after a crash is refused before anything is done.
func TestRefusedSteps(t *testing.T) {
	t.Parallel()
	for _, step := range []plan.Step{
		inTx("COMMIT"),
		outside("CREATE INDEX CONCURRENTLY ON users (name)"),
		outside("ALTER TABLE users ADD COLUMN email text"),
		{Kind: plan.Backfill, Statements: []string{"UPDATE users SET name = ''"}},
	} {
		f := newFixture(t, change{tenants: 1, steps: addEmail})
		f.fleet.States[0].Plan.Steps = []plan.Step{step}
		if _, err := f.open(t).Start(t.Context(), f.fleet); err == nil {
			t.Errorf("%+v was accepted", step)
		}
	}
}
