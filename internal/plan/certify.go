package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// certify runs all plans, and then the ways back, on the clones that nothing has
// been done to.
func (r *route) certify(ctx context.Context) error {
	err := r.inOrder(ctx, r.publicFirst, func(ctx context.Context, u *unit) error {
		if u.plan == nil {
			return nil
		}
		world := u.fresh
		world.locks = &u.plan.Locks
		want := r.desired.targets[u.scope].Objects
		err := r.rehearse(ctx, u.plan, world, &u.plan.Steps, want, "the plan", r.between(u, r.gaps(u.plan, world, u.objects, want)))
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
	return r.inOrder(ctx, !r.publicFirst, r.certifyBack)
}

// certifyBack runs a unit's way back, if it has one.
func (r *route) certifyBack(ctx context.Context, u *unit) error {
	defer r.planned()
	if u.plan == nil || len(u.plan.Reverse) == 0 {
		return nil
	}
	// A way back that was worked out and fails refuses only itself. One that
	// somebody wrote is relied on, so that it has to work.
	back := Plan{Scope: u.plan.Scope, From: u.plan.To, To: u.plan.From, Source: u.plan.Source, Steps: u.plan.Reverse}
	if rest := u.plan.Rest; rest != nil {
		back.Rest = &Plan{Steps: rest.Reverse}
	}
	between := r.gaps(&back, u.fresh, r.desired.targets[u.scope].Objects, u.objects)
	if err := r.rehearse(ctx, &back, u.fresh, &u.plan.Reverse, u.objects, "the way back", between); err != nil {
		return err
	}
	for _, f := range back.Findings {
		f.Message = "on the way back, " + f.Message
		u.plan.Findings = append(u.plan.Findings, f)
	}
	switch {
	case back.Certified():
	case u.plan.Source != "" && r.returned(u):
		for _, sentence := range back.Refused {
			r.refuse(u.plan, u.plan.Source+": "+sentence+`; mend the file's bailiwick:reverse, or say bailiwick:irreversible "why"`)
		}
	default:
		u.plan.Irreversible, u.plan.Reverse, u.plan.Losses = irreversible(back.Refused), nil, nil
	}
	return nil
}

// ready tells whether all plans that go before a unit's are certified.
func (r *route) ready(u *unit) bool {
	if r.publicFirst {
		return u == r.public || r.public.ready()
	}
	return u != r.public || !slices.ContainsFunc(r.tenants, func(t *unit) bool { return !t.ready() })
}

// returned tells whether all plans that go back before a unit's have a way back.
func (r *route) returned(u *unit) bool {
	back := func(t *unit) bool { return t.plan == nil || t.ready() && len(t.plan.Reverse) > 0 }
	if r.publicFirst {
		return u != r.public || !slices.ContainsFunc(r.tenants, func(t *unit) bool { return !back(t) })
	}
	return u == r.public || back(r.public)
}

// lint gathers what there is to say of a unit's plan, and refuses what is an error.
func (r *route) lint(u *unit) {
	var found []atlas.Finding
	if u.atlas != nil {
		found = u.atlas.Findings
	}
	u.plan.Findings = append(u.plan.Findings, lintPlan(u.plan, found)...)
	for _, f := range u.plan.Findings {
		if f.Severity == severityError {
			r.refuse(u.plan, fmt.Sprintf("%s [%s]; %s: %s", f.Message, f.Rule, f.Mend, f.Statement))
		}
	}
}

// rehearse runs steps in a world, which must come to have the wanted objects by
// them. To those of a plan file it adds what the file leaves to it. what is what
// they belong to, for the sentence that refuses the plan. For between see runIn.
func (r *route) rehearse(ctx context.Context, p *Plan, w World, steps *[]Step, want []fingerprint.Object, what string, between func(context.Context, int) error) error {
	got, ran, err := r.runIn(ctx, p, w, *steps, what, between)
	if err != nil || !ran || fingerprint.Of(got) == fingerprint.Of(want) {
		return err
	}
	if p.Source != "" && grantsOnly(got, want) {
		rest, err := r.complete(ctx, p, w, want)
		*steps = completed(*steps, rest)
		return err
	}
	r.refuse(p, what+" leads to another state than "+fingerprint.Of(want)+": "+explain(got, want))
	return nil
}

// grantsOnly tells that nothing differs but owners and privileges. They are the
// tool's business and not that of plan files.
func grantsOnly(from, to []fingerprint.Object) bool {
	return !slices.ContainsFunc(fingerprint.Diff(from, to), func(d fingerprint.Difference) bool {
		return d.Kind != "privilege" && d.Kind != "default privilege" && d.Kind != "owner"
	})
}

// complete works out the owners and privileges that a plan file leaves open.
func (r *route) complete(ctx context.Context, p *Plan, w World, want []fingerprint.Object) ([]Step, error) {
	t := trial{World: w, target: want, mend: "write that into the plan file"}
	rest, refused, err := t.run(ctx)
	r.refuse(p, refused...)
	return rest, err
}

// completed adds what a plan file leaves open to its last step: what that makes, the
// servers may use from then on.
func completed(steps, rest []Step) []Step {
	steps = slices.Clone(steps)
	for _, s := range rest {
		last := len(steps) - 1
		if last < 0 || steps[last].Kind != InTransaction {
			s.Completed = len(s.Statements)
			steps = append(steps, s)
			continue
		}
		steps[last].Statements = slices.Concat(steps[last].Statements, s.Statements)
		steps[last].Completed += len(s.Statements)
	}
	return steps
}

// runIn runs steps in a world, and returns what that is made of then. Where they
// fail the plan is refused. between, if not nil, is called with the number of the
// steps that have been run, after each but the last.
func (r *route) runIn(ctx context.Context, p *Plan, w World, steps []Step, what string, between func(context.Context, int) error) (got []fingerprint.Object, ran bool, err error) {
	for i := range steps {
		if err := Run(ctx, w, steps[i:i+1]); err != nil {
			if fatal(err) {
				return nil, false, err
			}
			if s, ok := errors.AsType[*statementError](err); ok {
				if s.line > 0 {
					what += fmt.Sprintf(", in the step of line %d,", s.line)
				}
				what += " fails at " + s.statements[0]
			}
			r.refuse(p, what+": "+describe(err)+amend(p))
			return nil, false, nil
		}
		if between != nil && i+1 < len(steps) {
			if err := between(ctx, i+1); err != nil {
				return nil, false, err
			}
		}
	}
	got, err = fingerprint.Objects(ctx, w.Conn, w.Schema)
	return got, err == nil, err
}

// amend says what to do about statements that don't work. Whose are in a plan file
// knows where to change them.
func amend(p *Plan) string {
	if p.Source != "" {
		return "; correct it there, and plan again"
	}
	return "; " + byFile
}

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
