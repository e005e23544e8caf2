package rollout_test

import (
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/rollout"
)

func TestApply(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 5, steps: addEmail})
	e, id := f.start(t)
	if o := run(t, e, id, rollout.Done); o.Done != 5 {
		t.Errorf("%+v", o)
	}
	if n := f.at(t, f.to); n != 5 {
		t.Errorf("%d of 5 tenants are at the new state", n)
	}
	if got, want := value[string](t, f.conn, "SELECT version FROM bailiwick.schemas WHERE scope = 'tenant' AND current"), f.fleet.Desired["tenant"].Version; got != want {
		t.Errorf("current is %s, want %s", got, want)
	}
}

// A view that nobody planned for, and a row that breaks a NOT NULL: the others go on.
func TestPoisoned(t *testing.T) {
	t.Parallel()
	steps := []plan.Step{addEmail[0], inTx("ALTER TABLE users ALTER COLUMN name TYPE varchar(20)", "ALTER TABLE users ALTER COLUMN name SET NOT NULL")}
	f := newFixture(t, change{tenants: 6, steps: steps})
	view, row := f.Tenants[1].Schema(), f.Tenants[3].Schema()
	exec(t, f.conn, "CREATE VIEW "+view+".v AS SELECT name FROM "+view+".users", "INSERT INTO "+row+".users DEFAULT VALUES")
	e, id := f.start(t)
	o := run(t, e, id, rollout.Failed)
	if o.Done != 4 || o.Failed != 2 {
		t.Errorf("%+v", o)
	}
	blocked := f.target(t, f.Tenants[1].Slug)
	if blocked.SQLState != "0A000" || !strings.Contains(blocked.Statement, "varchar") || blocked.Hint == "" || blocked.Step != 1 {
		t.Errorf("the view: %+v", blocked)
	}
	null := f.target(t, f.Tenants[3].Slug)
	if null.SQLState != "23502" || !strings.Contains(null.Statement, "SET NOT NULL") || !strings.Contains(null.Hint, "backfill") {
		t.Errorf("the row: %+v", null)
	}
	exec(t, f.conn, "DROP VIEW "+view+".v", "UPDATE "+row+".users SET name = 'x'")
	if o := run(t, f.open(t), id, rollout.Done); o.Done != 6 {
		t.Errorf("%+v", o)
	}
	if n := f.at(t, f.to); n != 6 {
		t.Errorf("%d of 6 tenants are at the new state", n)
	}
}
