//go:build linux || darwin || freebsd

package crash_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

var (
	kills = flag.Int("kills", 200, "how many processes are killed, of rollouts and in the life of tenants each")
	seed  = flag.Uint64("seed", 0, "repeats the moments of an earlier run, as far as the machine lets it; 0 takes new ones")
)

const (
	// killsOfRound bound how often one rollout is killed; then it is let be.
	killsOfRound = 12
	// latest is how long after it has begun a process is killed.
	latest = 250 * time.Millisecond
	// patience is for a rollout that nobody kills.
	patience = time.Minute
)

// TestKill rolls the same change out to one fleet after the other. Each time two
// processes begin at once, one or both are killed again and again, every third
// time the database's server too, and a tenant comes while all that goes on.
func TestKill(t *testing.T) {
	t.Parallel()
	from := *seed
	if from == 0 {
		from = rand.Uint64()
	}
	t.Logf("-kills %d -seed %d", *kills, from)
	r := &rig{random: rand.New(rand.NewPCG(from, 0)), options: instance(t)}
	r.start(t)
	r.work = makeTemplate(t, r.server, "fleet")
	rounds, restarts := 0, 0
	for ; r.killed < *kills; rounds++ {
		if rounds%3 == 1 {
			restarts++
		}
		r.round(t, "fleet_"+strconv.Itoa(rounds), rounds%3 == 1)
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d processes were killed in %d rollouts, and the server in %d of them", r.killed, rounds, restarts)
}

// rig is the server, and what has been done to it.
type rig struct {
	options devpg.Options
	server  *devpg.Instance
	random  *rand.Rand
	work    string
	killed  int
}

// instance is a server of the test's own, which it may kill.
func instance(t *testing.T) devpg.Options {
	t.Helper()
	// Not t.TempDir: only its owner may enter it, and the server of a root user
	// runs as somebody else.
	dir, err := os.MkdirTemp("", "bwcrash")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return devpg.Options{Name: "crash", Project: dir, CacheDir: filepath.Join(dir, "cache")}
}

func (r *rig) start(t *testing.T) {
	t.Helper()
	in, err := devpg.Start(t.Context(), r.options)
	if err != nil {
		t.Fatal(err)
	}
	r.server = in
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
}

// restart ends the server as a loss of power would, and starts it again.
func (r *rig) restart(t *testing.T) {
	t.Helper()
	pids, err := filepath.Glob(filepath.Join(r.server.Dir(), "data-*", "postmaster.pid"))
	if err != nil || len(pids) != 1 {
		t.Fatalf("the server's pid: %v %v", pids, err)
	}
	text, err := os.ReadFile(pids[0])
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	for syscall.Kill(pid, 0) == nil {
		time.Sleep(10 * time.Millisecond)
	}
	r.start(t)
}

// round is one rollout from its start to its end.
func (r *rig) round(t *testing.T, name string, restart bool) {
	t.Helper()
	super := connect(t, r.server.SuperURL(devpg.Database))
	do(t, super, "CREATE DATABASE "+name+" TEMPLATE fleet OWNER "+devpg.OwnerRole)
	_ = super.Close(t.Context())
	file := r.workOf(t, name)
	for n := range killsOfRound {
		if r.killed >= *kills && n > 0 || !r.twins(t, name, file) {
			break
		}
		if n == 2 {
			r.newcomer(t, name)
		}
		if n == 4 && restart {
			alone := launch(t, file)
			alone.began(t)
			time.Sleep(r.moment())
			r.restart(t)
			// It waits for the server, or has given up.
			if err := alone.wait(); err != nil {
				t.Logf("the process that was cut off: %v", err)
			}
			file = r.workOf(t, name) // the port may be another
		}
	}
	last := launch(t, file)
	// The last one that was killed may have been done already.
	if err := last.wait(); err != nil && !late(err) {
		t.Fatalf("a rollout that was let be: %v\n%s", err, r.failures(t, name))
	}
	// One that has planned before all this, and begins after it.
	if err := launch(t, file).wait(); !late(err) {
		t.Errorf("%s: a process with plans of before: %v", name, err)
	}
	r.verify(t, name)
	super = connect(t, r.server.SuperURL(devpg.Database))
	do(t, super, "DROP DATABASE "+name+" WITH (FORCE)")
	_ = super.Close(t.Context())
}

func (r *rig) moment() time.Duration { return time.Duration(r.random.Int64N(int64(latest))) }

// twins starts two processes and kills one of them or both. It is false when the
// rollout is over.
func (r *rig) twins(t *testing.T, name, file string) bool {
	t.Helper()
	a, b := launch(t, file), launch(t, file)
	// The one that can't go on while the other lives waits for its turn.
	alive := a.began(t)
	alive = b.began(t) && alive
	time.Sleep(r.moment())
	if alive {
		a.kill(t)
		r.killed++
	}
	if r.random.IntN(2) == 0 {
		time.Sleep(r.moment() / 2)
	}
	if alive && b.running() {
		b.kill(t)
		r.killed++
	}
	over := false
	for _, err := range []error{a.wait(), b.wait()} {
		switch {
		case err == nil, late(err):
			over = true
		case !killedError(err):
			t.Fatalf("a process ended by itself: %v\n%s", err, r.failures(t, name))
		}
	}
	return !over
}

// late tells whether a process would not begin, for another one has done it all.
func late(err error) bool {
	return err != nil && strings.Contains(err.Error(), "has changed the fleet since")
}

// newcomer makes a tenant in the midst of a rollout.
func (r *rig) newcomer(t *testing.T, name string) {
	t.Helper()
	c := openCatalog(t, r.server.OwnerURL(name), catalog.Schema{Public: publicBefore, Tenant: tenantBefore})
	createTenant(t, c, "newcomer")
	c.Close()
}

func (r *rig) workOf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(r.work)
	if err != nil {
		t.Fatal(err)
	}
	var w work
	if err := json.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	w.URL = r.server.OwnerURL(name)
	file := filepath.Join(t.TempDir(), "work.json")
	writeWork(t, file, w)
	return file
}

