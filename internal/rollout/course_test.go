package rollout_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/rollout"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// once runs do at the first event of a kind.
func once(kind rollout.EventKind, do func(rollout.Event)) func(rollout.Event) {
	var first sync.Once
	return func(e rollout.Event) {
		if e.Kind == kind {
			first.Do(func() { do(e) })
		}
	}
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 6, steps: addEmail})
	f.config.Deployment = everybody(1)
	other := f.open(t)
	f.config.Progress = once(rollout.TargetDone, func(rollout.Event) {
		if s, err := other.Pause(t.Context()); err != nil || s.State != rollout.Paused {
			t.Errorf("%v: %+v", err, s)
		}
	})
	e, id := f.start(t)
	o := run(t, e, id, rollout.Paused)
	if o.Done != 1 || o.Pending != 5 || !strings.Contains(o.Reason, "paused") {
		t.Errorf("%+v", o)
	}
	if o := run(t, other, id, rollout.Done); o.Done != 6 {
		t.Errorf("%+v", o)
	}
	if _, err := other.Pause(t.Context()); err == nil {
		t.Error("there was something to pause")
	}
}

// An interrupt finishes the schemas in hand, also those with several steps.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 4, steps: append(addEmail[:1:1],
		plan.Step{Kind: plan.Backfill, Table: "users", Key: "id", Batch: 7, Statements: []string{"UPDATE users SET email = '' WHERE id BETWEEN $1 AND $2"}},
		inTx("ALTER TABLE users ALTER COLUMN email SET NOT NULL"))})
	f.fill(t, 0)
	f.config.Deployment = everybody(1)
	ctx, cancel := context.WithCancel(t.Context())
	f.config.Progress = once(rollout.Batched, func(rollout.Event) { cancel() })
	e, id := f.start(t)
	o, err := e.Run(ctx, id)
	if err != nil || o.State != rollout.Paused || o.Done != 1 || o.Pending != 3 {
		t.Fatalf("%v: %+v", err, o)
	}
	if n := f.at(t, f.to); n != 1 {
		t.Errorf("%d at the new state", n)
	}
	run(t, f.open(t), id, rollout.Done)
}

// Tenants that are made while a rollout goes on are not missed, nor are those
// that are on the way out changed.
func TestNewcomersAndLeavers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 5, steps: addEmail})
	f.config.Deployment = everybody(1)
	leaver, gone := f.Tenants[3], f.Tenants[4]
	f.config.Progress = once(rollout.TargetDone, func(rollout.Event) {
		if _, err := f.Catalog.Create(t.Context(), catalog.CreateParams{Slug: "late"}); err != nil {
			t.Error(err)
		}
		exec(t, f.conn, "UPDATE public.tenants SET state = 'offboarding' WHERE slug = '"+leaver.Slug+"'",
			"DROP SCHEMA "+gone.Schema()+" CASCADE")
	})
	e, id := f.start(t)
	o := run(t, e, id, rollout.Done)
	if o.Done != 4 || o.Skipped != 2 || o.Total != 6 {
		t.Errorf("%+v", o)
	}
	for _, slug := range []string{leaver.Slug, gone.Slug} {
		if row := f.target(t, slug); row.State != "skipped" || row.Error == "" {
			t.Errorf("%s: %+v", slug, row)
		}
	}
	if n := f.at(t, f.to); n != 4 {
		t.Errorf("%d tenants are at the new state, want the three that stay and the late one", n)
	}
	if row := f.target(t, "late"); row.State != "done" {
		t.Errorf("late: %+v", row)
	}
}

// rings is a deployment of a canary and waves of the rest.
func rings(canaryBudget atlas.Budget) atlas.Deployment {
	return atlas.Deployment{Groups: []atlas.Group{
		{Name: "rest", Parallel: 2, Percent: 50, OnError: atlas.OnErrorContinue, MaxFailures: atlas.Budget{Percent: 50}, DependsOn: []string{"canary"}},
		{Name: "canary", Match: []string{"canary"}, Parallel: 1, Percent: 100, OnError: atlas.OnErrorContinue, MaxFailures: canaryBudget},
	}}
}

// The canaries come first, and when they fail nobody else is touched.
func TestCanary(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 6, steps: addEmail})
	d := rings(atlas.Budget{})
	d.Groups[0], d.Groups[1] = d.Groups[1], d.Groups[0] // the first that matches
	f.config.Deployment = d
	canary := f.Tenants[4]
	exec(t, f.conn, "UPDATE public.tenants SET ring = 'canary' WHERE slug = '"+canary.Slug+"'",
		"ALTER TABLE "+canary.Schema()+".users ADD COLUMN email integer")
	e, id := f.start(t)
	o := run(t, e, id, rollout.Failed)
	if o.Failed != 1 || o.Done != 0 || o.Pending != 5 || !strings.Contains(o.Reason, "canary") {
		t.Errorf("%+v", o)
	}
	exec(t, f.conn, "ALTER TABLE "+canary.Schema()+".users DROP COLUMN email")
	var waves []string
	f.config.Progress = func(e rollout.Event) {
		if e.Kind == rollout.WaveStarted {
			waves = append(waves, e.Group+" "+e.Message)
		}
	}
	run(t, f.open(t), id, rollout.Done)
	if want := []string{"canary 1 schema", "rest 3 schemas", "rest 2 schemas"}; !slices.Equal(waves, want) {
		t.Errorf("waves %q, want %q", waves, want)
	}
}

