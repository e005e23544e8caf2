package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// unit is one state on its way: public's, or one of the tenants'. It has two
// clones: plans are found on trial, while fresh stays as production is until the
// plans have been found, and then is where they must work.
type unit struct {
	*origin

	trial, fresh World
	// plan is nil for a state that is the desired one already.
	plan *Plan
	// found tells that the trial found a plan, whatever became of it.
	found bool
	// atlas is what Atlas first said of the difference; nil with a plan file.
	atlas *atlas.Changes
}

func (u *unit) ready() bool { return u.plan == nil || u.plan.Certified() }

// route is one order in which public and the tenants come to the desired state:
// public first, or last.
type route struct {
	Input

	desired      *desired
	trial, fresh *database
	public       *unit
	tenants      []*unit
	publicFirst  bool
	// planned hears of each unit that is through.
	planned func()
	mu      sync.Mutex
}

// take finds the plans of all units, and certifies them. What can't be planned is
// in the plans' Refused.
func (r *route) take(ctx context.Context) error {
	for _, do := range []func(context.Context) error{r.clone, r.forward, r.backward, r.certify} {
		if err := do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// inOrder does something with all units that have not been refused: one scope
// after the other, several tenants at once.
func (r *route) inOrder(ctx context.Context, publicFirst bool, do func(context.Context, *unit) error) error {
	public := func() error {
		if !r.public.ready() {
			return nil
		}
		return do(ctx, r.public)
	}
	if publicFirst {
		if err := public(); err != nil {
			return err
		}
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(r.Parallel)
	for _, u := range r.tenants {
		if u.ready() {
			group.Go(func() error { return do(inner, u) })
		}
	}
	if err := group.Wait(); err != nil || publicFirst {
		return err
	}
	return public()
}

func (r *route) refuse(p *Plan, sentences ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.Refused = shorten(append(p.Refused, sentences...))
}

// clone makes the worlds. While public stays as it is, that of the desired state
// serves for everything.
func (r *route) clone(ctx context.Context) (err error) {
	r.trial, r.fresh = r.desired.database, r.desired.database
	if r.public.plan != nil {
		for _, db := range []**database{&r.trial, &r.fresh} {
			if *db, err = r.desired.server.newDatabase(ctx); err != nil {
				return err
			}
		}
	}
	return r.inOrder(ctx, true, func(ctx context.Context, u *unit) error {
		if r.public.plan == nil && u.plan == nil {
			return nil // Nothing happens to it, or beside it.
		}
		return r.cloneUnit(ctx, u)
	})
}

func (r *route) cloneUnit(ctx context.Context, u *unit) error {
	for _, c := range []struct {
		db *database
		w  *World
	}{{r.trial, &u.trial}, {r.fresh, &u.fresh}} {
		w, refused, err := u.clone(ctx, c.db)
		if err != nil {
			return err
		}
		*c.w = w
		if len(refused) > 0 {
			plan := u.plan
			if plan == nil { // A desired state in an old world: that is public's doing.
				plan = r.public.plan
			}
			r.refuse(plan, refused...)
			return nil
		}
	}
	return nil
}

// forward finds the way of each unit to the desired state.
func (r *route) forward(ctx context.Context) error {
	return r.inOrder(ctx, r.publicFirst, func(ctx context.Context, u *unit) error {
		if u.plan == nil {
			return nil
		}
		if err := r.find(ctx, u); err != nil || !u.ready() {
			return err
		}
		if err := r.gate(ctx, u); err != nil || u != r.public {
			return err
		}
		// What public does must leave the tenants as they are.
		for _, t := range r.tenants {
			if err := r.beside(ctx, t); err != nil {
				return err
			}
		}
		return nil
	})
}

// find finds a unit's plan: in a file, or by trial.
func (r *route) find(ctx context.Context, u *unit) error {
	p := u.plan
	if r.Files != nil {
		if file, found := r.Files.Find(p.Scope, p.From, p.To); found {
			p.Source, p.Steps, p.Reverse, p.Losses, p.Irreversible = file.Source, file.Steps, file.Reverse, file.Losses, file.Irreversible
			err := r.rehearse(ctx, p, u.trial, p.Steps, r.desired.targets[p.Scope].Objects, "the plan file "+p.Source)
			u.found = u.ready()
			return err
		}
	}
	to := r.desired.tenant
	if p.Scope == Public {
		to = r.desired.public
	}
	to, err := r.desired.world(ctx, to.Schema)
	if err != nil {
		return err
	}
	t := trial{World: u.trial, target: r.desired.targets[p.Scope].Objects, tables: tables(u.trial, to, r.Policy[p.Scope], &u.atlas)}
	steps, refused, err := t.run(ctx)
	if err != nil {
		return err
	}
	p.Steps, u.found = steps, len(refused) == 0
	r.refuse(p, refused...)
	if u.atlas != nil {
		r.refuse(p, u.atlas.Withheld...)
	}
	return nil
}

// tables asks Atlas. Its first answer is kept in first.
func tables(from, to World, policy atlas.Policy, first **atlas.Changes) func(context.Context) ([]attempt, error) {
	return func(ctx context.Context) ([]attempt, error) {
		changes, err := atlas.Diff(ctx, from.Conn, from.Schema, to.Conn, to.Schema, policy)
		if err != nil {
			return nil, err
		}
		if *first == nil {
			*first = changes
		}
		attempts := make([]attempt, len(changes.Statements))
		for i, s := range changes.Statements {
			attempts[i] = attempt{sql: s.SQL, outside: s.Outside}
		}
		return attempts, nil
	}
}

// rehearse runs steps in a world, which must come to have the wanted objects by
// them. what is what they belong to, for the sentence that refuses the plan.
func (r *route) rehearse(ctx context.Context, p *Plan, w World, steps []Step, want []fingerprint.Object, what string) error {
	if err := Run(ctx, w, steps); err != nil {
		if fatal(err) {
			return err
		}
		if s, ok := errors.AsType[*statementError](err); ok {
			what += " fails at " + s.statements[0]
		}
		r.refuse(p, what+": "+describe(err))
		return nil
	}
	got, err := fingerprint.Objects(ctx, w.Conn, w.Schema)
	if err != nil {
		return err
	}
	if to := fingerprint.Of(want); fingerprint.Of(got) != to {
		r.refuse(p, what+" leads to another state than "+to+": "+explain(got, want))
	}
	return nil
}

// backward finds the way back.
func (r *route) backward(ctx context.Context) error {
	return r.inOrder(ctx, !r.publicFirst, func(ctx context.Context, u *unit) error {
		p := u.plan
		if p == nil || p.Source != "" {
			return nil
		}
		t := trial{World: u.trial, target: u.objects, tables: tables(u.trial, u.fresh, r.Policy[p.Scope], new(*atlas.Changes))}
		steps, refused, err := t.run(ctx)
		if err != nil {
			return err
		}
		p.Reverse = steps
		if p.Irreversible = irreversible(refused); p.Irreversible == "" {
			p.Losses = losses(u.objects, r.desired.targets[p.Scope].Objects)
		}
		return nil
	})
}

// certify runs all plans, and then the ways back, on the clones that nothing has
// been done to.
func (r *route) certify(ctx context.Context) error {
	err := r.inOrder(ctx, r.publicFirst, func(ctx context.Context, u *unit) error {
		if u.plan == nil {
			return nil
		}
		world := u.fresh
		world.locks = &u.plan.Locks
		err := r.rehearse(ctx, u.plan, world, u.plan.Steps, r.desired.targets[u.scope].Objects, "the plan")
		if err != nil {
			return err
		}
		if !u.ready() && !r.ready(u) {
			u.plan.Refused = []string{"it needs what another plan changes before it, which is refused"}
		}
		r.lint(u)
		return nil
	})
	if err != nil {
		return err
	}
	return r.inOrder(ctx, !r.publicFirst, func(ctx context.Context, u *unit) error {
		defer r.planned()
		if u.plan == nil || len(u.plan.Reverse) == 0 {
			return nil
		}
		// A way back that fails refuses only itself.
		back := Plan{Scope: u.plan.Scope, From: u.plan.To, To: u.plan.From}
		if err := r.rehearse(ctx, &back, u.fresh, u.plan.Reverse, u.objects, "the way back"); err != nil {
			return err
		}
		if !back.Certified() {
			u.plan.Irreversible, u.plan.Reverse, u.plan.Losses = irreversible(back.Refused), nil, nil
		}
		return nil
	})
}

// ready tells whether all plans that go before a unit's are certified.
func (r *route) ready(u *unit) bool {
	if r.publicFirst {
		return u == r.public || r.public.ready()
	}
	return u != r.public || !slices.ContainsFunc(r.tenants, func(t *unit) bool { return !t.ready() })
}

// lint gathers what there is to say of a unit's plan, and refuses what is an error.
func (r *route) lint(u *unit) {
	var found []atlas.Finding
	if u.atlas != nil {
		found = u.atlas.Findings
	}
	u.plan.Findings = lintPlan(u.plan, found)
	for _, f := range u.plan.Findings {
		if f.Severity == severityError {
			r.refuse(u.plan, fmt.Sprintf("%s [%s]; %s: %s", f.Message, f.Rule, f.Mend, f.Statement))
		}
	}
}

// gate asks what a unit's plan would break.
func (r *route) gate(ctx context.Context, u *unit) error {
	if r.Gate == nil {
		return nil
	}
	sentences, err := r.Gate(ctx, u.scope, u.fresh, u.trial)
	if err == nil {
		r.refuse(u.plan, sentences...)
	}
	return err
}

// beside checks that public's plan leaves a tenant as it is, and its statements
// working, at the time at which only the one of the two has been changed.
func (r *route) beside(ctx context.Context, t *unit) error {
	if !t.ready() {
		return nil
	}
	want := t.fingerprint
	if !r.publicFirst {
		want = r.desired.targets[Tenant].Fingerprint
	}
	got, err := t.trial.fingerprint(ctx)
	if err != nil {
		return err
	}
	if got != want {
		r.refuse(r.public.plan, "public's plan changes tenants' schemas too, which belongs to a plan of theirs")
		return nil
	}
	if r.Gate == nil {
		return nil
	}
	sentences, err := r.Gate(ctx, Tenant, t.fresh, t.trial)
	if err == nil {
		r.refuse(r.public.plan, sentences...)
	}
	return err
}

// newRoute takes the units with plans of its own.
func newRoute(in Input, want *desired, units []*unit, publicFirst bool, planned func()) *route {
	r := &route{Input: in, desired: want, publicFirst: publicFirst, planned: planned}
	for _, u := range units {
		own := &unit{origin: u.origin}
		if u.plan != nil {
			plan := *u.plan
			own.plan = &plan
		}
		if u.scope == Public {
			r.public = own
		} else {
			r.tenants = append(r.tenants, own)
		}
	}
	return r
}

func (r *route) units() []*unit { return slices.Concat([]*unit{r.public}, r.tenants) }

// refusals counts the plans that can't be.
func (r *route) refusals() int {
	n := 0
	for _, u := range r.units() {
		if !u.ready() {
			n++
		}
	}
	return n
}

// split tells, where the order is what matters, how to do without one.
func (r *route) split() {
	for _, u := range r.units() {
		if !u.ready() {
			r.refuse(u.plan, "public can go neither before the tenants nor after them: split the change, and first roll out what only adds to public, then the tenants' part, then what drops from public")
		}
	}
}

// differ tells whether each of two routes misses a plan that the other one finds:
// then it is their order that is in the way.
func differ(a, b *route) bool {
	only := func(a, b *route) bool {
		others := b.units()
		for i, u := range a.units() {
			if u.plan != nil && !u.found && others[i].found {
				return true
			}
		}
		return false
	}
	return only(a, b) && only(b, a)
}
