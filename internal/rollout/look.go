package rollout

import (
	"context"
	"slices"
	"time"
)

// lookahead is how many schemas of the queue are looked at, at most, together with
// the one whose turn it is: many at once take little longer than one.
const lookahead = 100

// ahead makes sure that a schema was looked at a moment ago before it is begun
// with, and looks at those that come next too. What is not where its plan begins
// is not pending afterwards, and is in the queue no more.
func (w *wave) ahead(ctx context.Context, it *item) error {
	if !w.outdated(it) {
		return nil
	}
	w.looking.Lock()
	defer w.looking.Unlock()
	if !w.outdated(it) {
		return nil // another worker has looked
	}
	items := append(w.following(), it)
	targets := make([]*target, len(items))
	for i, it := range items {
		targets[i] = it.target
	}
	seen := time.Now()
	if err := w.compare(ctx, targets); err != nil {
		return err
	}
	w.mu.Lock()
	for _, it := range items {
		it.seen = seen
	}
	w.queue = slices.DeleteFunc(w.queue, func(it *item) bool { return it.State != targetPending })
	w.mu.Unlock()
	return w.budget(w.row.Group)
}

// outdated tells that a schema may have been changed by others since it was looked
// at. One that was begun with is between two states, and nobody can tell.
func (w *wave) outdated(it *item) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !it.Begun && it.Step == 0 && it.Cursor == nil && time.Since(it.seen) > w.config.Freshness
}

// following are the next ones of the queue that have to be looked at. They stay in
// it: a worker that takes one meanwhile waits for the look. They are twice as many
// as were taken since the last one, so that where each schema takes long, to be
// looked at or to be changed, few are looked at in vain.
func (w *wave) following() (items []*item) {
	w.mu.Lock()
	next := slices.Clone(w.queue[:min(len(w.queue), lookahead, 2*w.taken)])
	w.taken = 0
	w.mu.Unlock()
	for _, it := range next {
		if w.outdated(it) {
			items = append(items, it)
		}
	}
	return items
}
