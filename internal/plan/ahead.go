package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// Ahead is what is left to be done to the schemas of one state.
type Ahead struct {
	Scope Scope
	// Schema is one of them, which is cloned; nothing is done to it.
	Schema string
	Steps  []Step
}

// Ask asks in.Gate what steps would break that are not planned any more, but were
// certified before: the way back of a rollout, or the rest of one. They are given
// in the order of their scopes. Of in, only the databases and the gate are used.
func Ask(ctx context.Context, in Input, all []Ahead) (sentences []string, err error) {
	if in.Gate == nil || len(all) == 0 {
		return nil, nil
	}
	s, err := openScratch(ctx, in)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.done(ctx, in)) }()
	a := &asking{gate: in.Gate}
	if err := a.clone(ctx, s, in.URL, all); err != nil {
		return nil, err
	}
	for i := range a.units {
		if err := a.units[i].run(ctx); err != nil {
			return nil, err
		}
		of := a.units[i : i+1]
		if a.units[i].scope == Public { // What it changes, tenants' statements may need.
			of = a.units
		}
		for _, u := range of {
			found, err := a.gate(ctx, u.scope, u.fresh, u.trial)
			if err != nil {
				return nil, err
			}
			sentences = append(sentences, found...)
		}
	}
	return shorten(sentences), nil
}

type asking struct {
	gate  Gate
	units []aheadUnit
}

// aheadUnit is a schema twice: as it is, and where the steps are run.
type aheadUnit struct {
	scope        Scope
	fresh, trial World
	steps        []Step
}

// clone makes both worlds: public, and beside it the tenants.
func (a *asking) clone(ctx context.Context, s *scratch, url string, all []Ahead) (err error) {
	config, err := parseURL(url)
	if err != nil {
		return err
	}
	c := &copying{}
	if c.live, err = pgx.ConnectConfig(ctx, config); err != nil {
		return fmt.Errorf("plan: connect to the fleet: %w", err)
	}
	defer func() { err = errors.Join(err, c.live.Close(context.WithoutCancel(ctx))) }()
	for i := range c.databases {
		if c.databases[i], err = s.newDatabase(ctx); err != nil {
			return err
		}
		if c.conns[i], err = c.databases[i].connect(ctx); err != nil {
			return err
		}
	}
	shared := Ahead{Scope: Public, Schema: publicSchema}
	if i := slices.IndexFunc(all, func(next Ahead) bool { return next.Scope == Public }); i >= 0 {
		shared.Steps = all[i].Steps
	}
	public, err := c.unit(ctx, shared)
	if err != nil {
		return err
	}
	for _, next := range all {
		u := public
		if next.Scope == Tenant {
			if u, err = c.unit(ctx, next); err != nil {
				return err
			}
		}
		a.units = append(a.units, u)
	}
	return nil
}

// copying makes copies of live schemas in two databases.
type copying struct {
	live      *pgx.Conn
	databases [2]*database
	conns     [2]*pgx.Conn
}

func (c *copying) unit(ctx context.Context, of Ahead) (u aheadUnit, err error) {
	objects, err := fingerprint.Objects(ctx, c.live, of.Schema)
	if err != nil {
		return u, err
	}
	o := &origin{scope: of.Scope, fingerprint: fingerprint.Of(objects), objects: objects}
	u = aheadUnit{scope: of.Scope, steps: of.Steps}
	for i, w := range []*World{&u.fresh, &u.trial} {
		clone, refused, err := o.clone(ctx, c.databases[i], c.conns[i])
		if err != nil {
			return u, err
		}
		if len(refused) > 0 {
			return u, fmt.Errorf("plan: %s can't be copied to try what is to be done: %s", of.Schema, strings.Join(shorten(refused), "; "))
		}
		*w = clone
	}
	return u, nil
}

// run runs the steps on trial. Outside of transactions one may have been done by
// half before; what is made or dropped there is an index.
func (u aheadUnit) run(ctx context.Context) error {
	for _, step := range u.steps {
		err := Run(ctx, u.trial, []Step{step})
		if _, ok := errors.AsType[*statementError](err); ok && step.Kind == Outside && !fatal(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("plan: try on a copy of %s what is to be done: %w", u.fresh.Schema, err)
		}
	}
	return nil
}
