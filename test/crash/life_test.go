//go:build linux || darwin || freebsd

package crash_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

const (
	lifeDatabase = "life"
	// longestDelay is how long the server has at most for a step whose process dies.
	longestDelay = 20 * time.Millisecond
	// stride is how many steps are between two at which a process is killed, when
	// there is little time.
	stride = 7
)

// TestKillLife kills processes that create, rename, offboard and purge tenants, at
// each of their steps: before it is taken, and while it is or right after. Each of
// the four has a server of its own, so that they don't wait for one another. Each
// time it looks whether anything half-made is routed, has the step repeated to its
// end, and looks whether anything is left that the doctor does not mend.
func TestKillLife(t *testing.T) { //nolint:tparallel // The next pass begins once it is known how many this one has killed.
	t.Parallel()
	from := *seed
	if from == 0 {
		from = rand.Uint64()
	}
	most, step := *kills, 1
	if testing.Short() {
		most, step = min(most, 40), stride
	}
	t.Logf("-kills %d -seed %d", most, from)
	var killed atomic.Int64
	passes := 0
	for ; killed.Load() < int64(most) || passes == 0; passes++ {
		if t.Failed() {
			t.FailNow()
		}
		t.Run(strconv.Itoa(passes), func(t *testing.T) {
			for i, action := range []string{catalog.ActionCreate, catalog.ActionRename, catalog.ActionOffboard, catalog.ActionPurge} {
				random := rand.New(rand.NewPCG(from, uint64(1+i+4*passes)))
				t.Run(action, func(t *testing.T) {
					t.Parallel()
					r := newLifeRig(t, random)
					steps := r.steps(t, action, step)
					t.Logf("%d processes were killed at %d steps", r.killed, steps)
					killed.Add(int64(r.killed))
				})
			}
		})
	}
	t.Logf("%d processes were killed, in %d passes through all their steps", killed.Load(), passes)
}

// steps kills processes at one step of an action after the other, until there is
// none before which one could be killed, and returns how many there were. A process
// that is done before it is killed after a step says nothing of how many are left.
func (r *lifeRig) steps(t *testing.T, action string, stride int) (steps int) {
	t.Helper()
	for n := 1; r.attempt(t, action, moment{step: n}); n += stride {
		steps++
		r.attempt(t, action, moment{step: n, after: true, delay: r.delay()})
		if t.Failed() {
			t.FailNow()
		}
	}
	if steps == 0 {
		t.Errorf("%s has no steps", action)
	}
	return steps
}

// lifeRig is a server of the test's own, and what has been done to it.
type lifeRig struct {
	*stepper

	random   *rand.Rand
	url      string // the owner's
	catalog  *catalog.Catalog
	routes   *catalog.Resolver
	db       *tenant.DB
	owner    *pgx.Conn
	super    *pgx.Conn
	attempts int
	killed   int
}

func newLifeRig(t *testing.T, random *rand.Rand) *lifeRig {
	t.Helper()
	server := &rig{options: instance(t)}
	server.options.Name = lifeDatabase
	server.start(t)
	r := &lifeRig{random: random, url: server.server.OwnerURL(lifeDatabase)}
	do(t, connect(t, server.server.SuperURL(devpg.Database)), "CREATE DATABASE "+lifeDatabase+" OWNER "+devpg.OwnerRole)
	if err := server.server.Harden(t.Context(), lifeDatabase); err != nil {
		t.Fatal(err)
	}
	r.super, r.owner = connect(t, server.server.SuperURL(lifeDatabase)), connect(t, r.url)
	r.stepper = newStepper(t, r.url)
	var err error
	r.catalog, err = openLife(t.Context(), r.url, func(_ context.Context, line string) error { r.note(line); return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.catalog.Close)
	if err := r.catalog.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.db, err = tenant.Open(t.Context(), tenant.Config{URL: server.server.RuntimeURL(lifeDatabase)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.db.Close)
	r.routes = catalog.NewResolver(r.db, 0) // it remembers nothing
	return r
}

func (r *lifeRig) delay() time.Duration { return time.Duration(r.random.Int64N(int64(longestDelay))) }

// attempt kills one process at a moment of its step. It is false when the process
// was done before that.
func (r *lifeRig) attempt(t *testing.T, action string, at moment) bool {
	t.Helper()
	r.attempts++
	before := r.prepare(t, action)
	l := life{URL: r.stepper.url(t, r.url), Control: r.control.Addr().String(), Action: action, ID: before.ID, Slug: fmt.Sprintf("tenant-%dn", r.attempts)}
	killed := r.run(t, l, at)
	if killed {
		r.killed++
	}
	r.whole(t, l, at)
	r.routed(t, l, before)
	after, err := l.take(t.Context(), r.catalog)
	if err != nil {
		t.Fatalf("%s, killed at %+v, can't be repeated: %v", action, at, err)
	}
	r.finished(t, l, at, after)
	r.tidy(t, after)
	return killed
}

// prepare makes the tenant that the step is about.
func (r *lifeRig) prepare(t *testing.T, action string) (before catalog.Record) {
	t.Helper()
	if action == catalog.ActionCreate {
		return before
	}
	old := life{Action: catalog.ActionCreate, Slug: fmt.Sprintf("tenant-%d", r.attempts)}
	before, err := old.take(t.Context(), r.catalog)
	if err == nil && action == catalog.ActionPurge {
		before, err = life{Action: catalog.ActionOffboard, ID: before.ID}.take(t.Context(), r.catalog)
	}
	if err != nil {
		t.Fatal(err)
	}
	return before
}

// run has a process take a step, and tells whether it was killed. It returns when
// nothing of the process is left at the server.
func (r *lifeRig) run(t *testing.T, l life, at moment) (killed bool) {
	t.Helper()
	text, err := json.Marshal(l)
	file := filepath.Join(t.TempDir(), "life.json")
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan *process, 1)
	r.next(at, func() {
		p := <-started
		started <- p
		_ = p.cmd.Process.Kill() // it may have ended
	})
	p := launchAs(t, lifeEnv, file)
	started <- p
	err = p.wait()
	if err != nil && !killedError(err) {
		t.Fatalf("%s ended by itself: %v", l.Action, err)
	}
	for value[bool](t, r.super, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '"+lifeProcess+"')") {
		time.Sleep(time.Millisecond)
	}
	return err != nil
}

// tidy takes the tenant away.
func (r *lifeRig) tidy(t *testing.T, last catalog.Record) {
	t.Helper()
	for _, action := range []string{catalog.ActionOffboard, catalog.ActionPurge} {
		if last.State == catalog.StatePurged || last.State == catalog.StateOffboarding && action == catalog.ActionOffboard {
			continue
		}
		if _, err := (life{Action: action, ID: last.ID}).take(t.Context(), r.catalog); err != nil {
			t.Fatal(err)
		}
	}
	left := value[int](t, r.super, `
		SELECT (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 't\_%')::int + (SELECT count(*) FROM pg_roles WHERE rolname LIKE 't\_%')::int`)
	if left != 0 {
		t.Errorf("%d schemas and roles are left", left)
	}
}
