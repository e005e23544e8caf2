package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Summary is a rollout in a few words.
type Summary struct {
	ID    ID     `json:"id"`
	Kind  string `json:"kind"`
	State string `json:"state"`
	// Reverts is the rollout that a rollback undoes.
	Reverts ID `json:"reverts,omitempty"`
	// Holder is who works on it, if anybody does.
	Holder string `json:"holder,omitempty"`
	// Versions are what it leads to, by scope.
	Versions map[string]string `json:"versions"`
	Partial  bool              `json:"partial,omitempty"`
	// Reason says why it has stopped.
	Reason     string     `json:"reason,omitempty"`
	CreatedBy  string     `json:"created_by"`
	CreatedAt  time.Time  `json:"created_at"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
}

// Finished tells that nobody has to go on with it.
func (s Summary) Finished() bool { return s.State == Done || s.State == Abandoned }

// begun is when it was, for a sentence.
func (s Summary) begun() string { return s.CreatedAt.UTC().Format(time.DateTime) + " UTC" }

// Condition is the state in words.
func (s Summary) Condition() string {
	switch {
	case s.State == Running && s.Holder == "":
		return "left behind by a process that died"
	case s.State == Running:
		return "being worked on by " + s.Holder
	case s.Reason != "":
		return s.State + ": " + s.Reason
	}
	return s.State
}

const selectSummary = `
	SELECT id, kind, state, coalesce((options ->> 'reverts')::bigint, 0), CASE WHEN holder_until > now() THEN coalesce(holder, '') ELSE '' END, versions,
	       coalesce((options ->> 'partial')::boolean, false), coalesce(error, ''), created_by, created_at, finished_at
	FROM bailiwick.rollouts`

func (e *Engine) summary(ctx context.Context, rest string, args ...any) (s Summary, ok bool, err error) {
	rows, err := e.pool.Query(ctx, selectSummary+" "+rest, args...)
	if err == nil {
		s, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Summary])
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return s, false, nil
	}
	if err != nil {
		return s, false, fmt.Errorf("read the ledger: %w", err)
	}
	return s, true, nil
}

// Unfinished is the rollout that is not finished; there is at most one.
func (e *Engine) Unfinished(ctx context.Context) (Summary, bool, error) {
	return e.summary(ctx, "WHERE state IN ('running', 'paused', 'failed')")
}

// Pause makes whoever works on the rollout stop after the schemas in hand.
func (e *Engine) Pause(ctx context.Context) (Summary, error) {
	s, ok, err := e.Unfinished(ctx)
	if err != nil {
		return s, err
	}
	if !ok {
		return s, ErrNone
	}
	_, err = e.pool.Exec(ctx, "UPDATE bailiwick.rollouts SET state = 'paused' WHERE id = $1 AND state = 'running'", int64(s.ID))
	if err != nil {
		return s, fmt.Errorf("pause rollout %d: %w", s.ID, err)
	}
	s, _, err = e.summary(ctx, "WHERE id = $1", int64(s.ID))
	return s, err
}

// ErrNone says that no rollout is unfinished.
var ErrNone = errors.New("no rollout is going on")

// HalfDone are the tenants whose plan in a rollout was begun and not finished, with
// how far it came. What is left of a backfill there no other rollout does.
func (e *Engine) HalfDone(ctx context.Context, id ID) ([]string, error) {
	rows, err := e.pool.Query(ctx, `
		SELECT slug || CASE WHEN cursor IS NULL THEN format(' (%s done)', CASE step WHEN 1 THEN '1 step' ELSE step || ' steps' END)
		               ELSE format(' (in a backfill, up to %s)', cursor) END
		FROM bailiwick.rollout_targets
		WHERE rollout_id = $1 AND state IN ('pending', 'failed') AND (step > 0 OR cursor IS NOT NULL) ORDER BY slug`, int64(id))
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	half, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return half, nil
}

// Status is what there is to say of the fleet.
type Status struct {
	// States are the tenants by the state that they were last brought to.
	States []FleetState `json:"states"`
	// Current are the versions that new tenants, and public, are made of.
	Current  map[string]CurrentState `json:"current"`
	Releases []Release               `json:"releases"`
	// Rollout is the last one; nil when there was none.
	Rollout *Progress `json:"rollout,omitempty"`
}

// FleetState is a state and how many tenants are in it.
type FleetState struct {
	Fingerprint string `json:"fingerprint"`
	Version     string `json:"version,omitempty"`
	Current     bool   `json:"current"`
	// Ahead tells that a rollout leads there which is not finished, or was the last
	// one and for some tenants only.
	Ahead   bool `json:"ahead,omitempty"`
	Tenants int  `json:"tenants"`
	// Example is one of them.
	Example string `json:"example"`
}

// CurrentState is a current version.
type CurrentState struct {
	Version     string    `json:"version"`
	Fingerprint string    `json:"fingerprint"`
	Since       time.Time `json:"since"`
}

// Release is a release that servers are running.
type Release struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Since   time.Time `json:"since"`
	// Until is when it counts as gone, unless its servers push that on.
	Until time.Time `json:"until"`
	// Misfits are the states that its statements don't fit.
	Misfits []Misfit `json:"misfits,omitempty"`
}

// Misfit is a state that a release's statements don't fit, and why.
type Misfit struct {
	// Fingerprint is "public" for the shared schema.
	Fingerprint string `json:"fingerprint"`
	Reason      string `json:"reason"`
	// Tenants is how many are in the state.
	Tenants int `json:"tenants"`
}

// Progress is a rollout with all that is in the ledger of it.
type Progress struct {
	Summary
	Counts

	Waves    []WaveStatus `json:"waves"`
	Failures []Failure    `json:"failures"`
}

// WaveStatus is how far a wave is.
type WaveStatus struct {
	Counts

	Number int    `json:"number"`
	Group  string `json:"group"`
}

// Failure is a schema that could not be changed, or was left out.
type Failure struct {
	Slug      string `json:"slug"`
	Schema    string `json:"schema"`
	Group     string `json:"group"`
	State     string `json:"state"`
	SQLState  string `json:"sqlstate,omitempty"`
	Statement string `json:"statement,omitempty"`
	Error     string `json:"error,omitempty"`
	Hint      string `json:"hint,omitempty"`
	Attempts  int    `json:"attempts"`
	// Step is how many steps of its plan are done.
	Step int `json:"step"`
}

// Status reads the registry and the ledger. It looks at no schema itself: see
// package fingerprint.
func (e *Engine) Status(ctx context.Context) (*Status, error) {
	s := &Status{Current: map[string]CurrentState{}}
	err := pgx.BeginTxFunc(ctx, e.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := s.readFleet(ctx, tx); err != nil {
			return err
		}
		return s.readRollout(ctx, tx)
	})
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return s, nil
}

func (s *Status) readFleet(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		SELECT n.schema_fingerprint, coalesce(max(d.version), ''), coalesce(bool_or(d.current), false),
		       n.schema_fingerprint IN (
		           SELECT t.to_fp FROM bailiwick.rollout_targets AS t JOIN bailiwick.rollouts AS r ON r.id = t.rollout_id
		           WHERE r.state IN ('running', 'paused', 'failed')
		              OR r.id = (SELECT max(id) FROM bailiwick.rollouts) AND r.kind = 'apply' AND (r.options ->> 'partial')::boolean),
		       count(DISTINCT n.id), min(n.slug)
		FROM public.tenants AS n
		LEFT JOIN bailiwick.schemas AS d ON d.scope = 'tenant' AND d.fingerprint = n.schema_fingerprint
		WHERE n.state::text NOT IN ('offboarding', 'purged')
		GROUP BY n.schema_fingerprint ORDER BY 5 DESC, 1`)
	if err == nil {
		s.States, err = pgx.CollectRows(rows, pgx.RowToStructByPos[FleetState])
	}
	if err != nil {
		return err
	}
	rows, err = tx.Query(ctx, "SELECT scope, version, fingerprint, created_at FROM bailiwick.schemas WHERE current")
	if err != nil {
		return err
	}
	var scope string
	var c CurrentState
	_, err = pgx.ForEachRow(rows, []any{&scope, &c.Version, &c.Fingerprint, &c.Since}, func() error {
		s.Current[scope] = c
		return nil
	})
	if err != nil {
		return err
	}
	rows, err = tx.Query(ctx, `
		SELECT r.id, r.name, r.version, r.first_seen, r.expires_at, coalesce((
			SELECT jsonb_agg(jsonb_build_object('fingerprint', m.key, 'reason', m.value, 'tenants', (
				SELECT count(*) FROM public.tenants AS t
				WHERE t.schema_fingerprint = m.key AND t.state::text NOT IN ('offboarding', 'purged'))) ORDER BY m.key)
			FROM jsonb_each_text(r.misfits) AS m), '[]')
		FROM bailiwick.releases AS r WHERE r.expires_at > now() ORDER BY r.first_seen, r.id`)
	if err == nil {
		s.Releases, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Release])
	}
	return err
}

