package rollout_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/rollout"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

func rollBack(t *testing.T, e *rollout.Engine, slugs ...string) *rollout.Outcome {
	t.Helper()
	b, err := e.LayoutRollback(t.Context(), 0, slugs)
	if err != nil {
		t.Fatal(err)
	}
	id, err := e.StartRollback(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, e, id, rollout.Done)
}

// current is what new tenants are made of.
func (f *fixture) current(t *testing.T) string {
	t.Helper()
	d, _, err := f.Catalog.Current(t.Context(), catalog.ScopeTenant)
	if err != nil {
		t.Fatal(err)
	}
	return d.Fingerprint
}

// A whole rollout goes back, with the tenants that were made in the new state,
// and forward again.
func TestRollback(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 4, steps: addEmail, reverse: dropEmail})
	e, id := f.start(t)
	run(t, e, id, rollout.Done)
	if _, err := f.Catalog.Create(t.Context(), catalog.CreateParams{Slug: "born"}); err != nil {
		t.Fatal(err)
	}
	if n := f.at(t, f.to); n != 5 || f.current(t) != f.to {
		t.Fatalf("%d of 5 are at the new state, current is %s", n, f.current(t))
	}
	if o := rollBack(t, e); o.Done != 5 {
		t.Errorf("%+v", o)
	}
	if n := f.at(t, f.from); n != 5 || f.current(t) != f.from {
		t.Errorf("%d of 5 are back, current is %s", n, f.current(t))
	}
	if _, err := e.LayoutRollback(t.Context(), 0, nil); err == nil || !strings.Contains(err.Error(), "no rollout to undo") {
		t.Errorf("undone twice: %v", err)
	}
	f.fleet.States[0].Schemas = f.fleet.States[0].Schemas[:4]
	id, err := e.Start(t.Context(), f.fleet)
	if err != nil {
		t.Fatal(err)
	}
	run(t, e, id, rollout.Done) // and the fifth as a straggler
	if n := f.at(t, f.to); n != 5 {
		t.Errorf("%d of 5 are forward again", n)
	}
}

func TestRollbackOfOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 3, steps: addEmail, reverse: dropEmail})
	e, id := f.start(t)
	run(t, e, id, rollout.Done)
	if _, err := e.LayoutRollback(t.Context(), 0, []string{"nobody"}); err == nil {
		t.Error("a tenant that is not there was rolled back")
	}
	rollBack(t, e, f.Tenants[1].Slug)
	if n := f.at(t, f.from); n != 1 || f.current(t) != f.to {
		t.Errorf("%d of 1 are back, current is %s", n, f.current(t))
	}
	rollBack(t, e)
	if n := f.at(t, f.from); n != 3 || f.current(t) != f.from {
		t.Errorf("%d of 3 are back, current is %s", n, f.current(t))
	}
}

// A rollout that failed halfway goes back as far as it had come.
func TestRollbackOfUnfinished(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{
		tenants: 4, reverse: dropEmail,
		steps: append(addEmail[:1:1], inTx("ALTER TABLE users ALTER COLUMN email SET NOT NULL")),
	})
	half := f.Tenants[0]
	exec(t, f.conn, "INSERT INTO "+half.Schema()+".users DEFAULT VALUES")
	f.config.Deployment = everybody(1)
	e, id := f.start(t)
	run(t, e, id, rollout.Failed)
	b, err := e.LayoutRollback(t.Context(), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if b.Of.ID != id || b.Total() != 3 || len(b.Notes) != 1 || !strings.Contains(b.Notes[0], half.Slug) {
		t.Errorf("%d targets, %q", b.Total(), b.Notes)
	}
	if _, err := e.LayoutRollback(t.Context(), 0, []string{half.Slug}); err == nil {
		t.Error("one tenant was rolled back in the middle of a rollout")
	} else if _, ok := errors.AsType[*rollout.UnfinishedError](err); !ok {
		t.Error(err)
	}
	if !slices.Equal(b.Left, []string{half.Slug}) {
		t.Errorf("left out: %q", b.Left)
	}
	rollBack(t, e)
	if n := f.at(t, f.from); n != 3 || f.current(t) != f.from {
		t.Errorf("%d of 3 are back, current is %s", n, f.current(t))
	}
	stored := value[string](t, f.conn, "SELECT schema_fingerprint FROM public.tenants WHERE slug = $1", half.Slug)
	if stored == f.from || stored != fingerprintOf(t, f.conn, half.Schema()) {
		t.Errorf("the registry says that the one between two steps is at %s", stored)
	}
}

