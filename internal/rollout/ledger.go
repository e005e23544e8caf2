package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
)

// The states of a rollout in the ledger.
const (
	Running   = "running"
	Paused    = "paused"
	Failed    = "failed"
	Done      = "done"
	Abandoned = "abandoned"
)

// The kinds of rollouts.
const (
	kindApply    = "apply"
	kindRollback = "rollback"
)

// The states of a target in the ledger.
const (
	targetPending = "pending"
	targetDone    = "done"
	targetFailed  = "failed"
	targetSkipped = "skipped"
)

// planKey is what a plan is found by.
type planKey struct {
	public   bool
	from, to string
}

func keyOf(p *plan.Plan) planKey { return planKey{p.Scope == plan.Public, p.From, p.To} }

// settings are what the ledger keeps of a rollout's [Config].
type settings struct {
	// Seen is when the schemas were looked at, if that is known.
	Seen time.Time `json:"seen,omitzero"`
	// Groups by name; a wave's group tells how it is done.
	Groups map[string]groupSettings `json:"groups"`
	// MaxFailures is the budget of the whole rollout, in place of the groups'.
	MaxFailures      *atlas.Budget `json:"max_failures,omitempty"`
	LockTimeout      time.Duration `json:"lock_timeout,omitempty"`
	StatementTimeout time.Duration `json:"statement_timeout,omitempty"`
	// Previous are the versions that were current before.
	Previous map[plan.Scope]string `json:"previous,omitempty"`
	// Partial rollouts don't change what is current.
	Partial bool     `json:"partial,omitempty"`
	Only    []string `json:"only,omitempty"`
	// Reverts is the rollout that a rollback undoes.
	Reverts ID `json:"reverts,omitempty"`
	// Releases are Layout's.
	Releases []string `json:"releases,omitempty"`
}

type groupSettings struct {
	Parallel int           `json:"parallel"`
	Soak     time.Duration `json:"soak,omitempty"`
	Budget   atlas.Budget  `json:"budget"`
}

// job is a rollout as the ledger has it.
type job struct {
	id       ID
	kind     string
	state    string
	versions map[plan.Scope]string
	plans    map[planKey]*plan.Plan
	settings settings
	created  time.Time
}

// load reads a rollout with its plans.
func (e *Engine) load(ctx context.Context, id ID) (*job, error) {
	j := &job{id: id, plans: map[planKey]*plan.Plan{}}
	var versions, plans, options []byte
	err := e.pool.QueryRow(ctx, `
		SELECT kind, state, versions, plans, options, created_at FROM bailiwick.rollouts WHERE id = $1`, int64(id)).
		Scan(&j.kind, &j.state, &versions, &plans, &options, &j.created)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("there is no rollout %d\n\tmend: `bailiwick schema status` shows the last one", id)
	}
	if err != nil {
		return nil, fmt.Errorf("read rollout %d: %w", id, err)
	}
	var list []*plan.Plan
	err = errors.Join(json.Unmarshal(versions, &j.versions), json.Unmarshal(plans, &list), json.Unmarshal(options, &j.settings))
	if err != nil {
		return nil, fmt.Errorf("read rollout %d: %w", id, err)
	}
	for _, p := range list {
		if p == nil || slices.ContainsFunc(slices.Concat(p.Steps, p.Reverse), unknown) {
			return nil, fmt.Errorf("rollout %d has steps of a kind that this version of bailiwick does not know\n"+
				"\tmend: go on with the version that began it", id)
		}
		j.plans[keyOf(p)] = p
	}
	return j, nil
}

// unknown tells a step that another version of this program has written.
func unknown(s plan.Step) bool {
	return s.Kind != plan.InTransaction && s.Kind != plan.Outside && s.Kind != plan.Backfill
}

// target is a schema's row in the ledger.
type target struct {
	Schema string
	Slug   string
	Group  string
	Wave   int
	From   string
	To     string
	State  string
	Step   int
	Cursor *string
	Begun  bool   // something may have been run on it
	Owner  string // of the schema; empty when there is none
}

func (t *target) public() bool { return t.Schema == publicName }

func (t *target) key() planKey { return planKey{t.public(), t.From, t.To} }

const selectTargets = `
	SELECT t.schema, t.slug, t.ring, t.wave, t.from_fp, t.to_fp, t.state, t.step, t.cursor, t.started_at IS NOT NULL,
	       CASE WHEN o.rolname = 'pg_database_owner' THEN current_user::text ELSE coalesce(o.rolname::text, '') END
	FROM bailiwick.rollout_targets AS t
	LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = t.schema
	LEFT JOIN pg_catalog.pg_roles AS o ON o.oid = n.nspowner
	WHERE t.rollout_id = $1`

// targets reads some of a rollout's targets; the condition goes after AND.
func (e *Engine) targets(ctx context.Context, id ID, condition string, args ...any) ([]*target, error) {
	rows, err := e.pool.Query(ctx, selectTargets+" AND "+condition+" ORDER BY t.wave, t.slug", append([]any{int64(id)}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[target])
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return list, nil
}

// current are the versions that new schemas are made of, by scope.
func (e *Engine) current(ctx context.Context) (map[plan.Scope]string, error) {
	rows, err := e.pool.Query(ctx, "SELECT scope, version FROM bailiwick.schemas WHERE current")
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	versions := map[plan.Scope]string{}
	var scope, version string
	_, err = pgx.ForEachRow(rows, []any{&scope, &version}, func() error {
		versions[plan.Scope(scope)] = version
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return versions, nil
}

func stateOf(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
