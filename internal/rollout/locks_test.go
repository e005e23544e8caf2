package rollout_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/rollout"
)

// A tenant whose table is in use is tried again, and the others don't wait for it.
func TestLockIsTriedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 4, steps: addEmail})
	f.config.LockTimeout = 400 * time.Millisecond
	f.config.Deployment = everybody(1)
	holder := connect(t, f.OwnerURL)
	exec(t, holder, "BEGIN", "LOCK TABLE "+f.Tenants[0].Schema()+".users IN ACCESS SHARE MODE")
	var order []string
	retried := 0
	f.config.Progress = func(e rollout.Event) {
		if e.Kind == rollout.TargetDone {
			order = append(order, e.Slug)
		}
		if e.Kind != rollout.Retried {
			return
		}
		if e.Wait < f.config.LockTimeout {
			t.Errorf("those who queued behind the statement for %s have %s to get on", f.config.LockTimeout, e.Wait)
		}
		if retried++; retried == 3 {
			exec(t, holder, "COMMIT")
		}
	}
	e, id := f.start(t)
	run(t, e, id, rollout.Done)
	if len(order) != 4 || order[3] != f.Tenants[0].Slug {
		t.Errorf("done in the order %v, want %s last", order, f.Tenants[0].Slug)
	}
	if row := f.target(t, f.Tenants[0].Slug); row.Attempts != 1 || row.Error != "" {
		t.Errorf("%+v", row)
	}
}

func TestLockIsNeverFree(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 3, steps: addEmail})
	f.config.LockTimeout, f.config.LockAttempts = 10*time.Millisecond, 3
	holder := connect(t, f.OwnerURL)
	exec(t, holder, "BEGIN", "LOCK TABLE "+f.Tenants[1].Schema()+".users IN ACCESS SHARE MODE")
	e, id := f.start(t)
	o := run(t, e, id, rollout.Failed)
	row := f.target(t, f.Tenants[1].Slug)
	if o.Done != 2 || row.SQLState != "55P03" || row.Hint == "" || row.Statement != addEmail[0].Statements[0] {
		t.Errorf("%+v: %+v", o, row)
	}
	exec(t, holder, "COMMIT")
	run(t, f.open(t), id, rollout.Done)
}

// A ledger that a newer version has written is not guessed at.
func TestUnknownStep(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 1, steps: addEmail})
	e, id := f.start(t)
	exec(t, f.conn, `UPDATE bailiwick.rollouts SET plans = replace(plans::text, '"transaction"', '"teleport"')::jsonb`)
	if _, err := e.Run(t.Context(), id); err == nil || !strings.Contains(err.Error(), "go on with the version that began it") {
		t.Error(err)
	}
	if row := f.target(t, f.Tenants[0].Slug); row.State != "pending" || row.Step != 0 {
		t.Errorf("%+v", row)
	}
}

// Whoever comes second is told who is at work, and does no harm.
func TestTwoRunners(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 6, steps: addEmail})
	f.config.Deployment, f.config.Lease = everybody(1), 600*time.Millisecond
	second := f.open(t)
	results := make(chan error, 1)
	asked := false
	f.config.Progress = func(e rollout.Event) {
		if e.Kind != rollout.TargetDone || asked {
			return
		}
		asked = true
		go func() {
			_, err := second.Run(context.WithoutCancel(t.Context()), rollout.ID(1))
			results <- err
		}()
		results <- <-results // the first one goes on when the second has given up
	}
	e, id := f.start(t)
	if id != 1 {
		t.Fatalf("rollout %d", id)
	}
	run(t, e, id, rollout.Done)
	if held, ok := errors.AsType[*rollout.HeldError](<-results); !ok || held.Holder == "" {
		t.Errorf("the second runner was not told: %v", held)
	}
	if _, err := second.Start(t.Context(), f.fleet); err != nil {
		t.Errorf("after the end: %v", err)
	}
	if _, err := second.Run(t.Context(), id); err == nil {
		t.Error("a rollout that is done was run again")
	}
}

// Of two that start at once one does, and the other is told.
func TestStartAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 1, steps: addEmail})
	a, b := f.open(t), f.open(t)
	f.fleet.Desired[plan.Public] = plan.Target{Scope: plan.Public, Version: "p", Fingerprint: "f1-p"}
	for range 20 {
		exec(t, f.conn, "DELETE FROM bailiwick.rollout_targets", "DELETE FROM bailiwick.rollouts", "DELETE FROM bailiwick.schemas")
		errs := make(chan error, 2)
		for _, e := range []*rollout.Engine{a, b} {
			go func() {
				_, err := e.Start(t.Context(), f.fleet)
				errs <- err
			}()
		}
		for _, err := range []error{<-errs, <-errs} {
			if _, unfinished := errors.AsType[*rollout.UnfinishedError](err); err != nil && !unfinished {
				t.Fatal(err)
			}
		}
	}
}

// A holder that has died is waited for until its lease ends, no longer.
func TestDeadHolder(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 2, steps: addEmail})
	_, id := f.start(t) // and never run
	f.config.Lease = 300 * time.Millisecond
	exec(t, f.conn, "UPDATE bailiwick.rollouts SET holder_until = now() + interval '200 ms'")
	run(t, f.open(t), id, rollout.Done)
}

// A runner whose rollout was taken over changes nothing more.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 5, steps: addEmail})
	f.config.Deployment = everybody(1)
	done := 0
	f.config.Progress = func(e rollout.Event) {
		if e.Kind == rollout.TargetDone {
			if done++; done == 2 {
				exec(t, f.conn, "UPDATE bailiwick.rollouts SET holder = 'somebody else', holder_until = now()")
			}
		}
	}
	e, id := f.start(t)
	if _, err := e.Run(t.Context(), id); err == nil {
		t.Error("the runner did not notice")
	}
	if n := f.at(t, f.to); n != 2 {
		t.Errorf("%d tenants are at the new state, want 2", n)
	}
	run(t, f.open(t), id, rollout.Done)
}

// The only rollout that is not finished is in the way of another one.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{tenants: 2, steps: addEmail})
	e, id := f.start(t)
	_, err := f.open(t).Start(t.Context(), f.fleet)
	unfinished, ok := errors.AsType[*rollout.UnfinishedError](err)
	if !ok || unfinished.Rollout.ID != id {
		t.Fatalf("%v", err)
	}
	if err := e.Abandon(t.Context(), id); err == nil {
		t.Error("a rollout that is held was abandoned")
	}
	exec(t, f.conn, "UPDATE bailiwick.rollouts SET holder_until = now()")
	if err := e.Abandon(t.Context(), id); err != nil {
		t.Error(err)
	}
	if _, err := f.open(t).Start(t.Context(), f.fleet); err != nil {
		t.Error(err)
	}
}
