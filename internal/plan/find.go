package plan

import (
	"context"
	"slices"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

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

// find finds a unit's plan: by files as far as they lead, and then by trial.
func (r *route) find(ctx context.Context, u *unit) error {
	p := u.plan
	if err := r.chain(ctx, u); err != nil || !u.ready() {
		return err
	}
	from := u.objects
	if len(u.files) > 0 {
		p.join(u.files)
		states, err := r.follow(ctx, p, u.trial, u.files)
		if err != nil || !u.ready() {
			return err
		}
		from = states[len(states)-1]
		if u.files[len(u.files)-1].To == p.To {
			u.found = true
			return nil
		}
		p.Rest = &Plan{Scope: p.Scope, From: fingerprint.Of(from), To: p.To, Differences: fingerprint.Diff(from, r.desired.targets[p.Scope].Objects)}
	}
	t := trial{World: u.trial, target: r.desired.targets[p.Scope].Objects, mend: byFile, tables: tables(u.trial, u.want, r.Policy[p.Scope], &u.atlas)}
	found, refused, err := t.find(ctx, from)
	if err != nil {
		return err
	}
	p.WorkedOut().Steps, u.found = found.steps, len(refused) == 0
	if p.Rest != nil {
		p.join(slices.Concat(u.files, []*Plan{p.Rest}))
	}
	p.Destroys, u.renames = destroyed(found), renames(found)
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

// backward finds the way back. Files bring theirs along.
func (r *route) backward(ctx context.Context) error {
	return r.inOrder(ctx, !r.publicFirst, func(ctx context.Context, u *unit) error {
		p := u.plan
		switch {
		case p == nil || p.WorkedOut() == nil:
			return nil
		case p.Rest == nil:
			return r.undo(ctx, u, p, u.fresh, u.objects)
		}
		return r.probe(ctx, u, u.files, func(w World, states [][]fingerprint.Object) error {
			if err := r.undo(ctx, u, p.Rest, w, states[len(states)-1]); err != nil {
				return err
			}
			p.join(slices.Concat(u.files, []*Plan{p.Rest}))
			return nil
		})
	})
}

// undo finds the way back of what was worked out, to a state that a world is in.
func (r *route) undo(ctx context.Context, u *unit, p *Plan, to World, want []fingerprint.Object) error {
	t := trial{World: u.trial, target: want, mend: byFile, tables: tables(u.trial, to, r.Policy[p.Scope], new(*atlas.Changes))}
	back, refused, err := t.find(ctx, r.desired.targets[p.Scope].Objects)
	if err != nil {
		return err
	}
	p.Reverse = back.steps
	if p.Irreversible = irreversible(refused); p.Irreversible == "" {
		p.Losses = losses(back)
	}
	return nil
}

// gate asks what a unit's plan would break.
func (r *route) gate(ctx context.Context, u *unit) error {
	return r.ask(ctx, u, u.plan)
}

// ask asks what a plan has broken at the end of a unit's trial.
func (r *route) ask(ctx context.Context, u *unit, p *Plan) (err error) {
	if r.Gate == nil {
		return nil
	}
	if u.asked == nil {
		if u.asked, err = r.Gate(ctx, u.scope, u.fresh); err != nil {
			return err
		}
	}
	sentences, err := u.asked(ctx, u.trial, false)
	if err == nil {
		r.refuse(p, sentences...)
	}
	return err
}

// beside checks that public's plan leaves a tenant as it is, and its statements
// working, at the time at which only the one of the two has been changed.
func (r *route) beside(ctx context.Context, t *unit) error {
	if !t.ready() || t.trial.Schema == "" {
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
	return r.ask(ctx, t, r.public.plan)
}