func (s *Status) readRollout(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, selectSummary+" ORDER BY id DESC LIMIT 1")
	if err != nil {
		return err
	}
	summary, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Summary])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	s.Rollout = &Progress{Summary: summary}
	if err := s.Rollout.readWaves(ctx, tx); err != nil {
		return err
	}
	rows, err = tx.Query(ctx, `
		SELECT slug, schema, ring, state, coalesce(sqlstate, ''), coalesce(statement, ''), coalesce(error, ''), coalesce(hint, ''), attempts, step
		FROM bailiwick.rollout_targets WHERE rollout_id = $1 AND state IN ('failed', 'skipped') ORDER BY state, wave, slug`, int64(summary.ID))
	if err == nil {
		s.Rollout.Failures, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Failure])
	}
	return err
}

func (r *Progress) readWaves(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		SELECT wave, ring, state, count(*) FROM bailiwick.rollout_targets
		WHERE rollout_id = $1 GROUP BY wave, ring, state ORDER BY wave`, int64(r.ID))
	if err != nil {
		return err
	}
	var wave, n int
	var group, state string
	_, err = pgx.ForEachRow(rows, []any{&wave, &group, &state, &n}, func() error {
		if len(r.Waves) == 0 || r.Waves[len(r.Waves)-1].Number != wave+1 {
			r.Waves = append(r.Waves, WaveStatus{Number: wave + 1, Group: group})
		}
		r.Waves[len(r.Waves)-1].add(state, n)
		r.add(state, n)
		return nil
	})
	return err
}
