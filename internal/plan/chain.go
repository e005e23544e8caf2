package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// chain finds the plan files that a unit goes by. Those that lead all the way to
// the desired state count. A tenant that files lead only a part of the way is one
// that has missed a change: the desired state has moved on since. Then the files
// go first, for they know of renames and of rows what no comparison of two
// schemas does, and the rest is worked out.
func (r *route) chain(ctx context.Context, u *unit) error {
	if r.Files == nil {
		return nil
	}
	whole, parts := paths(r.Files, u.plan)
	if u.files = whole; whole != nil {
		return nil
	}
	best := reached{objects: u.objects, want: r.desired.targets[u.scope].Objects}
	for _, files := range parts {
		err := r.probe(ctx, u, files, func(_ World, states [][]fingerprint.Object) error {
			for i, objects := range states {
				if c := (reached{files[:i+1], objects, best.want}); c.compare(best) < 0 {
					best = c
				}
			}
			return nil
		})
		if err != nil || !u.ready() {
			return err
		}
	}
	u.files = best.files
	return nil
}

// paths searches breadth-first for the files that lead from a plan's state: to the
// desired state, or else as far as they go, each by the fewest.
func paths(files Files, p *Plan) (whole []*Plan, parts [][]*Plan) {
	seen := map[string]bool{p.From: true}
	for queue := [][]*Plan{nil}; len(queue) > 0; queue = queue[1:] {
		path, at, ends := queue[0], p.From, true
		if len(path) > 0 {
			at = path[len(path)-1].To
		}
		for _, next := range files.From(p.Scope, at) {
			if seen[next.To] {
				continue
			}
			seen[next.To], ends = true, false
			longer := append(slices.Clone(path), next)
			if next.To == p.To {
				return longer, nil
			}
			queue = append(queue, longer)
		}
		if ends && len(path) > 0 {
			parts = append(parts, path)
		}
	}
	return nil, parts
}

// reached is a state that files lead to, which is not the desired one.
type reached struct {
	files         []*Plan
	objects, want []fingerprint.Object
}

// compare puts first where the rest of the way destroys least: files that lead
// away from what is desired now, because it was taken back, are not gone by. Of
// equal ones more files are better, and then fewer differences that are left.
func (s reached) compare(t reached) int {
	return cmp.Or(
		cmp.Compare(len(destroyed(newWay(s.objects, s.want))), len(destroyed(newWay(t.objects, t.want)))),
		cmp.Compare(len(t.files), len(s.files)),
		cmp.Compare(len(fingerprint.Diff(s.objects, s.want)), len(fingerprint.Diff(t.objects, t.want))),
	)
}

// follow runs plan files one after the other, and returns what each has led to.
// The first that fails refuses the plan.
func (r *route) follow(ctx context.Context, p *Plan, w World, files []*Plan) (states [][]fingerprint.Object, err error) {
	for _, f := range files {
		what := "the plan file " + f.Source
		got, ran, err := r.runIn(ctx, p, w, f.Steps, what, nil)
		if err != nil || !ran {
			return nil, err
		}
		switch to := fingerprint.Of(got); {
		case to == f.To:
		case f.To == p.To && grantsOnly(got, r.desired.targets[p.Scope].Objects):
			got = r.desired.targets[p.Scope].Objects
			rest, err := r.complete(ctx, p, w, got)
			if err != nil {
				return nil, err
			}
			p.Steps = completed(p.Steps, rest)
		case f.To == p.To:
			r.refuse(p, what+" leads to another state than "+f.To+": "+explain(got, r.desired.targets[p.Scope].Objects))
			return nil, nil
		default:
			r.refuse(p, fmt.Sprintf("%s leads to %s, and not to %s as its head says: correct its statements, or remove it when no schema is to go that way", what, to, f.To))
			return nil, nil
		}
		states = append(states, got)
	}
	return states, nil
}

// probe runs files in a further clone, and takes that away again: it would be in
// the way of what public's plan drops.
func (r *route) probe(ctx context.Context, u *unit, files []*Plan, do func(World, [][]fingerprint.Object) error) (err error) {
	db := r.trial
	if u.scope == Public {
		if db, err = r.desired.server.newDatabase(ctx); err != nil {
			return err
		}
	}
	conn, err := db.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	w, refused, err := u.clone(ctx, db, conn)
	if err != nil {
		return err
	}
	if u.scope == Tenant {
		defer func() {
			drop := func() error { return execAll(ctx, conn, "DROP SCHEMA "+tenant.QuoteIdent(w.Schema)+" CASCADE") }
			err = errors.Join(err, undeadlocked(drop))
		}()
	}
	r.refuse(u.plan, refused...)
	if !u.ready() {
		return nil
	}
	states, err := r.follow(ctx, u.plan, w, files)
	if err != nil || !u.ready() {
		return err
	}
	return do(w, states)
}

// join makes a plan of parts that lead on from each other.
func (p *Plan) join(parts []*Plan) {
	var sources []string
	p.Steps, p.Reverse, p.Losses, p.Irreversible = nil, nil, nil, ""
	for _, part := range parts {
		name := "the last part"
		if part.Source != "" {
			name = part.Source
			sources = append(sources, name)
		}
		p.Steps = append(p.Steps, part.Steps...)
		p.Reverse = slices.Concat(part.Reverse, p.Reverse)
		p.Losses = slices.Concat(part.Losses, p.Losses)
		why := cmp.Or(part.Irreversible, "the plan file gives no way back")
		switch {
		case len(part.Reverse) > 0 || p.Irreversible != "":
		case len(parts) == 1:
			p.Irreversible = why
		default:
			p.Irreversible = name + ": " + why
		}
	}
	p.Source = strings.Join(sources, ", ")
	if p.Irreversible != "" {
		p.Reverse, p.Losses = nil, nil
	}
}