// A rollback that would leave out all that is to be done is none.
func TestRollbackOfNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{
		tenants: 2, reverse: dropEmail,
		steps: append(addEmail[:1:1], inTx("ALTER TABLE users ALTER COLUMN email SET NOT NULL")),
	})
	for _, tenant := range f.Tenants {
		exec(t, f.conn, "INSERT INTO "+tenant.Schema()+".users DEFAULT VALUES")
	}
	f.config.Deployment.Groups[0].MaxFailures = atlas.Budget{Count: 1} // so that new tenants are made as before
	f.config.Deployment.Groups[0].Parallel = 2
	e, id := f.start(t)
	run(t, e, id, rollout.Failed)
	b, err := e.LayoutRollback(t.Context(), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.StartRollback(t.Context(), b); err == nil || !strings.Contains(err.Error(), f.Tenants[1].Slug+" is left out") || !strings.Contains(err.Error(), "schema resume") {
		t.Error(err)
	}
	if s, ok, err := e.Unfinished(t.Context()); err != nil || !ok || s.ID != id {
		t.Errorf("%v, %t: %+v is to be resumed", err, ok, s)
	}
	for _, tenant := range f.Tenants {
		exec(t, f.conn, "UPDATE "+tenant.Schema()+".users SET email = ''")
	}
	run(t, e, id, rollout.Done)
}

// Who looks at the way back, and agrees to it after another rollout has changed the
// schemas, goes back from where nobody looked: not even fingerprints that are the
// same again say that the values are.
func TestRollbackTooLate(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 2, steps: addEmail, reverse: dropEmail})
	e, id := f.start(t)
	run(t, e, id, rollout.Done)
	late, err := e.LayoutRollback(t.Context(), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	other := f.open(t)
	rollBack(t, other)
	id, err = other.Start(t.Context(), f.fleet)
	if err != nil {
		t.Fatal(err)
	}
	run(t, other, id, rollout.Done)
	_, err = e.StartRollback(t.Context(), late)
	if stale, ok := errors.AsType[*rollout.StaleError](err); !ok || stale.Other != id {
		t.Errorf("%v, want that rollout %d came between", err, id)
	}
	if n := f.at(t, f.to); n != 2 {
		t.Errorf("%d of 2 are where the other rollout led", n)
	}
	rollBack(t, e)
}

// Nor is a rollout abandoned for its way back that somebody has gone on with.
func TestRollbackOfResumed(t *testing.T) {
	t.Parallel()
	for state, done := range map[string]int{rollout.Paused: 2, rollout.Done: 3} {
		f := newFixture(t, change{tenants: 3, steps: addEmail, reverse: dropEmail})
		f.config.Deployment = everybody(1)
		e := f.pausedAt(t, 1)
		late, err := e.LayoutRollback(t.Context(), 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		if state == rollout.Paused {
			f.config.Progress = once(rollout.TargetDone, func(rollout.Event) { f.pause(t, e) })
		}
		run(t, f.open(t), late.Of.ID, state)
		if _, err = e.StartRollback(t.Context(), late); !isStale(err) {
			t.Error(err)
		}
		if got := value[string](t, f.conn, "SELECT state FROM bailiwick.rollouts"); got != state {
			t.Errorf("the rollout is %s, and was %s", got, state)
		}
		if o := rollBack(t, e); o.Done != done {
			t.Errorf("%+v", o)
		}
	}
}

func isStale(err error) bool {
	_, stale := errors.AsType[*rollout.StaleError](err)
	return stale
}

// pausedAt gives an engine whose rollout was paused after some schemas.
func (f *fixture) pausedAt(t *testing.T, schemas int) *rollout.Engine {
	t.Helper()
	progress, done := f.config.Progress, 0
	other := f.open(t)
	f.config.Progress = func(e rollout.Event) {
		if e.Kind == rollout.TargetDone {
			if done++; done == schemas {
				f.pause(t, other)
			}
		}
	}
	e, id := f.start(t)
	run(t, e, id, rollout.Paused)
	f.config.Progress = progress
	return e
}

func (f *fixture) pause(t *testing.T, e *rollout.Engine) {
	t.Helper()
	if _, err := e.Pause(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNoWayBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 2, steps: addEmail})
	f.fleet.States[0].Plan.Irreversible = "the spelling is lost"
	e, id := f.start(t)
	run(t, e, id, rollout.Done)
	_, err := e.LayoutRollback(t.Context(), 0, nil)
	if err == nil || !strings.Contains(err.Error(), "the spelling is lost") || !strings.Contains(err.Error(), "mend: ") {
		t.Error(err)
	}
}

