package rollout

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
)

// publicName is the slug, schema and group of the shared schema.
const publicName = "public"

// Layout says who receives a change, in which order.
type Layout struct {
	Waves []Wave `json:"waves"`
	// Desired is what is brought about, by scope.
	Desired map[plan.Scope]plan.Target `json:"desired"`
	// Plans are those of the targets.
	Plans []*plan.Plan `json:"plans"`
	// Partial layouts leave out schemas that are not at the desired state, so
	// new tenants go on being made as before.
	Partial bool `json:"partial"`
	// Flips tells that new tenants will be made in another way than now.
	Flips bool `json:"flips"`

	// Releases are the ids of the running releases that the plans were held
	// against, for the ledger: when another one runs by the time that the rollout
	// is resumed, it has not been asked.
	Releases []string `json:"-"`

	previous map[plan.Scope]string
	seen     time.Time
}

// Wave is a part of a group: the schemas that are worked on before the next
// look at how it goes.
type Wave struct {
	Group    string        `json:"group"`
	Parallel int           `json:"parallel"`
	Soak     time.Duration `json:"soak"`
	Targets  []Target      `json:"targets"`
}

// Target is one schema to be.
type Target struct {
	Schema string `json:"schema"`
	Slug   string `json:"slug"`
	From   string `json:"from"`
	To     string `json:"to"`
}

// Total is the number of targets.
func (l *Layout) Total() (n int) {
	for _, w := range l.Waves {
		n += len(w.Targets)
	}
	return n
}

// Nothing tells that there is nothing to do.
func (l *Layout) Nothing() bool { return l.Total() == 0 && !l.Flips }

// candidate is a target before it has its wave.
type candidate struct {
	Target

	ring    string
	created time.Time
}

// Layout lays out a rollout of what fleet says, and changes nothing. Schemas
// whose plan is not certified will fail, without anything being run on them; when
// those alone are more than the budget bears it is an error.
func (e *Engine) Layout(ctx context.Context, fleet *plan.Fleet) (*Layout, error) {
	l := &Layout{Desired: fleet.Desired, seen: fleet.Seen}
	public, tenants, err := e.candidates(ctx, fleet)
	if err != nil {
		return nil, err
	}
	if l.Partial, err = e.only(&public, &tenants, fleet); err != nil {
		return nil, err
	}
	if l.Plans, err = plansOf(fleet, slices.Concat(public, tenants)); err != nil {
		return nil, err
	}
	l.Waves = e.waves(tenants)
	if err := e.refused(l, public); err != nil {
		return nil, err
	}
	if len(public) > 0 {
		wave := Wave{Group: publicName, Parallel: 1, Targets: targetsOf(public)}
		if fleet.PublicFirst {
			l.Waves = slices.Insert(l.Waves, 0, wave)
		} else {
			l.Waves = append(l.Waves, wave)
		}
	}
	if l.previous, err = e.current(ctx); err != nil {
		return nil, err
	}
	for scope, desired := range fleet.Desired {
		l.Flips = l.Flips || !l.Partial && l.previous[scope] != desired.Version
	}
	return l, nil
}

