package rollout

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// waveRow is a wave that has work left.
type waveRow struct {
	Number int
	Group  string
}

// pendingWaves are the waves with work left, in order.
func (r *run) pendingWaves(ctx context.Context) ([]waveRow, error) {
	err := r.pool.QueryRow(ctx, "SELECT coalesce(max(wave) + 1, 0) FROM bailiwick.rollout_targets WHERE rollout_id = $1", int64(r.id)).Scan(&r.waves)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	rows, err := r.pool.Query(ctx, `
		SELECT DISTINCT wave, ring FROM bailiwick.rollout_targets
		WHERE rollout_id = $1 AND state = 'pending' ORDER BY wave`, int64(r.id))
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[waveRow])
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return list, nil
}

// wave does one wave: the schemas, among several workers, and then the check of
// what they have come to.
func (r *run) wave(work, stop context.Context, row waveRow) error {
	if err := r.soak(work, stop, row); err != nil {
		return err
	}
	targets, err := r.targets(work, r.id, "t.wave = $2 AND t.state = 'pending'", row.Number)
	if err != nil {
		return err
	}
	if stopped(stop) {
		return nil
	}
	r.tell(r.event(WaveStarted, row, "", schemas(len(targets))))
	w := &wave{run: r, row: row, ready: make(chan struct{}, 1)}
	for _, t := range targets {
		w.queue = append(w.queue, &item{target: t, seen: r.seen})
	}
	err = w.work(work, stop)
	if err := errors.Join(err, r.verify(work, row)); err != nil {
		return err
	}
	r.tell(r.event(WaveDone, row, "", ""))
	return r.budget(row.Group)
}

func (r *run) event(kind EventKind, row waveRow, slug, message string) Event {
	t := r.counts.totals()
	return Event{
		Kind: kind, Group: row.Group, Wave: row.Number + 1, Waves: r.waves, Slug: slug, Message: message,
		Done: t.Done + t.Skipped, Total: t.Total,
	}
}

// stopped tells that no other schema is to be begun.
func stopped(stop context.Context) bool { return stop.Err() != nil }

// item is a target in a worker's hands or waiting for one.
type item struct {
	*target

	// busy counts the locks that were not to be had, lost the connections that
	// ended while its statements ran.
	busy, lost int
	lostAt     string // the place in the plan
	notBefore  time.Time
	since      time.Time // when another session was first met
	seen       time.Time // when the schema was last looked at
}

// wave is the work that workers share.
type wave struct {
	*run

	row waveRow

	mu    sync.Mutex
	queue []*item
	hands int // items that workers have
	over  error
	ready chan struct{}

	looking sync.Mutex // one worker looks for all
	taken   int        // items since the last look
}

// work runs the workers until the queue is empty, the budget used up or the run
// stopped. Schemas in hand are always finished.
func (w *wave) work(work, stop context.Context) error {
	n := max(1, min(w.settings.Groups[w.row.Group].Parallel, len(w.queue)))
	errs := make([]error, n)
	var workers sync.WaitGroup
	for i := range n {
		workers.Go(func() {
			c := &connection{engine: w.Engine}
			errs[i] = errors.Join(w.worker(work, stop, c), c.close(work))
			if errs[i] != nil {
				w.end(errs[i])
			}
		})
	}
	workers.Wait()
	if w.over != nil {
		return w.over // the first; the others follow from it
	}
	return errors.Join(errs...)
}

// worker takes one schema after the other.
func (w *wave) worker(work, stop context.Context, c *connection) error {
	for {
		it := w.next(stop)
		if it == nil {
			return nil
		}
		again, err := false, w.ahead(work, it)
		if err == nil && it.State == targetPending {
			again, err = w.settle(work, c, it, w.bring(work, c, it.target))
		}
		w.back(it, again)
		if err != nil {
			return err
		}
	}
}

// next waits for an item whose time has come. Nil means that there is no more work.
func (w *wave) next(stop context.Context) *item {
	for !stopped(stop) {
		it, wait, more := w.pick()
		if !more {
			w.wake() // the next worker too, which wakes another one
		}
		if it != nil || !more {
			return it
		}
		timer := time.NewTimer(wait)
		select {
		case <-w.ready:
		case <-timer.C:
		case <-stop.Done():
		}
		timer.Stop()
	}
	return nil
}

// idle is how long a worker without work looks away.
const idle = time.Second

func (w *wave) pick() (it *item, wait time.Duration, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over != nil {
		return nil, 0, false
	}
	wait = idle
	now := time.Now()
	for i, it := range w.queue {
		if left := it.notBefore.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		w.queue = append(w.queue[:i], w.queue[i+1:]...)
		w.hands++
		w.taken++
		return it, 0, true
	}
	return nil, wait, len(w.queue) > 0 || w.hands > 0
}

// back takes an item from a worker's hands, to be done again or not.
func (w *wave) back(it *item, again bool) {
	w.mu.Lock()
	w.hands--
	if again {
		w.queue = append(w.queue, it)
	}
	w.mu.Unlock()
	w.wake()
}

// wake lets one of the workers that wait look again.
func (w *wave) wake() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// end lets nobody begin another schema.
func (w *wave) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over == nil {
		w.over = err
	}
}

// jitter is a random time around d, so that workers that met at a lock don't
// meet there again.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d)
}

func schemas(n int) string {
	if n == 1 {
		return "1 schema"
	}
	return fmt.Sprintf("%d schemas", n)
}
