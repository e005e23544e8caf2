package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// newcomersGroup is the group of tenants that were made while the rollout was
// going on, by the old texts.
const newcomersGroup = "newcomers"

// newcomers makes the new texts those of new tenants, and then brings those that
// were made before to the new state. Whoever makes a tenant holds a lock that the
// change of the texts waits for: none is missed.
func (r *run) newcomers(work, stop context.Context) error {
	if stopped(stop) {
		return nil
	}
	if err := r.flip(work); err != nil {
		return err
	}
	to, err := r.destination(work)
	if err != nil || to == "" {
		return err
	}
	for !stopped(stop) {
		wave, err := r.stragglers(work, to)
		if err != nil || len(wave.Targets) == 0 {
			return err
		}
		row := waveRow{r.waves, newcomersGroup}
		err = pgx.BeginFunc(work, r.pool, func(tx pgx.Tx) error {
			if err := r.hold(work, tx); err != nil {
				return err
			}
			return insertTargets(work, tx, r.id, row.Number, wave)
		})
		if err != nil {
			return err
		}
		r.waves++
		if err := r.count(work); err != nil {
			return err
		}
		if err := r.wave(work, stop, row); err != nil {
			return err
		}
	}
	return nil
}

// hold makes sure that the rollout stays this process's until the transaction ends.
func (r *run) hold(ctx context.Context, tx pgx.Tx) error {
	var mine bool
	err := tx.QueryRow(ctx, "SELECT coalesce(holder = $2, false) FROM bailiwick.rollouts WHERE id = $1 FOR UPDATE", int64(r.id), r.me).Scan(&mine)
	if err == nil && !mine {
		return errLost
	}
	return err
}

// flip makes the rollout's versions the current ones.
func (r *run) flip(ctx context.Context) error {
	current, err := r.current(ctx)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if err := r.hold(ctx, tx); err != nil {
			return err
		}
		for _, scope := range slices.Sorted(maps.Keys(r.versions)) {
			version := r.versions[scope]
			if current[scope] == version {
				continue
			}
			d := catalog.Desired{Scope: string(scope), Version: version}
			err := tx.QueryRow(ctx, "SELECT fingerprint, ddl FROM bailiwick.schemas WHERE scope = $1 AND version = $2", d.Scope, version).
				Scan(&d.Fingerprint, &d.DDL)
			if err == nil {
				err = catalog.SetCurrent(ctx, tx, d)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("change what new tenants are made of: %w", err)
	}
	return nil
}

// destination is the fingerprint that all tenants are to have; empty for a
// rollout that is not about tenants.
func (r *run) destination(ctx context.Context) (to string, err error) {
	err = r.pool.QueryRow(ctx, "SELECT coalesce((SELECT fingerprint FROM bailiwick.schemas WHERE scope = 'tenant' AND version = $1), '')",
		r.versions[plan.Tenant]).Scan(&to)
	if err != nil {
		return "", fmt.Errorf("read the ledger: %w", err)
	}
	return to, nil
}

// stragglers are tenants that are no targets and not where all are to be. Those
// that no plan is for are noted.
func (r *run) stragglers(ctx context.Context, to string) (wave Wave, err error) {
	rows, err := r.pool.Query(ctx, `
		SELECT 't_' || replace(n.id::text, '-', ''), n.slug FROM public.tenants AS n
		WHERE n.schema_fingerprint <> $2 AND n.state::text NOT IN ('offboarding', 'purged')
		  AND NOT EXISTS (SELECT FROM bailiwick.rollout_targets AS t
		                  WHERE t.rollout_id = $1 AND t.schema = 't_' || replace(n.id::text, '-', ''))`, int64(r.id), to)
	if err != nil {
		return wave, fmt.Errorf("list tenants: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*target, error) {
		t := &target{To: to}
		return t, row.Scan(&t.Schema, &t.Slug)
	})
	if err != nil || len(list) == 0 {
		return wave, err
	}
	states, err := r.fingerprints(ctx, list)
	if err != nil {
		return wave, err
	}
	wave.Group = newcomersGroup
	r.outcome.Behind = nil
	for _, t := range list {
		if err := r.straggler(ctx, t, states, &wave); err != nil {
			return wave, err
		}
	}
	return wave, nil
}

// straggler adds a tenant to the wave if there is a way for it.
func (r *run) straggler(ctx context.Context, t *target, states map[string]fingerprint.State, wave *Wave) error {
	state, there := states[t.Schema]
	t.From = state.Fingerprint
	switch {
	case !there:
		return nil
	case t.From == t.To:
		return r.correct(ctx, t, t.To)
	case r.plans[t.key()] == nil:
		r.outcome.Behind = append(r.outcome.Behind, t.Slug)
		return nil
	}
	wave.Targets = append(wave.Targets, Target{Schema: t.Schema, Slug: t.Slug, From: t.From, To: t.To})
	return nil
}
