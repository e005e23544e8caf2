package rollout_test

import (
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/rollout"
)

// dropName is a plan that loses what somebody may just have put there.
var dropName = []plan.Step{inTx("ALTER TABLE users DROP COLUMN name")}

// What is changed by hand in the middle of a wave is found before the schema's
// turn, and nothing is run on it; what was brought by hand to where it shall be is
// done. All others go on.
func TestLook(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 5, steps: dropName})
	f.config.Deployment = everybody(2)
	f.config.Freshness = -1
	touched, same := f.Tenants[3], f.Tenants[4]
	hand := connect(t, f.OwnerURL)
	f.config.Progress = once(rollout.TargetDone, func(rollout.Event) {
		exec(t, hand, "COMMENT ON COLUMN "+touched.Schema()+".users.name IS 'keep'",
			"ALTER TABLE "+same.Schema()+".users DROP COLUMN name")
	})
	e, id := f.start(t)
	o := run(t, e, id, rollout.Failed)
	if o.Done != 4 || o.Failed != 1 {
		t.Errorf("%+v", o)
	}
	row := f.target(t, touched.Slug)
	if row.State != "failed" || row.Step != 0 || !strings.Contains(row.Error, "no longer at "+f.from) {
		t.Errorf("%+v", row)
	}
	if n := value[int](t, f.conn, "SELECT count(*) FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'name'", touched.Schema()+".users"); n != 1 {
		t.Error("the plan was run on what was changed by hand")
	}
	if row := f.target(t, same.Slug); row.State != "done" || row.Attempts != 0 {
		t.Errorf("done by hand: %+v", row)
	}
	exec(t, hand, "COMMENT ON COLUMN "+touched.Schema()+".users.name IS NULL")
	run(t, f.open(t), id, rollout.Done)
	if n := f.at(t, f.to); n != 5 {
		t.Errorf("%d of 5", n)
	}
}

// What is found so counts for the budget, and nobody else is begun with then.
func TestLookEndsWave(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 4, steps: dropName})
	f.config.Deployment = everybody(1)
	f.config.Deployment.Groups[0].MaxFailures = atlas.Budget{}
	f.config.Freshness = -1
	hand := connect(t, f.OwnerURL)
	f.config.Progress = once(rollout.TargetDone, func(rollout.Event) {
		exec(t, hand, "CREATE TABLE "+f.Tenants[3].Schema()+".extra ()")
	})
	e, id := f.start(t)
	if o := run(t, e, id, rollout.Failed); o.Done != 1 || o.Failed != 1 || o.Pending != 2 {
		t.Errorf("%+v", o)
	}
}

// A schema that was begun with is in no state that could be looked for.
func TestLookAtBegun(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 3, steps: []plan.Step{
		inTx("ALTER TABLE users ADD COLUMN email text"),
		outside("CREATE INDEX CONCURRENTLY users_email_idx ON users (email)"),
		inTx("ALTER TABLE users DROP COLUMN name"),
	}})
	f.config.Freshness, f.config.SmallTable = -1, -1
	e, id := f.start(t)
	run(t, e, id, rollout.Done)
	if n := f.at(t, f.to); n != 3 {
		t.Errorf("%d of 3", n)
	}
}
