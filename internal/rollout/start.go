package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
)

// Start writes a rollout and its targets to the ledger, held by this Engine, in
// one transaction. When there is one that is not finished it is an
// *UnfinishedError, and when one has changed schemas since the fleet was looked
// at, a *StaleError.
func (e *Engine) Start(ctx context.Context, fleet *plan.Fleet) (ID, error) {
	l, err := e.Layout(ctx, fleet)
	if err != nil {
		return 0, err
	}
	return e.StartLayout(ctx, l)
}

// StartLayout is Start for what [Engine.Layout] gave.
func (e *Engine) StartLayout(ctx context.Context, l *Layout) (ID, error) {
	j := &job{kind: kindApply, versions: map[plan.Scope]string{}, settings: e.kept(l.Waves)}
	j.settings.Partial, j.settings.Previous, j.settings.Seen = l.Partial, l.previous, l.seen
	j.settings.Releases = l.Releases
	for scope, desired := range l.Desired {
		j.versions[scope] = desired.Version
	}
	var id ID
	err := pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		if err := remember(ctx, tx, l.Desired); err != nil {
			return err
		}
		// Nobody asks any more which releases ran a month ago.
		_, err := tx.Exec(ctx, "DELETE FROM bailiwick.releases WHERE expires_at < now() - interval '30 days'")
		if err != nil {
			return fmt.Errorf("write to the ledger: %w", err)
		}
		if id, err = e.insert(ctx, tx, j, l.Plans, l.Waves); err != nil {
			return err
		}
		return upToDate(ctx, tx, id, 0, l.seen)
	})
	return id, e.unfinished(ctx, err)
}

// upToDate refuses a rollout whose plans are for schemas as they were before
// another one. It is asked once the rollout's own row is there, for since then
// no other can begin. Of the one that was abandoned for it only what was done to
// schemas counts, not that it has ended.
func upToDate(ctx context.Context, tx pgx.Tx, id, abandoned ID, seen time.Time) error {
	if seen.IsZero() {
		return nil
	}
	var other int64
	err := tx.QueryRow(ctx, `
		SELECT coalesce(max(r.id), 0) FROM bailiwick.rollouts AS r
		WHERE r.id <> $1 AND (r.id <> $3 AND (r.created_at > $2 OR r.finished_at > $2) OR EXISTS (
			SELECT FROM bailiwick.rollout_targets AS t
			WHERE t.rollout_id = r.id AND (t.started_at > $2 OR t.finished_at > $2)))`, int64(id), seen, int64(abandoned)).Scan(&other)
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	if other != 0 {
		return &StaleError{ID(other)}
	}
	return nil
}

// StaleError says that another rollout came between the look at the fleet and
// the start of this one, or of this rollback.
type StaleError struct{ Other ID }

func (e *StaleError) Error() string {
	return fmt.Sprintf("rollout %d has changed the fleet since it was looked at\n\tmend: run the command again, which looks anew", e.Other)
}

// kept is what the ledger keeps of the configuration.
func (e *Engine) kept(waves []Wave) settings {
	s := settings{
		Groups:           map[string]groupSettings{},
		MaxFailures:      e.config.MaxFailures,
		LockTimeout:      e.config.LockTimeout,
		StatementTimeout: e.config.StatementTimeout,
		Only:             e.config.Only,
	}
	for _, w := range waves {
		s.Groups[w.Group] = groupSettings{Parallel: w.Parallel, Soak: w.Soak}
	}
	for _, g := range e.config.Deployment.Groups {
		if kept, ok := s.Groups[g.Name]; ok && g.OnError == atlas.OnErrorContinue {
			kept.Budget = g.MaxFailures
			s.Groups[g.Name] = kept
		}
	}
	return s
}

// remember keeps the texts of the desired states, from which new tenants will be
// made at the end. Two who begin at once wait for each other, so both go in order.
func remember(ctx context.Context, tx pgx.Tx, desired map[plan.Scope]plan.Target) error {
	for _, scope := range slices.Sorted(maps.Keys(desired)) {
		d := desired[scope]
		_, err := tx.Exec(ctx, `
			INSERT INTO bailiwick.schemas (scope, version, fingerprint, ddl) VALUES ($1, $2, $3, $4)
			ON CONFLICT (scope, version) DO UPDATE SET fingerprint = excluded.fingerprint`,
			string(scope), d.Version, d.Fingerprint, d.DDL)
		if err != nil {
			return fmt.Errorf("write to the ledger: %w", err)
		}
	}
	return nil
}

// insert writes the rows of a new rollout.
func (e *Engine) insert(ctx context.Context, tx pgx.Tx, j *job, plans []*plan.Plan, waves []Wave) (ID, error) {
	versions, err := json.Marshal(j.versions)
	if err != nil {
		return 0, err
	}
	kept, err := json.Marshal(executable(plans))
	if err != nil {
		return 0, err
	}
	options, err := json.Marshal(j.settings)
	if err != nil {
		return 0, err
	}
	var id int64
	err = tx.QueryRow(ctx, `
		INSERT INTO bailiwick.rollouts (kind, versions, plans, options, holder, holder_until)
		VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6)) RETURNING id`,
		j.kind, string(versions), string(kept), string(options), e.me, e.config.Lease.Seconds()).Scan(&id)
	if err != nil {
		return 0, err
	}
	for i, w := range waves {
		if err := insertTargets(ctx, tx, ID(id), i, w); err != nil {
			return 0, err
		}
	}
	return ID(id), nil
}

// executable are the plans without what only people read.
func executable(plans []*plan.Plan) []*plan.Plan {
	kept := make([]*plan.Plan, len(plans))
	for i, p := range plans {
		lean := *p
		lean.Differences, lean.Findings, lean.Locks, lean.Rest = nil, nil, nil, nil
		kept[i] = &lean
	}
	return kept
}

func insertTargets(ctx context.Context, tx pgx.Tx, id ID, wave int, w Wave) error {
	n := len(w.Targets)
	schemas, slugs, from, to := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, t := range w.Targets {
		schemas[i], slugs[i], from[i], to[i] = t.Schema, t.Slug, t.From, t.To
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO bailiwick.rollout_targets (rollout_id, schema, slug, ring, wave, from_fp, to_fp)
		SELECT $1, t.schema, t.slug, $2, $3, t.from_fp, t.to_fp
		FROM unnest($4::text[], $5::text[], $6::text[], $7::text[]) AS t (schema, slug, from_fp, to_fp)`,
		int64(id), w.Group, wave, schemas, slugs, from, to)
	if err != nil {
		return fmt.Errorf("write to the ledger: %w", err)
	}
	return nil
}

// UnfinishedError says that another rollout is not finished.
type UnfinishedError struct{ Rollout Summary }

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("rollout %d is not finished: it is %s", e.Rollout.ID, e.Rollout.Condition())
}

const uniqueViolation = "23505"

// unfinished says which rollout is in the way of a new one.
func (e *Engine) unfinished(ctx context.Context, err error) error {
	if stateOf(err) != uniqueViolation {
		return err
	}
	found, ok, errLatest := e.Unfinished(ctx)
	if errLatest != nil || !ok {
		return errors.Join(err, errLatest)
	}
	return &UnfinishedError{found}
}
