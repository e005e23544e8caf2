package plan

import (
	"context"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
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

// find finds a unit's plan: in a file, or by trial.
func (r *route) find(ctx context.Context, u *unit) error {
	p := u.plan
	if r.Files != nil {
		if file, found := r.Files.Find(p.Scope, p.From, p.To); found {
			p.Source, p.Steps, p.Reverse, p.Losses, p.Irreversible = file.Source, file.Steps, file.Reverse, file.Losses, file.Irreversible
			err := r.rehearse(ctx, p, u.trial, p.Steps, r.desired.targets[p.Scope].Objects, "the plan file "+p.Source)
			u.found = u.ready()
			if len(p.Reverse) == 0 && p.Irreversible == "" {
				p.Irreversible = "the plan file gives no way back"
			}
			return err
		}
	}
	t := trial{World: u.trial, target: r.desired.targets[p.Scope].Objects, mend: byFile, tables: tables(u.trial, u.want, r.Policy[p.Scope], &u.atlas)}
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

// backward finds the way back.
func (r *route) backward(ctx context.Context) error {
	return r.inOrder(ctx, !r.publicFirst, func(ctx context.Context, u *unit) error {
		p := u.plan
		if p == nil || p.Source != "" {
			return nil
		}
		t := trial{World: u.trial, target: u.objects, mend: byFile, tables: tables(u.trial, u.fresh, r.Policy[p.Scope], new(*atlas.Changes))}
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
	if r.Gate == nil {
		return nil
	}
	sentences, err := r.Gate(ctx, Tenant, t.fresh, t.trial)
	if err == nil {
		r.refuse(r.public.plan, sentences...)
	}
	return err
}