// candidates are the schemas that have a plan.
func (e *Engine) candidates(ctx context.Context, fleet *plan.Fleet) (public, tenants []candidate, err error) {
	known, err := e.registered(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, state := range fleet.States {
		if state.Plan == nil {
			continue
		}
		for i, schema := range state.Schemas {
			c := candidate{Target: Target{Schema: schema, Slug: state.Slugs[i], From: state.Plan.From, To: state.Plan.To}}
			if state.Scope == plan.Public {
				public = append(public, c)
				continue
			}
			row, ok := known[schema]
			if !ok || row.gone() {
				continue // offboarded since the fleet was looked at
			}
			c.ring, c.created = row.Ring, row.Created
			tenants = append(tenants, c)
		}
	}
	return public, tenants, nil
}

// only narrows the candidates to those that were named, and tells whether it did.
func (e *Engine) only(public, tenants *[]candidate, fleet *plan.Fleet) (bool, error) {
	if len(e.config.Only) == 0 {
		return false, nil
	}
	known := map[string]bool{publicName: true}
	for _, s := range fleet.States {
		for _, slug := range s.Slugs {
			known[slug] = true
		}
	}
	for _, slug := range e.config.Only {
		if !known[slug] {
			return false, fmt.Errorf("there is no tenant %q to roll out to\n\tmend: `bailiwick tenant list` shows those that there are", slug)
		}
	}
	named := func(c candidate) bool { return !slices.Contains(e.config.Only, c.Slug) }
	left := len(*public)
	*public = slices.DeleteFunc(*public, named)
	*tenants = slices.DeleteFunc(*tenants, named)
	if fleet.PublicFirst && len(*tenants) > 0 && len(*public) < left {
		return false, fmt.Errorf("the shared schema has to be changed before tenants are, and is left out\n\tmend: --only %s",
			strings.Join(slices.Insert(slices.Clone(e.config.Only), 0, publicName), ","))
	}
	return true, nil
}

// plansOf are the plans of some schemas.
func plansOf(fleet *plan.Fleet, of []candidate) ([]*plan.Plan, error) {
	wanted := map[planKey]bool{}
	for _, c := range of {
		wanted[planKey{c.Schema == publicName, c.From, c.To}] = true
	}
	var plans []*plan.Plan
	for _, p := range fleet.Plans() {
		if !wanted[keyOf(p)] {
			continue
		}
		if err := checkSteps(p); err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// refused refuses a layout of which too much is sure to fail.
func (e *Engine) refused(l *Layout, public []candidate) error {
	why := map[planKey][]string{}
	for _, p := range l.Plans {
		if !p.Certified() {
			why[keyOf(p)] = p.Refused
		}
	}
	reasons := map[string][]string{} // the tenants by what is in the way
	counts := counter{groups: map[string]Counts{}}
	count := func(group string, t Target) {
		refused, state := why[planKey{t.Schema == publicName, t.From, t.To}], targetPending
		if refused != nil {
			state = targetFailed
			reason := fmt.Sprintf(", at %s: %s", t.From, strings.Join(refused, "\n\t\t"))
			reasons[reason] = append(reasons[reason], t.Slug)
		}
		c := counts.groups[group]
		c.add(state, 1)
		counts.groups[group] = c
	}
	for _, c := range public {
		count(publicName, c.Target)
	}
	for _, w := range l.Waves {
		for _, t := range w.Targets {
			count(w.Group, t)
		}
	}
	kept := e.kept(l.Waves)
	for group := range counts.groups {
		if err := kept.exceeded(&counts, group); err != nil {
			list := make([]string, 0, len(reasons))
			for reason, slugs := range reasons {
				who := slugs[0]
				if others := len(slugs) - 1; others > 0 {
					who = fmt.Sprintf("%s and %d more", who, others)
				}
				list = append(list, who+reason)
			}
			slices.Sort(list)
			return fmt.Errorf("there is no certified plan for\n\t%s\n\tmend: where a release is in the way, wait until it has stopped, or name it with --break-release and the id in parentheses; "+
				"otherwise `bailiwick schema plan --save` drafts plan files; or leave these behind with --max-failures", strings.Join(list[:min(len(list), shownReasons)], "\n\t"))
		}
	}
	return nil
}

// shownReasons bounds an error's text.
const shownReasons = 10

// waves deals the tenants out to the deployment's groups and their waves.
func (e *Engine) waves(tenants []candidate) (waves []Wave) {
	d := e.config.Deployment
	members := make([][]candidate, len(d.Groups))
	for _, c := range tenants {
		i := d.GroupOf(c.ring)
		members[i] = append(members[i], c)
	}
	for _, i := range d.Order() {
		g := d.Groups[i]
		slices.SortStableFunc(members[i], func(a, b candidate) int {
			if g.OrderBy == atlas.OrderByCreatedAt {
				return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.Slug, b.Slug))
			}
			return cmp.Compare(a.Slug, b.Slug)
		})
		left := targetsOf(members[i])
		for _, n := range g.Waves(len(left)) {
			wave := Wave{Group: g.Name, Parallel: g.Parallel, Soak: g.Soak, Targets: left[:n]}
			waves, left = append(waves, wave), left[n:]
		}
	}
	for i := range waves {
		if e.config.Parallel != nil {
			waves[i].Parallel = *e.config.Parallel
		}
		if e.config.Soak != nil {
			waves[i].Soak = *e.config.Soak
		}
	}
	return waves
}

func targetsOf(list []candidate) []Target {
	targets := make([]Target, len(list))
	for i, c := range list {
		targets[i] = c.Target
	}
	return targets
}

// registration is a tenant as the registry has it.
type registration struct {
	Schema  string
	Slug    string
	Ring    string
	State   string
	Created time.Time
}

// gone tells that nothing is rolled out to the tenant any more.
func (r registration) gone() bool { return r.State == "offboarding" || r.State == "purged" }

// registered reads the registry, by the name of the schema.
func (e *Engine) registered(ctx context.Context) (map[string]registration, error) {
	rows, err := e.pool.Query(ctx, `
		SELECT 't_' || replace(t.id::text, '-', ''), t.slug, coalesce(j ->> 'ring', 'default'), t.state::text,
		       coalesce((j ->> 'created_at')::timestamptz, 'epoch')
		FROM public.tenants AS t, LATERAL to_jsonb(t) AS j`)
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	all := map[string]registration{}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[registration])
	for _, r := range list {
		all[r.Schema] = r
	}
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	return all, nil
}
