package rollout

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/jackc/pgx/v5"
)

// counter counts targets by group, from the ledger and then as they go.
type counter struct {
	mu     sync.Mutex
	groups map[string]Counts
}

// count reads the ledger.
func (r *run) count(ctx context.Context) error {
	rows, err := r.pool.Query(ctx, `
		SELECT ring, state, count(*) FROM bailiwick.rollout_targets WHERE rollout_id = $1 GROUP BY ring, state`, int64(r.id))
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	groups := map[string]Counts{}
	var group, state string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&group, &state, &n}, func() error {
		c := groups[group]
		c.add(state, n)
		groups[group] = c
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	r.counts.mu.Lock()
	defer r.counts.mu.Unlock()
	r.counts.groups = groups
	return nil
}

func (c *Counts) add(state string, n int) {
	c.Total += n
	switch state {
	case targetDone:
		c.Done += n
	case targetFailed:
		c.Failed += n
	case targetSkipped:
		c.Skipped += n
	default:
		c.Pending += n
	}
}

// moved counts a target of a group from one state to another.
func (c *counter) moved(group, from, to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.groups[group]
	g.add(from, -1)
	g.add(to, 1)
	c.groups[group] = g
}

// group gives how many of a group have failed, and its size.
func (c *counter) group(name string) (failed, total int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.groups[name]
	return g.Failed, g.Total
}

func (c *counter) all() (failed, total int) {
	t := c.totals()
	return t.Failed, t.Total
}

func (c *counter) totals() (t Counts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for g := range maps.Values(c.groups) {
		t.Total += g.Total
		t.Done += g.Done
		t.Failed += g.Failed
		t.Skipped += g.Skipped
		t.Pending += g.Pending
	}
	return t
}

// tooManyError ends a run that has used up its budget of failures.
type tooManyError struct{ text string }

func (e *tooManyError) Error() string { return e.text }

// budget tells whether more has failed than is borne.
func (r *run) budget(group string) error { return r.settings.exceeded(&r.counts, group) }

// exceeded holds the failures of a group, or of the whole rollout, against the
// budget.
func (s *settings) exceeded(c *counter, group string) error {
	budget, what := s.Groups[group].Budget, "group "+group
	failed, total := c.group(group)
	if s.MaxFailures != nil && group != publicName {
		budget, what = *s.MaxFailures, "the rollout"
		failed, total = c.all()
	}
	if !budget.Exceeded(failed, total) {
		return nil
	}
	return &tooManyError{fmt.Sprintf("%d of %d schemas of %s failed, and no more than %s may", failed, total, what, budget)}
}
