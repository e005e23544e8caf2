package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// The stages that [Progress] tells.
const (
	StageFingerprint = "fingerprint"
	StagePlan        = "plan"
)

// NewFleet finds out in which states the fleet's schemas are, and plans the way
// of each to the desired one. Plans that could not be certified are in the result
// too, and say why in Refused.
func NewFleet(ctx context.Context, in Input) (f *Fleet, err error) {
	in = in.withDefaults()
	s, err := openScratch(ctx, in)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.done(ctx, in)) }()
	live, err := openLive(ctx, in)
	if err != nil {
		return nil, err
	}
	defer live.Close()
	var seen time.Time
	if err := live.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&seen); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}

	var want *desired
	var states map[string]fingerprint.State
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		want, err = s.realise(inner, in)
		return err
	})
	group.Go(func() (err error) {
		states, err = readFleet(inner, in, live)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	f = in.group(want.targets, states)
	f.Seen = seen
	units, err := f.units(ctx, live, want.targets)
	if err != nil {
		return nil, err
	}
	if len(f.Plans()) > 0 {
		err = f.plan(ctx, in, want, units)
	}
	return f, err
}

// maxStates bounds how many states are planned at once: each is cloned.
const maxStates = 100

func (in Input) withDefaults() Input {
	in.Parallel = cmp.Or(in.Parallel, 2) //nolint:mnd // as documented
	tell := in.Progress
	var mu sync.Mutex
	in.Progress = func(p Progress) {
		mu.Lock()
		defer mu.Unlock()
		if tell != nil {
			tell(p)
		}
	}
	return in
}

// openLive connects to the fleet.
func openLive(ctx context.Context, in Input) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(in.URL)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	config.MaxConns = int32(min(in.Parallel, 64)) //nolint:gosec,mnd // bounded
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("plan: connect to the fleet: %w", err)
	}
	return pool, nil
}

func readFleet(ctx context.Context, in Input, live *pgxpool.Pool) (map[string]fingerprint.State, error) {
	schemas := make([]string, 0, len(in.Tenants)+1)
	schemas = append(schemas, publicSchema)
	for _, t := range in.Tenants {
		schemas = append(schemas, t.Tenant().Schema())
	}
	return fingerprint.Fleet(ctx, live, schemas, in.Parallel, func(done int) {
		in.Progress(Progress{Stage: StageFingerprint, Done: done, Total: len(schemas)})
	})
}

// group sorts the schemas by their states.
func (in Input) group(want map[Scope]Target, states map[string]fingerprint.State) *Fleet {
	f := &Fleet{Desired: want, PublicFirst: true}
	f.States = []StateGroup{{
		Scope: Public, Fingerprint: states[publicSchema].Fingerprint,
		Schemas: []string{publicSchema}, Slugs: []string{publicSchema},
	}}
	tenants := slices.Clone(in.Tenants)
	slices.SortFunc(tenants, func(a, b catalog.Record) int { return cmp.Compare(a.Slug, b.Slug) })
	index := map[string]int{}
	for _, t := range tenants {
		schema := t.Tenant().Schema()
		state, there := states[schema]
		if !there {
			f.Notes = append(f.Notes, fmt.Sprintf("tenant %s has no schema %s, and is left out", t.Slug, schema))
			continue
		}
		i, known := index[state.Fingerprint]
		if !known {
			i = len(f.States)
			index[state.Fingerprint] = i
			f.States = append(f.States, StateGroup{Scope: Tenant, Fingerprint: state.Fingerprint})
		}
		f.States[i].Schemas = append(f.States[i].Schemas, schema)
		f.States[i].Slugs = append(f.States[i].Slugs, t.Slug)
	}
	slices.SortStableFunc(f.States[1:], func(a, b StateGroup) int { return cmp.Compare(len(b.Schemas), len(a.Schemas)) })
	for i, s := range f.States {
		if to := want[s.Scope].Fingerprint; s.Fingerprint != to {
			f.States[i].Plan = &Plan{Scope: s.Scope, From: s.Fingerprint, To: to}
		}
	}
	return f
}

// units reads what the states are made of that have to be cloned.
func (f *Fleet) units(ctx context.Context, live *pgxpool.Pool, want map[Scope]Target) ([]*unit, error) {
	conn, err := live.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	defer conn.Release()
	units := make([]*unit, 0, len(f.States))
	for _, s := range f.States {
		if s.Plan != nil && len(units) > maxStates {
			s.Plan.Refused = []string{fmt.Sprintf("the fleet is in %d states, and only the %d most frequent are planned at once: run again when those are at the desired state", len(f.States)-1, maxStates)}
			continue
		}
		u := &unit{plan: s.Plan, origin: &origin{scope: s.Scope, fingerprint: s.Fingerprint, objects: want[s.Scope].Objects}}
		if s.Plan != nil {
			if u.origin, err = readOrigin(ctx, conn.Conn(), s.Scope, s.Fingerprint, s.Schemas); err != nil {
				return nil, err
			}
			s.Plan.Differences = fingerprint.Diff(u.objects, want[s.Scope].Objects)
		}
		units = append(units, u)
	}
	return units, nil
}

// plan takes the route with public first, and where that does not lead all there,
// the other one. The better one counts.
func (f *Fleet) plan(ctx context.Context, in Input, want *desired, units []*unit) error {
	var mu sync.Mutex
	done := 0
	planned := func() {
		mu.Lock()
		defer mu.Unlock()
		done = min(done+1, len(units)-1) // The last word is below.
		in.Progress(Progress{Stage: StagePlan, Done: done, Total: len(units)})
	}
	best := newRoute(in, want, units, true, planned)
	if err := best.take(ctx); err != nil {
		return err
	}
	if best.refusals() > 0 && best.public.plan != nil && len(best.tenants) > 0 {
		first, last := best, newRoute(in, want, units, false, planned)
		if err := last.take(ctx); err != nil {
			return err
		}
		if last.refusals() < first.refusals() {
			best = last
		}
		if best.refusals() > 0 && differ(first, last) {
			best.split()
		}
	}
	f.PublicFirst = best.publicFirst
	for _, u := range best.units() {
		if u.plan != nil {
			*u.result = *u.plan
			f.hint(u)
		}
	}
	in.Progress(Progress{Stage: StagePlan, Done: len(units), Total: len(units)})
	return nil
}
