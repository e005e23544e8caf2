package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// Rollback is the way back of a rollout.
type Rollback struct {
	Layout

	// Of is the rollout that is undone. When it is not finished it is abandoned.
	Of Summary `json:"of"`
	// Losses says what data the way back loses.
	Losses []string `json:"losses,omitempty"`
	// Notes tell of tenants that are left out, and of releases that won't fit.
	Notes []string `json:"notes,omitempty"`
	// Left are the tenants that are left out, at a state that no way back begins with.
	Left []string `json:"left,omitempty"`

	job    *job              // the one that is undone
	astray map[string]string // where those that are left out are, by schema
}

// LayoutRollback finds the way back of the last rollout that was not undone, or of
// the last one that had the tenants that are named, for these alone. It changes
// nothing. Where there is no way back it is an error that says why. After a
// rollback it goes on to an older rollout only when that is named; of is 0 when
// none is.
func (e *Engine) LayoutRollback(ctx context.Context, of ID, slugs []string) (*Rollback, error) {
	b := &Rollback{Layout: Layout{Partial: len(slugs) > 0}, astray: map[string]string{}}
	// Before it is asked whether somebody is at work: whatever that one does
	// later is after this moment.
	err := e.pool.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&b.seen)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	if b.Of, err = e.undone(ctx, slugs); err != nil {
		return nil, err
	}
	if err := e.meant(ctx, b.Of, of); err != nil {
		return nil, err
	}
	if b.job, err = e.load(ctx, b.Of.ID); err != nil {
		return nil, err
	}
	b.Partial = b.Partial || b.job.settings.Partial
	public, tenants, err := e.returning(ctx, b, slugs)
	if err != nil {
		return nil, err
	}
	if err := e.reverse(b, slices.Concat(public, tenants)); err != nil {
		return nil, err
	}
	current, err := e.current(ctx)
	if err != nil {
		return nil, err
	}
	for scope, version := range b.job.settings.Previous {
		b.Flips = b.Flips || !b.Partial && current[scope] != version
	}
	b.Waves = e.waves(tenants)
	if len(public) > 0 {
		wave := Wave{Group: publicName, Parallel: 1, Targets: targetsOf(public)}
		first, err := e.publicWasLast(ctx, b.Of.ID)
		if err != nil {
			return nil, err
		}
		if first {
			b.Waves = slices.Insert(b.Waves, 0, wave)
		} else {
			b.Waves = append(b.Waves, wave)
		}
	}
	return b, e.warn(ctx, b)
}

// StartRollback writes the rollback to the ledger; [Engine.Run] does it. When a
// rollout has changed schemas since the way back was found it is a *StaleError.
// When there is nothing to do but for tenants that are left out, it is an error too,
// and nothing is written of it: that rollout can still be resumed. Where those are
// is noted in the registry.
func (e *Engine) StartRollback(ctx context.Context, b *Rollback) (ID, error) {
	for schema, is := range b.astray {
		if err := e.correct(ctx, &target{Schema: schema}, is); err != nil {
			return 0, err
		}
	}
	if b.Nothing() && len(b.Left) > 0 {
		return 0, fmt.Errorf("rollout %d can't be undone:\n\t%s\n\tmend: go on with it, if it is not finished, by `bailiwick schema resume`; "+
			"or bring them to what the files say: `bailiwick schema apply --abandon`", b.Of.ID, strings.Join(b.Notes, "\n\t"))
	}
	j := &job{kind: kindRollback, versions: b.job.settings.Previous, settings: e.kept(b.Waves)}
	j.settings.Partial, j.settings.Previous, j.settings.Reverts = b.Partial, b.job.versions, b.Of.ID
	j.settings.Releases, j.settings.Seen = b.Releases, b.seen
	if j.versions == nil {
		j.versions = map[plan.Scope]string{}
	}
	var id, abandoned ID
	err := pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) (err error) {
		if !b.Of.Finished() {
			abandoned = b.Of.ID
			err := e.abandon(ctx, tx, abandoned)
			if _, finished := errors.AsType[*FinishedError](err); finished {
				return &StaleError{abandoned}
			}
			if err != nil {
				return err
			}
		}
		if id, err = e.insert(ctx, tx, j, b.Plans, b.Waves); err != nil {
			return err
		}
		return upToDate(ctx, tx, id, abandoned, b.seen)
	})
	return id, e.unfinished(ctx, err)
}

