package rollout

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// firstWait and longestWait are between two tries to get a lock.
	firstWait   = 100 * time.Millisecond
	longestWait = 5 * time.Second
	// maxLost is how many connections may end during the same statements of a
	// schema before these are held responsible.
	maxLost = 5
)

// settle says what follows from how a schema went: whether it is to be done
// again, and whether the whole run ends.
func (w *wave) settle(ctx context.Context, c *connection, it *item, err error) (again bool, fatal error) {
	if err == nil {
		w.counts.moved(it.Group, targetPending, targetDone)
		w.tell(w.event(TargetDone, w.row, it.Slug, ""))
		return false, nil
	}
	switch troubleOf(ctx, err) {
	case ofClaim:
		return w.reload(ctx, it)
	case ofAbort:
		return false, errAborted
	case ofConnection:
		if it.loses() > maxLost {
			return false, w.fail(ctx, it, err)
		}
		if err := errors.Join(c.close(ctx), w.reachable(ctx)); err != nil {
			return false, err
		}
		return w.reload(ctx, it)
	case ofLock:
		if w.later(it, err) {
			return true, nil
		}
	case ofSchema:
	}
	return false, w.fail(ctx, it, err)
}

// loses counts a connection that has ended, at the same place of the plan.
func (it *item) loses() int {
	place := strconv.Itoa(it.Step) + " " + cursorOf(it.target)
	if place != it.lostAt {
		it.lost, it.lostAt = 0, place
	}
	it.lost++
	return it.lost
}

const lockNotAvailable = "55P03"

// later puts a schema off whose lock was not to be had, if it may be.
func (w *wave) later(it *item, err error) bool {
	wait := longestWait
	if errors.Is(err, errBusy) { // by a session that will end by itself
		if it.since.IsZero() {
			it.since = time.Now()
		}
		if time.Since(it.since) > w.config.OutsideTimeout {
			return false
		}
		wait = time.Second
	} else {
		if it.busy++; it.busy >= w.config.LockAttempts {
			return false
		}
		wait = min(wait, firstWait<<min(it.busy, 6))
		if stateOf(err) == lockNotAvailable {
			// All who came after the statement queued up behind it: they get
			// more time than it took from them.
			wait = max(wait, 2*w.settings.LockTimeout)
		}
	}
	wait = jitter(wait)
	it.notBefore = time.Now().Add(wait)
	it.seen = time.Time{} // who had the lock may have changed the schema
	event := w.event(Retried, w.row, it.Slug, err.Error())
	event.Wait = wait
	w.tell(event)
	return true
}

// reachable waits until the database answers.
func (r *run) reachable(ctx context.Context) error {
	deadline := time.Now().Add(r.config.Reconnect)
	for {
		ping, cancel := context.WithTimeout(ctx, concludeTimeout)
		err := r.pool.Ping(ping)
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return errAborted
		case time.Now().After(deadline):
			return fmt.Errorf("the database has not answered for %s: %w", r.config.Reconnect, err)
		}
		if err := sleep(ctx, jitter(time.Second)); err != nil {
			return err
		}
	}
}

// reload finds out from the ledger what has become of a schema.
func (w *wave) reload(ctx context.Context, it *item) (again bool, fatal error) {
	var holder, state string
	var there bool
	before := it.State
	err := w.pool.QueryRow(ctx, `
		SELECT coalesce(r.holder, ''), r.state, t.state, t.step, t.cursor, t.started_at IS NOT NULL, `+stillThere(it.target)+`
		FROM bailiwick.rollouts AS r JOIN bailiwick.rollout_targets AS t ON t.rollout_id = r.id
		WHERE r.id = $1 AND t.schema = $2`, int64(w.id), it.Schema).
		Scan(&holder, &state, &it.State, &it.Step, &it.Cursor, &it.Begun, &there)
	switch {
	case err != nil:
		return false, fmt.Errorf("read the ledger: %w", err)
	case holder != w.me:
		return false, errLost
	case it.State != targetPending:
		w.counts.moved(it.Group, before, it.State)
		w.tell(w.event(eventOf(it.State), w.row, it.Slug, ""))
		return false, nil
	case !there:
		return false, w.skip(ctx, it.target, "the tenant is offboarded, or its schema is gone")
	case state == Paused:
		return false, errPaused
	}
	return true, nil
}

func eventOf(state string) EventKind {
	switch state {
	case targetDone:
		return TargetDone
	case targetSkipped:
		return TargetSkipped
	}
	return TargetFailed
}

// fail records what a schema's statement had, and ends the wave when the budget
// is used up.
func (w *wave) fail(ctx context.Context, it *item, err error) error {
	detail := detailOf(err)
	if err := w.mark(ctx, it.target, targetFailed, detail.message, detail); err != nil {
		return err
	}
	if err := w.budget(it.Group); err != nil {
		w.end(err)
	}
	return nil
}

func (r *run) skip(ctx context.Context, t *target, why string) error {
	return r.mark(ctx, t, targetSkipped, why, nil)
}

// detail is what the ledger keeps of a failure.
type detail struct {
	sqlstate  string
	statement string
	message   string
	hint      string
}

func hint(text string) *detail { return &detail{hint: text} }

func detailOf(err error) *detail {
	d := &detail{message: err.Error()}
	if _, refused := errors.AsType[*refusedError](err); refused {
		d.hint = "write a plan file, or bring the schema to the desired state by hand; then `bailiwick schema resume`"
	}
	failed, ok := errors.AsType[*statementError](err)
	if ok {
		d.statement = failed.statement
		d.message = failed.Error()
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		d.sqlstate, d.message = pg.Code, pg.Message
		if pg.Detail != "" {
			d.message += ": " + pg.Detail
		}
		d.hint = adviceOn(pg)
	}
	if ok && failed.rows != "" {
		d.message += ", " + failed.rows
	}
	return d
}

// mark moves a target to a state that no step leads to, and tells of it.
func (r *run) mark(ctx context.Context, t *target, state, message string, d *detail) error {
	if d == nil {
		d = &detail{}
	}
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE bailiwick.rollout_targets AS t
			SET state = $5, sqlstate = nullif($6, ''), statement = nullif($7, ''), error = nullif($8, ''), hint = nullif($9, ''),
			    finished_at = now(), attempts = t.attempts + CASE WHEN $5 = 'failed' THEN 1 ELSE 0 END
			FROM bailiwick.rollouts AS r
			WHERE r.id = $1 AND r.holder = $2 AND t.rollout_id = r.id AND t.schema = $3 AND t.state = $4`,
			int64(r.id), r.me, t.Schema, t.State, state, d.sqlstate, d.statement, message, d.hint)
		if err == nil && tag.RowsAffected() != 1 {
			return errLost
		}
		if err == nil && state == targetDone && !t.public() {
			_, err = tx.Exec(ctx, "UPDATE public.tenants SET schema_fingerprint = $1 WHERE id = "+idOf(t.Schema), t.To)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("write to the ledger: %w", err)
	}
	r.counts.moved(t.Group, t.State, state)
	t.State = state
	r.tell(r.event(eventOf(state), waveRow{t.Wave, t.Group}, t.Slug, message))
	return nil
}
