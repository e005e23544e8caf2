package rollout

import (
	"context"
	"fmt"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// reconcile looks at all schemas of a rollout that was interrupted: those to
// come, which may be elsewhere by now, and those done, which may not have been
// verified.
func (r *run) reconcile(ctx context.Context) error {
	seen := time.Now()
	err := r.look(ctx, "(t.state = 'done' OR "+untouched+")")
	r.seen = seen
	return err
}

// untouched is a condition: nothing has been run on the schema, so it should be
// in the state that its plan begins with.
const untouched = "t.state = 'pending' AND t.started_at IS NULL"

// verify looks at what a wave has done.
func (r *run) verify(ctx context.Context, row waveRow) error {
	return r.look(ctx, "t.wave = $2 AND t.state = 'done'", row.Number)
}

// look compares the fingerprints of targets with what the ledger says.
func (r *run) look(ctx context.Context, condition string, args ...any) error {
	targets, err := r.targets(ctx, r.id, condition, args...)
	if err != nil {
		return err
	}
	return r.compare(ctx, targets)
}

// compare holds schemas against what the ledger says of them.
func (r *run) compare(ctx context.Context, targets []*target) error {
	if len(targets) == 0 {
		return nil
	}
	states, err := r.fingerprints(ctx, targets)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if state, there := states[t.Schema]; there {
			if err := r.judge(ctx, t, state.Fingerprint); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Engine) fingerprints(ctx context.Context, targets []*target) (map[string]fingerprint.State, error) {
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = t.Schema
	}
	states, err := fingerprint.Fleet(ctx, e.pool, names, verifiers, nil)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	return states, nil
}

// verifiers are the connections that fingerprints are read over at once.
const verifiers = 2

// judge corrects the ledger where a schema is not as it says.
func (r *run) judge(ctx context.Context, t *target, is string) error {
	switch {
	case t.State == targetDone && is == t.To, t.State == targetPending && is == t.From:
		return nil
	case t.State == targetPending && is == t.To:
		return r.mark(ctx, t, targetDone, "", nil)
	case t.State == targetDone:
		if err := r.correct(ctx, t, is); err != nil {
			return err
		}
		return r.mark(ctx, t, targetFailed, "the schema is at "+is+" and not at "+t.To+", where the plan leads",
			hint("`bailiwick schema drift --tenant "+t.Slug+"` tells the difference"))
	}
	return r.mark(ctx, t, targetFailed, "the schema is at "+is+" and no longer at "+t.From+", which the plan is for",
		hint("undo what was changed by hand, or abandon this rollout and plan anew: `bailiwick schema apply --abandon`"))
}

// correct notes in the registry where a schema really is.
func (e *Engine) correct(ctx context.Context, t *target, is string) error {
	if t.public() {
		return nil
	}
	_, err := e.pool.Exec(ctx, "UPDATE public.tenants SET schema_fingerprint = $1 WHERE id = "+idOf(t.Schema), is)
	if err != nil {
		return fmt.Errorf("write to the registry: %w", err)
	}
	return nil
}

// soak waits between the end of the wave before and this one, and looks whether
// all is well meanwhile.
func (r *run) soak(work, stop context.Context, row waveRow) error {
	if row.Number == 0 {
		return nil
	}
	var group string
	var age *float64
	err := r.pool.QueryRow(work, `
		SELECT coalesce(max(ring), ''), extract(epoch FROM clock_timestamp() - max(finished_at))::float8
		FROM bailiwick.rollout_targets WHERE rollout_id = $1 AND wave = $2 AND state = 'done'`,
		int64(r.id), row.Number-1).Scan(&group, &age)
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	soak := r.settings.Groups[group].Soak
	if age == nil || soak <= 0 {
		return nil
	}
	ends := time.Now().Add(soak - time.Duration(*age*float64(time.Second)))
	if left := time.Until(ends); left > 0 {
		event := r.event(Soaking, row, "", fmt.Sprintf("soaking for %s before wave %d", left.Round(time.Second), row.Number+1))
		event.Wait = left
		r.tell(event)
	}
	for !stopped(stop) {
		if err := r.healthy(work); err != nil {
			return err
		}
		left := time.Until(ends)
		if left <= 0 {
			return nil
		}
		_ = sleep(stop, min(left, healthInterval)) // the loop's condition tells why
	}
	return nil
}

const healthInterval = 2 * time.Second

// healthy fails when the database does not answer, or when a live release has
// found that its statements don't fit a state that this rollout has made.
func (r *run) healthy(ctx context.Context) error {
	var release *string
	err := r.pool.QueryRow(ctx, `
		SELECT min(l.name || ' ' || l.version) FROM bailiwick.releases AS l
		WHERE l.expires_at > now() AND EXISTS (
			SELECT FROM bailiwick.rollout_targets AS t
			WHERE t.rollout_id = $1 AND t.state = 'done' AND jsonb_exists(l.misfits, t.to_fp))`, int64(r.id)).Scan(&release)
	if err != nil {
		return fmt.Errorf("check the health: %w", err)
	}
	if release != nil {
		return &tooManyError{fmt.Sprintf("the running release %s has statements that don't fit the new schema; "+
			"its tenants are answered 503: roll back, or deploy a release that fits", *release)}
	}
	return nil
}
