//go:build linux || darwin || freebsd

package crash_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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
// each of their steps: before it is taken, and while it is or right after. Each
// time it looks whether anything half-made is routed, has the step repeated to its
// end, and looks whether anything is left that the doctor does not mend.
func TestKillLife(t *testing.T) {
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
	r := newLifeRig(t, rand.New(rand.NewPCG(from, 1)))
	passes := 0
	for r.killed < most || passes == 0 {
		passes++
		for _, action := range []string{catalog.ActionCreate, catalog.ActionRename, catalog.ActionOffboard, catalog.ActionPurge} {
			for n := 1; r.attempt(t, action, moment{step: n}) && r.attempt(t, action, moment{step: n, after: true, delay: r.delay()}); n += step {
				if t.Failed() {
					t.FailNow()
				}
			}
		}
	}
	t.Logf("%d processes were killed, in %d passes through all their steps", r.killed, passes)
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

// whole looks for what was done by half: who is in the registry has a schema and a
// role, who is purged has neither, and nobody has them who is not there.
func (r *lifeRig) whole(t *testing.T, l life, at moment) {
	t.Helper()
	halves := value[string](t, r.super, `
		WITH tenants AS (SELECT 't_' || replace(id::text, '-', '') AS name, state FROM public.tenants)
		SELECT coalesce(string_agg(format('%s is %s, schema %s, role %s', coalesce(t.name, n.nspname, r.rolname), t.state, n.nspname, r.rolname), '; '), '')
		FROM tenants AS t
		FULL JOIN (SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\_%') AS n ON n.nspname = t.name
		FULL JOIN (SELECT rolname FROM pg_roles WHERE rolname LIKE 't\_%') AS r ON r.rolname = coalesce(t.name, n.nspname)
		WHERE (coalesce(t.state, 'purged') = 'purged') <> (n.nspname IS NULL) OR (n.nspname IS NULL) <> (r.rolname IS NULL) OR t.state = 'provisioning'`)
	if halves != "" {
		t.Errorf("%s, killed at %+v, is done by half: %s", l.Action, at, halves)
	}
}

// routed looks at who is routed after the kill: it is complete, and only one.
func (r *lifeRig) routed(t *testing.T, l life, before catalog.Record) {
	t.Helper()
	routes := 0
	for _, slug := range []string{before.Slug, l.Slug} {
		if slug == "" {
			continue
		}
		route, err := r.routes.Route(t.Context(), tenant.Name{Slug: slug})
		if tenant.CodeOf(err) == tenant.CodeNotFound {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		routes++
		r.usable(t, l, route.Tenant)
	}
	most, least := 1, 0
	switch l.Action {
	case catalog.ActionRename:
		least = 1
	case catalog.ActionPurge:
		most = 0
	}
	if routes < least || routes > most {
		t.Errorf("%s: %d routes after the kill, want %d to %d", l.Action, routes, least, most)
	}
}

// usable works for a tenant that is routed, as a service does.
func (r *lifeRig) usable(t *testing.T, l life, of tenant.Tenant) {
	t.Helper()
	q, err := r.db.Bind(of)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	var users, one int
	err = q.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM users), one() FROM (SELECT count(*) FROM items) AS i").Scan(&users, &one)
	if err != nil || users != 1 {
		t.Errorf("%s: %s is routed and has %d users, %v", l.Action, of.Slug, users, err)
	}
}

// finished looks at what the step that was repeated has led to.
func (r *lifeRig) finished(t *testing.T, l life, at moment, after catalog.Record) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s, killed at %+v, repeated: %s", l.Action, at, fmt.Sprintf(format, args...))
	}
	want := map[string]string{
		catalog.ActionCreate: catalog.StateActive, catalog.ActionRename: catalog.StateActive,
		catalog.ActionOffboard: catalog.StateOffboarding, catalog.ActionPurge: catalog.StatePurged,
	}[l.Action]
	if after.State != want {
		fail("the tenant is %s, want %s", after.State, want)
	}
	if want == catalog.StateActive && after.Slug != l.Slug {
		fail("the tenant is called %s, want %s", after.Slug, l.Slug)
	}
	if n := value[int](t, r.owner, fmt.Sprintf("SELECT count(*)::int FROM bailiwick.audit WHERE tenant_id = '%s' AND action = '%s'", after.ID, l.Action)); n != 1 {
		fail("it is %d times in the audit", n)
	}
	if n := value[int](t, r.owner, "SELECT count(*)::int FROM public.tenants WHERE slug = '"+l.Slug+"'"); want == catalog.StateActive && n != 1 {
		fail("%d tenants are called %s", n, l.Slug)
	}
	if n := value[int](t, r.owner, "SELECT count(*)::int FROM bailiwick.tenants WHERE request_key = 'key of "+l.Slug+"'"); l.Action == catalog.ActionCreate && n != 1 {
		fail("%d tenants were made with the key", n)
	}
	do(t, r.owner, "UPDATE bailiwick.outbox SET due_at = now() WHERE done_at IS NULL") // time passes
	if _, err := r.catalog.Deliver(t.Context()); err != nil {
		fail("deliver: %v", err)
	}
	if r.times(afterLine(l.Action, after.ID)) == 0 {
		fail("the hook was told nothing")
	}
	if n := value[int](t, r.owner, "SELECT count(*)::int FROM bailiwick.outbox WHERE done_at IS NULL"); n > 0 {
		fail("%d events are not delivered", n)
	}
	r.healthy(t, fail)
}

// healthy mends what there is to mend, after which nothing is wrong.
func (r *lifeRig) healthy(t *testing.T, fail func(format string, args ...any)) {
	t.Helper()
	for _, mend := range []bool{true, false} {
		found, err := r.catalog.Doctor(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, trouble := range found {
			if !mend || !trouble.Mendable {
				fail("%+v", trouble)
				continue
			}
			if err := r.catalog.Mend(t.Context(), trouble); err != nil {
				fail("%+v: %v", trouble, err)
			}
		}
	}
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
