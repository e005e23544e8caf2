package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Outcome is how a run has ended.
type Outcome struct {
	// Counts are of the whole rollout, not of this run alone.
	Counts

	ID ID `json:"id"`
	// State is Done, Failed or Paused.
	State string `json:"state"`
	// Reason says why it is not Done.
	Reason string `json:"reason,omitempty"`
	// Behind are tenants that came meanwhile and that no plan of this rollout is for.
	Behind []string `json:"behind,omitempty"`
}

// Counts are of targets.
type Counts struct {
	Total   int `json:"total"`
	Done    int `json:"done"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
	Pending int `json:"pending"`
}

// run is one process's work on a rollout.
type run struct {
	*Engine
	*job

	counts  counter
	outcome Outcome
	waves   int
	// seen is when the states of all schemas to come were last looked at.
	seen time.Time
	// era is when the server was started that does the work.
	era time.Time
}

// Run works on a rollout until all of it is done, too much of it failed, it is
// paused, or ctx ends; then the schemas in hand are finished and the rollout is
// paused. It also takes up one that was paused, failed or left behind by a process
// that died: what failed is tried again. An error is about the database or the
// ledger; what schemas had is in the ledger and the Outcome.
func (e *Engine) Run(ctx context.Context, id ID) (*Outcome, error) {
	r := &run{Engine: e, outcome: Outcome{ID: id}}
	var err error
	r.seen, err = e.planned(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := e.acquire(ctx, id); err != nil {
		return nil, err
	}
	work, cancel := e.abortable(ctx)
	defer cancel()
	stop, end := context.WithCancelCause(ctx)
	keeping, stopKeeping := context.WithCancel(work)
	kept := make(chan struct{})
	go func() { defer close(kept); e.keep(keeping, id, end) }()
	err = r.patiently(work, stop)
	stopKeeping()
	<-kept
	return r.conclude(ctx, err, context.Cause(stop))
}

// planned tells when the states of the schemas were seen, which is known only of
// a rollout that this Engine has just started.
func (e *Engine) planned(ctx context.Context, id ID) (seen time.Time, err error) {
	var mine bool
	var age float64
	err = e.pool.QueryRow(ctx, `
		SELECT holder IS NOT DISTINCT FROM $2, extract(epoch FROM now() - coalesce((options ->> 'seen')::timestamptz, created_at))::float8
		FROM bailiwick.rollouts WHERE id = $1`, int64(id), e.me).Scan(&mine, &age)
	if errors.Is(err, pgx.ErrNoRows) {
		return seen, fmt.Errorf("there is no rollout %d\n\tmend: `bailiwick schema status` shows the last one", id)
	}
	if err != nil {
		return seen, fmt.Errorf("read rollout %d: %w", id, err)
	}
	if mine {
		seen = time.Now().Add(-time.Duration(age * float64(time.Second)))
	}
	return seen, nil
}

// abortable is the context of the work itself, which outlives ctx unless the
// user has asked twice.
func (e *Engine) abortable(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	finished := make(chan struct{})
	if e.config.Abort != nil {
		go func() {
			select {
			case <-e.config.Abort:
				cancel(errAborted)
			case <-finished:
			}
		}()
	}
	return work, func() { close(finished); cancel(nil) }
}

var errAborted = errors.New("the rollout was interrupted")

// patiently does what is left of the rollout, also when the database goes away
// and comes back: then all is read anew.
func (r *run) patiently(work, stop context.Context) (err error) {
	if r.job, err = r.load(work, r.outcome.ID); err != nil {
		return err
	}
	r.override()
	if err := r.retry(work); err != nil {
		return err
	}
	for range maxOutages {
		if r.era, err = r.started(work); err == nil {
			err = r.all(work, stop)
		}
		if err == nil {
			err = r.lasting(work)
		}
		if !away(err) {
			return err
		}
		r.tell(Event{Kind: Noted, Message: "the database is away: " + err.Error()})
		if err := r.reachable(work); err != nil {
			return err
		}
		r.seen = time.Time{}
	}
	return err
}

// started is when the server began to run.
func (e *Engine) started(ctx context.Context) (at time.Time, err error) {
	if err = e.pool.QueryRow(ctx, "SELECT pg_catalog.pg_postmaster_start_time()").Scan(&at); err != nil {
		return at, fmt.Errorf("read when the server was started: %w", err)
	}
	return at, nil
}

// lasting fails when the server that did the work is not the one that is there
// now. A server without synchronous commits, or the standby that has taken its
// place, may have lost the last of what it said was committed.
func (r *run) lasting(ctx context.Context) error {
	at, err := r.started(ctx)
	if err == nil && !at.Equal(r.era) {
		return &goneError{errors.New("the server was restarted, and may have lost the last commits")}
	}
	return err
}

// maxOutages bounds how often a run waits for the database to come back.
const maxOutages = 20

// all does what is left of the rollout. work is for what must be finished, stop
// ends between schemas.
func (r *run) all(work, stop context.Context) (err error) {
	if err := r.count(work); err != nil {
		return err
	}
	waves, err := r.pendingWaves(work)
	if err != nil {
		return err
	}
	if r.seen.IsZero() {
		if err := r.reconcile(work); err != nil {
			return err
		}
	}
	for _, w := range waves {
		if err := r.wave(work, stop, w); err != nil {
			return err
		}
	}
	if r.settings.Partial {
		return nil
	}
	return r.newcomers(work, stop)
}

// override lets the configuration of this run win over what the rollout was
// started with.
func (r *run) override() {
	for name, g := range r.settings.Groups {
		if r.config.Parallel != nil && name != publicName {
			g.Parallel = *r.config.Parallel
		}
		if r.config.Soak != nil {
			g.Soak = *r.config.Soak
		}
		r.settings.Groups[name] = g
	}
	if r.config.MaxFailures != nil {
		r.settings.MaxFailures = r.config.MaxFailures
	}
	r.settings.LockTimeout = cmp.Or(r.config.LockTimeout, r.settings.LockTimeout, DefaultLockTimeout)
	r.settings.StatementTimeout = cmp.Or(r.config.StatementTimeout, r.settings.StatementTimeout, DefaultStatementTimeout)
}

// retry makes what failed before pending again.
func (r *run) retry(ctx context.Context) error {
	_, err := r.pool.Exec(ctx, `
		UPDATE bailiwick.rollout_targets SET state = 'pending' WHERE rollout_id = $1 AND state = 'failed'`, int64(r.id))
	if err != nil {
		return fmt.Errorf("write to the ledger: %w", err)
	}
	return nil
}

// conclude writes to the ledger how the run has ended.
func (r *run) conclude(ctx context.Context, err, stopped error) (*Outcome, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), concludeTimeout)
	defer cancel()
	if r.job != nil {
		if errCount := r.count(ctx); errCount == nil {
			r.outcome.Counts = r.counts.totals()
		}
	}
	tooMany, isTooMany := errors.AsType[*tooManyError](err)
	switch {
	case errors.Is(err, errLost), errors.Is(stopped, errLost):
		return &r.outcome, errLost
	case isTooMany:
		r.outcome.State, r.outcome.Reason = Failed, tooMany.text
	case stopped != nil, errors.Is(err, errAborted), errors.Is(err, errPaused):
		r.outcome.State, r.outcome.Reason = Paused, reasonOf(errors.Join(err, stopped))
	case err != nil:
		// The ledger may be out of reach; then the lease runs out.
		return &r.outcome, errors.Join(err, r.release(ctx, r.outcome.ID, Failed, err.Error()))
	case r.outcome.Failed > 0:
		r.outcome.State, r.outcome.Reason = Failed, fmt.Sprintf("%d of %d schemas failed", r.outcome.Failed, r.outcome.Total)
	default:
		if err := r.lasting(ctx); err != nil {
			return &r.outcome, errors.Join(err, r.release(ctx, r.outcome.ID, Failed, err.Error()))
		}
		r.outcome.State = Done
	}
	return &r.outcome, r.release(ctx, r.outcome.ID, r.outcome.State, r.outcome.Reason)
}

const concludeTimeout = 10 * time.Second

func reasonOf(stopped error) string {
	if errors.Is(stopped, errPaused) {
		return errPaused.Error()
	}
	return errAborted.Error()
}
