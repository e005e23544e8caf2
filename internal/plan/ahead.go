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
	a := &asking{gate: in.Gate, told: map[string]bool{}}
	if err := a.clone(ctx, s, in.URL, all); err != nil {
		return nil, err
	}
	for i := range a.units {
		if err := a.run(ctx, a.units[i], i); err != nil {
			return nil, err
		}
	}
	return shorten(a.sentences), nil
}

type asking struct {
	gate      Gate
	units     []aheadUnit
	sentences []string
	told      map[string]bool
}

// aheadUnit is a copy of a schema in which the steps are run.
type aheadUnit struct {
	World

	live  string
	asked Asked
	scope Scope
	steps []Step
}

// clone makes the copies: public, and beside it the tenants. The gate looks at all of
// them before anything is run.
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
	if c.database, err = s.newDatabase(ctx); err != nil {
		return err
	}
	if c.conn, err = c.database.connect(ctx); err != nil {
		return err
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
		if u.asked, err = a.gate(ctx, u.scope, u.World); err != nil {
			return err
		}
		a.units = append(a.units, u)
	}
	return nil
}

// copying makes copies of live schemas in a scratch database.
type copying struct {
	live     *pgx.Conn
	database *database
	conn     *pgx.Conn
}

func (c *copying) unit(ctx context.Context, of Ahead) (u aheadUnit, err error) {
	objects, err := fingerprint.Objects(ctx, c.live, of.Schema)
	if err != nil {
		return u, err
	}
	o := &origin{scope: of.Scope, fingerprint: fingerprint.Of(objects), objects: objects}
	w, refused, err := o.clone(ctx, c.database, c.conn)
	if err != nil {
		return u, err
	}
	if len(refused) > 0 {
		return u, fmt.Errorf("plan: %s can't be copied to try what is to be done: %s", of.Schema, strings.Join(shorten(refused), "; "))
	}
	return aheadUnit{World: w, live: of.Schema, scope: of.Scope, steps: of.Steps}, nil
}

// run runs a unit's steps, and asks after each. Outside of transactions one may have
// been done by half before; what is made or dropped there is an index.
func (a *asking) run(ctx context.Context, u aheadUnit, i int) error {
	units := a.units[i : i+1]
	if u.scope == Public { // What it changes, tenants' statements may need.
		units = a.units
	}
	for n, step := range u.steps {
		err := Run(ctx, u.World, []Step{step})
		if _, ok := errors.AsType[*statementError](err); err != nil && (!ok || step.Kind != Outside || fatal(err)) {
			return fmt.Errorf("plan: try on a copy of %s what is to be done: %w", u.live, err)
		}
		if err := a.ask(ctx, units, n+1, u.steps); err != nil {
			return err
		}
	}
	return nil
}

// ask asks units when some of the steps are done.
func (a *asking) ask(ctx context.Context, units []aheadUnit, done int, steps []Step) error {
	between, when := done < len(steps), ""
	if between {
		when = after(done, steps)
	}
	for _, u := range units {
		found, err := u.asked(ctx, u.World, between)
		if err != nil {
			return err
		}
		for _, sentence := range found {
			if !a.told[sentence] {
				a.told[sentence] = true
				a.sentences = append(a.sentences, when+sentence)
			}
		}
	}
	return nil
}