// undone is the rollout that a rollback is of: the last one that was not undone.
func (e *Engine) undone(ctx context.Context, slugs []string) (Summary, error) {
	unfinished, ok, err := e.Unfinished(ctx)
	switch {
	case err != nil:
		return unfinished, err
	case ok && unfinished.Holder != "":
		return unfinished, &HeldError{ID: unfinished.ID, Holder: unfinished.Holder}
	case ok && (len(slugs) > 0 || unfinished.Kind == kindRollback):
		return unfinished, &UnfinishedError{unfinished}
	case ok:
		return unfinished, nil
	}
	s, ok, err := e.summary(ctx, `
		WHERE kind = 'apply' AND NOT EXISTS (
			SELECT FROM bailiwick.rollouts AS b
			WHERE b.kind = 'rollback' AND b.state = 'done' AND (b.options ->> 'reverts')::bigint = rollouts.id
			  AND NOT coalesce((b.options ->> 'partial')::boolean, false))
		AND (cardinality($1::text[]) = 0 OR EXISTS (
			SELECT FROM bailiwick.rollout_targets AS t
			WHERE t.rollout_id = rollouts.id AND t.state = 'done' AND t.slug = ANY ($1::text[])))
		ORDER BY id DESC LIMIT 1`, append([]string{}, slugs...))
	if err == nil && !ok {
		err = errors.New("there is no rollout to undo\n\tmend: `bailiwick schema status` shows the last one")
	}
	return s, err
}

// meant refuses to undo another rollout than the one that was meant: that is the
// one that is named, or else the last one, and not one before a rollback. Who
// presses twice is not to go back twice.
func (e *Engine) meant(ctx context.Context, found Summary, of ID) error {
	if of != 0 && of != found.ID {
		if err := e.never(ctx, of); err != nil {
			return err
		}
		return fmt.Errorf("rollout %d can't be undone now: the next one to undo is rollout %d of %s\n\tmend: undo that one first, or name no rollout",
			of, found.ID, found.begun())
	}
	if of == found.ID {
		return nil
	}
	back, ok, err := e.summary(ctx, `
		WHERE kind = 'rollback' AND state = 'done' AND id > $1 AND (options ->> 'reverts')::bigint > $1
		  AND NOT coalesce((options ->> 'partial')::boolean, false)
		ORDER BY id DESC LIMIT 1`, int64(found.ID))
	if err != nil || !ok {
		return err
	}
	return fmt.Errorf("rollout %d is undone already, by rollout %d; the one before it is rollout %d of %s\n\tmend: if that one is to be undone too: --rollout %d",
		back.Reverts, back.ID, found.ID, found.begun(), found.ID)
}

// never says why a rollout is not to be undone now or later; that another one could
// be undone is then no help.
func (e *Engine) never(ctx context.Context, of ID) error {
	named, ok, err := e.summary(ctx, "WHERE id = $1", int64(of))
	switch {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("there is no rollout %d\n\tmend: `bailiwick schema status` shows the last one", of)
	case named.Kind == kindRollback:
		return fmt.Errorf("rollout %d is a rollback itself\n\tmend: `bailiwick schema apply` leads forward again", of)
	}
	back, ok, err := e.summary(ctx, "WHERE kind = 'rollback' AND state = 'done' AND (options ->> 'reverts')::bigint = $1 "+
		"AND NOT coalesce((options ->> 'partial')::boolean, false) ORDER BY id LIMIT 1", int64(of))
	if err != nil || !ok {
		return err
	}
	return fmt.Errorf("rollout %d is undone already, by rollout %d\n\tmend: nothing; `bailiwick schema status` shows what is", of, back.ID)
}

// returning are the schemas that the rollout brought to where they are.
func (e *Engine) returning(ctx context.Context, b *Rollback, slugs []string) (public, tenants []candidate, err error) {
	rows, err := e.targets(ctx, b.Of.ID, "true")
	if err != nil {
		return nil, nil, err
	}
	known, err := e.registered(ctx)
	if err != nil {
		return nil, nil, err
	}
	rows, err = e.born(ctx, b, rows, known)
	if err != nil {
		return nil, nil, err
	}
	if len(slugs) > 0 {
		rows = slices.DeleteFunc(rows, func(t *target) bool { return !slices.Contains(slugs, t.Slug) })
		for _, slug := range slugs {
			if !slices.ContainsFunc(rows, func(t *target) bool { return t.Slug == slug }) {
				return nil, nil, fmt.Errorf("rollout %d was not for tenant %q\n\tmend: roll tenants back one by one", b.Of.ID, slug)
			}
		}
	}
	states, err := e.fingerprints(ctx, rows)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range rows {
		c, ok := e.comesBack(b, t, known, states)
		switch {
		case !ok:
		case t.public():
			public = append(public, c)
		default:
			tenants = append(tenants, c)
		}
	}
	return public, tenants, nil
}

