package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
)

// Ahead is what the layout will do, state by state, for [plan.Ask].
func (l *Layout) Ahead() (all []plan.Ahead) {
	plans, seen := map[planKey]*plan.Plan{}, map[planKey]bool{}
	for _, p := range l.Plans {
		plans[keyOf(p)] = p
	}
	for _, w := range l.Waves {
		for _, t := range w.Targets {
			key := planKey{t.Schema == publicName, t.From, t.To}
			if p := plans[key]; p != nil && !seen[key] {
				seen[key] = true
				all = append(all, plan.Ahead{Scope: p.Scope, Schema: t.Schema, Steps: p.Steps})
			}
		}
	}
	return all
}

// Ahead is what is left of a rollout, state by state, for [plan.Ask]. Schemas that
// nobody has begun with go before those that are half way.
func (e *Engine) Ahead(ctx context.Context, id ID) (all []plan.Ahead, err error) {
	j, err := e.load(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, err := e.targets(ctx, id, "t.state IN ('pending', 'failed')")
	if err != nil {
		return nil, err
	}
	states, err := e.fingerprints(ctx, rows)
	if err != nil {
		return nil, err
	}
	best := map[planKey]*target{}
	for _, t := range rows {
		p, state := j.plans[t.key()], states[t.Schema].Fingerprint
		if p == nil || state == "" || t.Step >= len(p.Steps) || t.Step == 0 && state != t.From {
			continue // Nothing will be run on it.
		}
		if known := best[t.key()]; known == nil || t.Step < known.Step {
			best[t.key()] = t
		}
	}
	for _, t := range rows {
		if best[t.key()] == t {
			p := j.plans[t.key()]
			all = append(all, plan.Ahead{Scope: p.Scope, Schema: t.Schema, Steps: p.Steps[t.Step:]})
		}
	}
	return all, nil
}

// Asked are the ids of the releases that a rollout was held against.
func (e *Engine) Asked(ctx context.Context, id ID) ([]string, error) {
	j, err := e.load(ctx, id)
	if err != nil {
		return nil, err
	}
	return j.settings.Releases, nil
}

// Ask notes further releases that a rollout was held against.
func (e *Engine) Ask(ctx context.Context, id ID, releases []string) error {
	asked, err := e.Asked(ctx, id)
	if err != nil {
		return err
	}
	all := slices.Concat(asked, releases)
	slices.Sort(all)
	text, err := json.Marshal(slices.Compact(all))
	if err != nil {
		return err
	}
	_, err = e.pool.Exec(ctx, "UPDATE bailiwick.rollouts SET options = jsonb_set(options, '{releases}', $2::jsonb) WHERE id = $1", int64(id), string(text))
	if err != nil {
		return fmt.Errorf("write to the ledger: %w", err)
	}
	return nil
}
