package rollout_test

import (
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/rollout"
)

// All connections are lost again and again: the run goes on, and nothing fails.
func TestConnectionsLost(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 30, steps: backfills})
	for i := range 5 {
		f.fill(t, i)
	}
	super := connect(t, f.SuperURL)
	events := 0
	f.config.Progress = func(rollout.Event) {
		if events++; events%7 == 0 && events < 150 {
			exec(t, super, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bailiwick schema' AND datname = current_database()")
		}
	}
	e, id := f.start(t)
	if o := run(t, e, id, rollout.Done); o.Done != 30 {
		t.Errorf("%+v", o)
	}
	if n := f.at(t, f.to); n != 30 {
		t.Errorf("%d of 30 are at the new state", n)
	}
	if n := f.wrong(t); n != 0 {
		t.Errorf("%d rows were not done exactly once", n)
	}
}
