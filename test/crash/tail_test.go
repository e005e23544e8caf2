//go:build linux || darwin || freebsd

package crash_test

import (
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/rollout"
)

// TestTail ends the server as a loss of power would, when all of a rollout is done
// but that it is written down. What was committed last, and not yet on the disk, is
// done again.
func TestTail(t *testing.T) {
	t.Parallel()
	r := &rig{options: instance(t)}
	r.options.Name = "tail"
	r.start(t)
	r.work = makeTemplate(t, r.server, "fleet")
	w, err := readWork(r.workOf(t, "fleet"))
	if err != nil {
		t.Fatal(err)
	}
	ended := false
	e, err := rollout.Open(t.Context(), rollout.Config{
		URL: w.URL, Lease: lease, Deployment: deployment(), SmallTable: -1,
		Progress: func(event rollout.Event) {
			if event.Kind == rollout.WaveDone && event.Done == event.Total && !ended {
				ended = true
				r.restart(t)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	id, err := e.Start(t.Context(), w.Fleet)
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := e.Run(t.Context(), id)
	if err != nil || outcome.State != rollout.Done || !ended {
		t.Fatalf("%+v, %v", outcome, err)
	}
	r.verify(t, "fleet")
}
