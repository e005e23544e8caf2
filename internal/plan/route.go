package plan

import (
	"context"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
)

// unit is one state on its way: public's, or one of the tenants'. It has two
// clones: plans are found on trial, while fresh stays as production is until the
// plans have been found, and then is where they must work.
type unit struct {
	*origin

	trial, fresh World
	// want is a schema in the desired state.
	want World
	// plan is nil for a state that is the desired one already.
	plan *Plan
	// result is where the plan goes if this route is the better one.
	result *Plan
	// files are the plan files that lead from the state, one after the other.
	files []*Plan
	// renames are what looks like a rename, and was planned as a loss.
	renames []string
	// found tells that the trial found a plan, whatever became of it.
	found bool
	// asked is the gate's, which has looked at the state. It is nil without a gate.
	asked Asked
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
	lanes        chan *lane
	// planned hears of each unit that is through.
	planned func()
	mu      sync.Mutex
}

// lane is what a unit is worked on with. There are few of them, however many
// states there are: connections are scarce, and new ones slow.
type lane struct{ trial, fresh, want *pgx.Conn }

// newRoute takes the units with plans of its own.
func newRoute(in Input, want *desired, units []*unit, publicFirst bool, planned func()) *route {
	r := &route{Input: in, desired: want, publicFirst: publicFirst, planned: planned, lanes: make(chan *lane, in.Parallel)}
	for range in.Parallel {
		r.lanes <- &lane{}
	}
	r.public = &unit{origin: &origin{scope: Public}} // Between may leave it out.
	for _, u := range units {
		own := &unit{origin: u.origin}
		if u.plan != nil {
			plan := *u.plan
			own.plan, own.result = &plan, u.plan
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
	if publicFirst {
		if err := r.inLane(ctx, r.public, do); err != nil {
			return err
		}
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(r.Parallel)
	for _, u := range r.tenants {
		group.Go(func() error { return r.inLane(inner, u, do) })
	}
	if err := group.Wait(); err != nil || publicFirst {
		return err
	}
	return r.inLane(ctx, r.public, do)
}

// inLane gives a unit connections, unless it has been refused.
func (r *route) inLane(ctx context.Context, u *unit, do func(context.Context, *unit) error) (err error) {
	if !u.ready() {
		return nil
	}
	l := <-r.lanes
	defer func() { r.lanes <- l }()
	for _, c := range []struct {
		conn **pgx.Conn
		db   *database
		w    *World
	}{{&l.trial, r.trial, &u.trial}, {&l.fresh, r.fresh, &u.fresh}, {&l.want, r.desired.database, &u.want}} {
		if *c.conn == nil {
			if *c.conn, err = c.db.connect(ctx); err != nil {
				return err
			}
		}
		c.w.Conn = *c.conn
	}
	return do(ctx, u)
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
		u.want.Names = r.desired.world(u.scope).Names
		switch {
		case r.public.plan == nil && u.plan == nil:
			return nil // Nothing happens to it, or beside it.
		case u.plan != nil && !r.public.ready():
			r.refuse(u.plan, "it needs public, whose state can't be cloned")
			return nil
		}
		return r.cloneUnit(ctx, u)
	})
}

func (r *route) cloneUnit(ctx context.Context, u *unit) error {
	for _, c := range []struct {
		db *database
		w  *World
	}{{r.trial, &u.trial}, {r.fresh, &u.fresh}} {
		w, refused, err := u.clone(ctx, c.db, c.w.Conn)
		if err != nil {
			return err
		}
		if len(refused) > 0 {
			plan := u.plan
			if plan == nil { // A desired state in an old world: that is public's doing.
				plan = r.public.plan
			}
			r.refuse(plan, refused...)
			return nil
		}
		*c.w = w
	}
	return nil
}