// A budget for the whole rollout takes the place of the groups'.
func TestMaxFailures(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 10, steps: addEmail})
	f.config.Deployment = everybody(1)
	f.config.MaxFailures = &atlas.Budget{Percent: 20}
	for _, tenant := range f.Tenants[:5] {
		exec(t, f.conn, "ALTER TABLE "+tenant.Schema()+".users ADD COLUMN email integer")
	}
	e, id := f.start(t)
	o := run(t, e, id, rollout.Failed)
	if o.Failed != 3 || o.Pending == 0 || !strings.Contains(o.Reason, "20%") {
		t.Errorf("%+v", o)
	}
}

// What the plan did not bring about is found after the wave, and what was changed
// by hand while a rollout was paused is left alone.
func TestVerified(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 4, steps: addEmail})
	f.config.Deployment = everybody(1)
	odd, done := f.Tenants[1], f.Tenants[2]
	f.config.Progress = once(rollout.TargetDone, func(rollout.Event) {
		// "odd" comes after "acme" by its slug, and is changed just before its turn.
		exec(t, f.conn, "CREATE TABLE "+odd.Schema()+".extra ()")
	})
	e, id := f.start(t)
	run(t, e, id, rollout.Failed)
	row := f.target(t, odd.Slug)
	if row.State != "failed" || !strings.Contains(row.Error, "where the plan leads") || !strings.Contains(row.Hint, "--tenant "+odd.Slug) {
		t.Errorf("%+v", row)
	}
	stored := value[string](t, f.conn, "SELECT schema_fingerprint FROM public.tenants WHERE slug = $1", odd.Slug)
	if stored == f.to || stored != fingerprintOf(t, f.conn, odd.Schema()) {
		t.Errorf("the registry says %s", stored)
	}
	exec(t, f.conn, "DROP TABLE "+odd.Schema()+".extra", "CREATE TABLE "+done.Schema()+".extra ()")
	f.config.Progress = nil
	run(t, f.open(t), id, rollout.Failed)
	if row := f.target(t, odd.Slug); row.State != "done" {
		t.Errorf("%+v", row)
	}
	if row := f.target(t, done.Slug); row.State != "failed" {
		t.Errorf("%+v", row)
	}
	exec(t, f.conn, "DROP TABLE "+done.Schema()+".extra")
	run(t, f.open(t), id, rollout.Done)
	if n := f.at(t, f.to); n != 4 {
		t.Errorf("%d of 4", n)
	}
}

// A schema that was changed by hand while the rollout was paused is not run a
// plan on that is for another state.
func TestChangedMeanwhile(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 3, steps: addEmail})
	e, id := f.start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if o, err := e.Run(ctx, id); err == nil {
		t.Logf("%+v", o)
	}
	exec(t, f.conn, "CREATE TABLE "+f.Tenants[0].Schema()+".extra ()",
		"SET search_path = "+f.Tenants[1].Schema(), addEmail[0].Statements[0], addEmail[0].Statements[1], "RESET search_path")
	exec(t, f.conn, "UPDATE bailiwick.rollouts SET holder_until = now()")
	run(t, f.open(t), id, rollout.Failed)
	if row := f.target(t, f.Tenants[0].Slug); row.State != "failed" || row.Step != 0 || !strings.Contains(row.Error, "no longer") {
		t.Errorf("%+v", row)
	}
	if row := f.target(t, f.Tenants[1].Slug); row.State != "done" || row.Step != 0 {
		t.Errorf("done by hand: %+v", row)
	}
	if n := f.at(t, f.to); n != 2 {
		t.Errorf("%d of 2", n)
	}
}

// After a wave there is a wait, in which a release that doesn't fit ends it all.
func TestSoak(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 4, steps: addEmail})
	f.config.Deployment = rings(atlas.Budget{})
	soak := time.Hour
	f.config.Soak = &soak
	soaked := false
	f.config.Progress = func(e rollout.Event) {
		if e.Kind == rollout.Soaking {
			soaked = true
			exec(t, f.conn, "INSERT INTO bailiwick.releases (id, name, version, statements, misfits, expires_at) VALUES "+
				"('r', 'shop', 'v1', '[]', jsonb_build_object('"+f.to+"', 'why'), now() + interval '1 minute') ON CONFLICT DO NOTHING")
		}
	}
	e, id := f.start(t)
	o := run(t, e, id, rollout.Failed)
	if !soaked || o.Done != 2 || o.Pending != 2 || !strings.Contains(o.Reason, "shop v1") {
		t.Errorf("soaked %t: %+v", soaked, o)
	}
	exec(t, f.conn, "DELETE FROM bailiwick.releases")
	f.config.Progress, soak = nil, time.Millisecond
	run(t, f.open(t), id, rollout.Done)
}

// Some tenants alone: what new ones are made of stays.
func TestOnly(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 3, steps: addEmail})
	before := value[string](t, f.conn, "SELECT version FROM bailiwick.schemas WHERE scope = 'tenant' AND current")
	f.config.Only = []string{"nobody"}
	if _, err := f.open(t).Start(t.Context(), f.fleet); err == nil {
		t.Error("a tenant that is not there was accepted")
	}
	f.config.Only = []string{f.Tenants[1].Slug}
	e, id := f.start(t)
	if o := run(t, e, id, rollout.Done); o.Total != 1 {
		t.Errorf("%+v", o)
	}
	if n := f.at(t, f.to); n != 1 {
		t.Errorf("%d at the new state", n)
	}
	if after := value[string](t, f.conn, "SELECT version FROM bailiwick.schemas WHERE scope = 'tenant' AND current"); after != before {
		t.Error("new tenants are made in another way")
	}
}