// born adds the tenants that were made in the new state, if all go back and there
// was a way from the state that new ones had before.
func (e *Engine) born(ctx context.Context, b *Rollback, rows []*target, known map[string]registration) ([]*target, error) {
	if b.Partial {
		return rows, nil
	}
	targets := map[string]bool{}
	for _, t := range rows {
		targets[t.Schema] = true
	}
	fingerprints := map[string]string{}
	for name, versions := range map[string]map[plan.Scope]string{"from": b.job.settings.Previous, "to": b.job.versions} {
		r := &run{Engine: e, job: &job{versions: versions}}
		fp, err := r.destination(ctx)
		if err != nil {
			return nil, err
		}
		fingerprints[name] = fp
	}
	for _, schema := range slices.Sorted(maps.Keys(known)) {
		t := known[schema]
		if !targets[schema] && !t.gone() && fingerprints["from"] != fingerprints["to"] {
			rows = append(rows, &target{Schema: schema, Slug: t.Slug, From: fingerprints["from"], To: fingerprints["to"], State: targetDone})
		}
	}
	return rows, nil
}

// comesBack makes a candidate of a target that is where its plan led.
func (e *Engine) comesBack(b *Rollback, t *target, known map[string]registration, states map[string]fingerprint.State) (candidate, bool) {
	row, registered := known[t.Schema]
	state, there := states[t.Schema]
	switch {
	case !there, !t.public() && (!registered || row.gone()), t.From == t.To:
		return candidate{}, false
	case state.Fingerprint == t.To:
		return candidate{
			Target: Target{Schema: t.Schema, Slug: t.Slug, From: t.To, To: t.From}, ring: row.Ring, created: row.Created,
		}, true
	case state.Fingerprint != t.From:
		b.Left, b.astray[t.Schema] = append(b.Left, t.Slug), state.Fingerprint
		b.Notes = append(b.Notes, fmt.Sprintf("%s is left out: it is at %s, after %s of its plan, and the way back begins at %s",
			t.Slug, state.Fingerprint, steps(t.Step), t.To))
	}
	return candidate{}, false
}

func steps(n int) string {
	if n == 1 {
		return "1 step"
	}
	return fmt.Sprintf("%d steps", n)
}

// reverse turns the plans of the schemas round.
func (e *Engine) reverse(b *Rollback, of []candidate) error {
	wanted := map[planKey]string{}
	for _, c := range of {
		key := planKey{c.Schema == publicName, c.To, c.From}
		wanted[key] = cmp.Or(wanted[key], c.Slug)
	}
	var refused []string
	for _, key := range slices.SortedFunc(maps.Keys(wanted), func(a, b planKey) int { return strings.Compare(a.from, b.from) }) {
		p := b.job.plans[key]
		switch {
		case p == nil:
			refused = append(refused, fmt.Sprintf("no plan of rollout %d leads from %s, where new tenants such as %s were before", b.Of.ID, key.from, wanted[key]))
		case p.Irreversible != "":
			refused = append(refused, fmt.Sprintf("from %s to %s (%s): %s", p.To, p.From, wanted[key], p.Irreversible))
		case len(p.Reverse) == 0:
			refused = append(refused, fmt.Sprintf("from %s to %s (%s): no certified way back", p.To, p.From, wanted[key]))
		default:
			back := &plan.Plan{
				Scope: p.Scope, From: p.To, To: p.From, Steps: p.Reverse, Source: p.Source,
				Irreversible: "it is a way back itself; `bailiwick schema apply` leads forward again",
			}
			if err := checkSteps(back); err != nil {
				return err
			}
			b.Plans = append(b.Plans, back)
			b.Losses = append(b.Losses, p.Losses...)
		}
	}
	if len(refused) > 0 {
		return fmt.Errorf("rollout %d can't be rolled back:\n\t%s\n\tmend: change the schema files to what you want, and roll that out", b.Of.ID, strings.Join(refused, "\n\t"))
	}
	slices.Sort(b.Losses)
	b.Losses = slices.Compact(b.Losses)
	return nil
}

// publicWasLast tells whether the shared schema came after the tenants.
func (e *Engine) publicWasLast(ctx context.Context, id ID) (last bool, err error) {
	err = e.pool.QueryRow(ctx, `
		SELECT coalesce(max(wave) FILTER (WHERE schema = 'public') > max(wave) FILTER (WHERE schema <> 'public'), false)
		FROM bailiwick.rollout_targets WHERE rollout_id = $1`, int64(id)).Scan(&last)
	if err != nil {
		return false, fmt.Errorf("read the ledger: %w", err)
	}
	return last, nil
}

// warn notes the live releases that have said that they don't fit the old state.
func (e *Engine) warn(ctx context.Context, b *Rollback) error {
	to := make([]string, len(b.Plans))
	for i, p := range b.Plans {
		to[i] = p.To
	}
	rows, err := e.pool.Query(ctx, `
		SELECT name || ' ' || version FROM bailiwick.releases
		WHERE expires_at > now() AND jsonb_exists_any(misfits, $1) ORDER BY 1`, to)
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	releases, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	for _, release := range releases {
		b.Notes = append(b.Notes, fmt.Sprintf("the running release %s does not fit the old schema: deploy one that does first", release))
	}
	return nil
}