// The shared schema is one target, before or after all others, and the other way
// round on the way back.
func TestPublic(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		f := newFixture(t, change{tenants: 2, steps: addEmail, reverse: dropEmail})
		f.addPublic(t, "CREATE TABLE public.offers ()", "DROP TABLE public.offers")
		f.fleet.PublicFirst = first
		var order []string
		f.config.Progress = func(e rollout.Event) {
			if e.Kind == rollout.WaveStarted {
				order = append(order, e.Group)
			}
		}
		e, id := f.start(t)
		run(t, e, id, rollout.Done)
		rollBack(t, e)
		want := []string{"all", publicName, publicName, "all"}
		if first {
			want = []string{publicName, "all", "all", publicName}
		}
		if !slices.Equal(order, want) {
			t.Errorf("public first: %t: %s, want %s", first, order, want)
		}
		if n := value[int](t, f.conn, "SELECT count(*) FROM pg_class WHERE relname = 'offers'"); n != 0 {
			t.Error("public is not back")
		}
	}
}

// publicName is the shared schema's, and its group's.
const publicName = "public"

// addPublic adds a plan for the shared schema to the fleet.
func (f *fixture) addPublic(t *testing.T, statement, back string) {
	t.Helper()
	from := fingerprintOf(t, f.conn, "public")
	exec(t, f.conn, statement)
	to := fingerprintOf(t, f.conn, "public")
	exec(t, f.conn, back)
	if again := fingerprintOf(t, f.conn, "public"); again != from || from == to {
		t.Fatalf("%s, %s, %s", from, to, again)
	}
	ddl := publicSchema + statement
	f.fleet.Desired[plan.Public] = plan.Target{Scope: plan.Public, Version: catalog.Version(ddl), DDL: ddl, Fingerprint: to}
	f.fleet.States = append(f.fleet.States, plan.StateGroup{
		Scope: plan.Public, Fingerprint: from, Schemas: []string{"public"}, Slugs: []string{"public"},
		Plan: &plan.Plan{Scope: plan.Public, From: from, To: to, Steps: []plan.Step{inTx(statement)}, Reverse: []plan.Step{inTx(back)}},
	})
}

// Tenants alone can't go before a shared schema that has to be first.
func TestOnlyWithoutPublic(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 2, steps: addEmail})
	f.addPublic(t, "CREATE TABLE public.offers ()", "DROP TABLE public.offers")
	f.fleet.PublicFirst = true
	f.config.Only = []string{f.Tenants[0].Slug}
	if _, err := f.open(t).Start(t.Context(), f.fleet); err == nil || !strings.Contains(err.Error(), "--only public,") {
		t.Error(err)
	}
}

// One tenant that no plan could be found for is left behind if the budget bears it.
func TestRefusedPlan(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 3, steps: addEmail})
	odd := f.Tenants[2]
	exec(t, f.conn, "CREATE TABLE "+odd.Schema()+".extra ()")
	s := &f.fleet.States[0]
	s.Schemas, s.Slugs = s.Schemas[:2], s.Slugs[:2]
	from := fingerprintOf(t, f.conn, odd.Schema())
	f.fleet.States = append(f.fleet.States, plan.StateGroup{
		Scope: plan.Tenant, Fingerprint: from, Schemas: []string{odd.Schema()}, Slugs: []string{odd.Slug},
		Plan: &plan.Plan{Scope: plan.Tenant, From: from, To: f.to, Refused: []string{"nobody knows what extra is"}},
	})
	f.config.Deployment.Groups[0].MaxFailures.Unlimited = false
	if _, err := f.open(t).Start(t.Context(), f.fleet); err == nil || !strings.Contains(err.Error(), "nobody knows") {
		t.Error(err)
	}
	f.config.Deployment.Groups[0].MaxFailures.Count = 1
	e, id := f.start(t)
	if o := run(t, e, id, rollout.Failed); o.Done != 2 || o.Failed != 1 || f.current(t) != f.to {
		t.Errorf("%+v", o)
	}
	if row := f.target(t, odd.Slug); !strings.Contains(row.Error, "nobody knows") || row.Hint == "" {
		t.Errorf("%+v", row)
	}
	exec(t, f.conn, "DROP TABLE "+odd.Schema()+".extra", "SET search_path = "+odd.Schema(), addEmail[0].Statements[0], addEmail[0].Statements[1])
	run(t, f.open(t), id, rollout.Done)
}