// verify looks at every tenant, and at what the ledger says of it.
func (r *rig) verify(t *testing.T, name string) {
	t.Helper()
	conn := connect(t, r.server.OwnerURL(name))
	defer conn.Close(t.Context())
	var w work
	text, err := os.ReadFile(r.work)
	if err == nil {
		err = json.Unmarshal(text, &w)
	}
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ slug, schema, stored, state, to string }
	rows, err := conn.Query(t.Context(), `
		SELECT n.slug, 't_' || replace(n.id::text, '-', ''), n.schema_fingerprint, coalesce(g.state, 'none'), coalesce(g.to_fp, '')
		FROM public.tenants n LEFT JOIN bailiwick.rollout_targets g ON g.schema = 't_' || replace(n.id::text, '-', '')
		UNION ALL SELECT g.slug, g.schema, '', g.state, g.to_fp FROM bailiwick.rollout_targets g WHERE g.schema = 'public'`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, func(c pgx.CollectableRow) (x row, err error) {
		return x, c.Scan(&x.slug, &x.schema, &x.stored, &x.state, &x.to)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < tenants+1 {
		t.Fatalf("%s: %d targets, want public and %d tenants", name, len(all), tenants)
	}
	var schemas []string
	for _, x := range all {
		schemas = append(schemas, x.schema)
	}
	states, err := fingerprint.States(t.Context(), conn, schemas)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range all {
		scope, want := plan.Tenant, "first,second"
		if x.schema == "public" {
			scope, want = plan.Public, "public"
		}
		desired := w.Fleet.Desired[scope].Fingerprint
		if got := states[x.schema].Fingerprint; got != desired {
			t.Errorf("%s %s is at %s, want %s; the ledger: %+v", name, x.slug, got, desired, x)
			for other, state := range states {
				if state.Fingerprint == desired {
					explain(t, conn, x.schema, other)
					break
				}
			}
			continue
		}
		born := x.slug == "newcomer" && x.state == "none" // made after everything else was done
		if !born && (x.state != "done" || x.to != desired) || scope == plan.Tenant && x.stored != desired {
			t.Errorf("%s: the ledger is wrong about %+v", name, x)
		}
		if born {
			continue
		}
		if log := value[string](t, conn, "SELECT coalesce(string_agg(step, ',' ORDER BY step), '') FROM "+x.schema+".log"); log != want {
			t.Errorf("%s %s: its steps were %q, want %q", name, x.slug, log, want)
		}
		if scope == plan.Tenant {
			r.verifyRows(t, conn, name, x.slug, x.schema)
		}
	}
	if state := value[string](t, conn, "SELECT string_agg(state, ',') FROM bailiwick.rollouts"); state != "done" {
		t.Errorf("%s: the rollouts are %q, want one that is done", name, state)
	}
}

// explain tells how a schema differs from one that is as it should be.
func explain(t *testing.T, conn *pgx.Conn, schema, good string) {
	t.Helper()
	got, err := fingerprint.Objects(t.Context(), conn, schema)
	want, errGood := fingerprint.Objects(t.Context(), conn, good)
	if err := errors.Join(err, errGood); err != nil {
		t.Error(err)
	}
	for _, d := range fingerprint.Diff(got, want) {
		t.Log(d.Explain())
	}
}

// failures is what the ledger says of schemas that failed.
func (r *rig) failures(t *testing.T, name string) string {
	t.Helper()
	conn := connect(t, r.server.OwnerURL(name))
	defer conn.Close(t.Context())
	return value[string](t, conn, `
		SELECT coalesce(string_agg(format('rollout %s, %s, step %s: %s: %s: %s', rollout_id, slug, step, sqlstate, error, statement), E'\n'), 'nothing failed')
		FROM bailiwick.rollout_targets WHERE state = 'failed'`)
}

func (r *rig) verifyRows(t *testing.T, conn *pgx.Conn, name, slug, schema string) {
	t.Helper()
	got := value[string](t, conn, fmt.Sprintf("SELECT format('%%s rows, %%s to %%s', count(*), min(n), max(n)) FROM %s.items", schema))
	if want := fmt.Sprintf("%d rows, 1 to 1", items); got != want {
		t.Errorf("%s %s: the backfill has left %s, want %s", name, slug, got, want)
	}
	if !value[bool](t, conn, fmt.Sprintf("SELECT indisvalid FROM pg_index WHERE indexrelid = '%s.items_n_idx'::regclass", schema)) {
		t.Errorf("%s %s: the index is invalid", name, slug)
	}
}

func value[T any](t *testing.T, conn *pgx.Conn, sql string) (v T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}
