package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Why a run ends before its work does.
var (
	errPaused = errors.New("the rollout was paused")
	errLost   = errors.New("another process has taken over the rollout")
)

// HeldError says that somebody else works on the rollout.
type HeldError struct {
	ID     ID
	Holder string
	Until  time.Time
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("rollout %d is being worked on by %s\n\tmend: let it, or stop it with `bailiwick schema pause`", e.ID, e.Holder)
}

// acquire makes this Engine the holder of a rollout. Only one that has died is
// waited for, until its lease ends.
func (e *Engine) acquire(ctx context.Context, id ID) error {
	var seen *HeldError
	for {
		ok, err := e.take(ctx, id)
		if ok || err != nil {
			return err
		}
		held, left, err := e.heldBy(ctx, id)
		if err != nil {
			return err
		}
		if seen != nil && held.Holder == seen.Holder && held.Until.After(seen.Until) {
			return held // it lives: it has renewed its lease
		}
		if seen == nil {
			e.tell(Event{Kind: Noted, Message: fmt.Sprintf("waiting whether %s is alive, for at most %s", held.Holder, left.Round(time.Second)), Wait: left})
		}
		seen = held
		// A living holder renews after a third of its lease.
		if err := sleep(ctx, min(left+slack, max(e.config.Lease/2, slack))); err != nil {
			return err
		}
	}
}

// slack is for what the clocks' resolution and the way to the server take.
const slack = 50 * time.Millisecond

// take is the compare-and-set of the lease.
func (e *Engine) take(ctx context.Context, id ID) (bool, error) {
	tag, err := e.pool.Exec(ctx, `
		UPDATE bailiwick.rollouts
		SET holder = $2, holder_until = now() + make_interval(secs => $3), state = 'running', error = NULL, finished_at = NULL
		WHERE id = $1 AND state IN ('running', 'paused', 'failed')
		  AND (holder IS NULL OR holder = $2 OR holder_until < now())`, int64(id), e.me, e.config.Lease.Seconds())
	if err != nil {
		return false, fmt.Errorf("take rollout %d: %w", id, err)
	}
	return tag.RowsAffected() == 1, nil
}

// heldBy tells whose the rollout is, and for how long still.
func (e *Engine) heldBy(ctx context.Context, id ID) (*HeldError, time.Duration, error) {
	held := &HeldError{ID: id}
	var state string
	var left float64
	err := e.pool.QueryRow(ctx, `
		SELECT state, coalesce(holder, ''), coalesce(holder_until, now()), coalesce(extract(epoch FROM holder_until - clock_timestamp()), 0)::float8
		FROM bailiwick.rollouts WHERE id = $1`, int64(id)).Scan(&state, &held.Holder, &held.Until, &left)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, 0, fmt.Errorf("there is no rollout %d\n\tmend: `bailiwick schema status` shows the last one", id)
	case err != nil:
		return nil, 0, fmt.Errorf("take rollout %d: %w", id, err)
	case state == Done || state == Abandoned:
		return nil, 0, &FinishedError{id, state}
	}
	return held, max(0, time.Duration(left*float64(time.Second))), nil
}

// FinishedError says that there is nothing to resume.
type FinishedError struct {
	ID    ID
	State string
}

func (e *FinishedError) Error() string { return fmt.Sprintf("rollout %d is %s already", e.ID, e.State) }

// keep renews the lease until ctx ends, and ends the run when the rollout is
// paused or somebody else's.
func (e *Engine) keep(ctx context.Context, id ID, end context.CancelCauseFunc) {
	for sleep(ctx, e.config.Lease/3) == nil {
		var state string
		err := e.pool.QueryRow(ctx, `
			UPDATE bailiwick.rollouts SET holder_until = now() + make_interval(secs => $3)
			WHERE id = $1 AND holder = $2 RETURNING state`, int64(id), e.me, e.config.Lease.Seconds()).Scan(&state)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			end(errLost)
			return
		case err == nil && state == Paused:
			end(errPaused)
		}
		// Other errors: the database is away, which the workers bear for a
		// while, and each change of theirs asks whether the lease still holds.
	}
}

// release ends the lease, and leaves the rollout in a state.
func (e *Engine) release(ctx context.Context, id ID, state, reason string) error {
	_, err := e.pool.Exec(ctx, `
		UPDATE bailiwick.rollouts SET holder = NULL, holder_until = NULL, state = $3, error = nullif($4, ''),
		       finished_at = CASE WHEN $3 IN ('done', 'abandoned') THEN now() END
		WHERE id = $1 AND holder = $2 AND state IN ('running', 'paused')`, int64(id), e.me, state, reason)
	if err != nil {
		return fmt.Errorf("write to the ledger: %w", err)
	}
	return nil
}

// Abandon ends a rollout that nobody works on. What it has done stays.
func (e *Engine) Abandon(ctx context.Context, id ID) error {
	return pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error { return e.abandon(ctx, tx, id) })
}

func (e *Engine) abandon(ctx context.Context, tx pgx.Tx, id ID) error {
	tag, err := tx.Exec(ctx, `
		UPDATE bailiwick.rollouts SET state = 'abandoned', finished_at = now(), holder = NULL, holder_until = NULL
		WHERE id = $1 AND state IN ('running', 'paused', 'failed') AND (holder IS NULL OR holder_until < now())`, int64(id))
	if err != nil {
		return fmt.Errorf("abandon rollout %d: %w", id, err)
	}
	if tag.RowsAffected() == 1 {
		return nil
	}
	held, _, err := e.heldBy(ctx, id)
	if err != nil {
		return err
	}
	return held
}

// sleep waits, or gives the reason why ctx ended.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
