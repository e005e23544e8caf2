package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// errClaim says that the ledger's row was not as expected when a step began:
// somebody else has done it, or it is not to be done.
var errClaim = errors.New("the ledger's row has changed")

// refusedError says that nothing can be run on a schema.
type refusedError struct{ text string }

func (e *refusedError) Error() string { return e.text }

// bring does what is left of a schema's plan.
func (r *run) bring(ctx context.Context, c *connection, t *target) error {
	p, ok := r.plans[t.key()]
	if !ok {
		return &refusedError{fmt.Sprintf("rollout %d has no plan from %s to %s", r.id, t.From, t.To)}
	}
	if !p.Certified() {
		return &refusedError{"there is no certified plan: " + strings.Join(p.Refused, "; ")}
	}
	c.used++
	if t.Step >= len(p.Steps) {
		return r.inTransaction(ctx, c, t, nil, len(p.Steps), true)
	}
	for t.Step < len(p.Steps) {
		step, last := p.Steps[t.Step], t.Step == len(p.Steps)-1
		var err error
		switch step.Kind {
		case plan.Outside:
			err = r.outside(ctx, c, t, step, last)
		case plan.Backfill:
			err = r.backfill(ctx, c, t, step, last)
		default:
			err = r.inTransaction(ctx, c, t, r.bind(t, step.Statements), t.Step+1, last)
		}
		if err != nil {
			return err
		}
		t.Step++
		t.Cursor = nil
	}
	return nil
}

// bind puts the schema's names into statements.
func (r *run) bind(t *target, statements []string) []string {
	names := plan.Names{Schema: t.Schema, Owner: t.Owner, Runtime: r.config.RuntimeRole}
	bound := make([]string, len(statements))
	for i, s := range statements {
		bound[i] = names.Bind(strings.TrimRight(strings.TrimSpace(s), "; \n\t"))
	}
	return bound
}

// inTransaction runs statements, with the change of the ledger's row that says
// so, in one transaction and in one message.
func (r *run) inTransaction(ctx context.Context, c *connection, t *target, statements []string, next int, last bool) error {
	script := r.begin(t)
	claim := len(script)
	script = append(script, r.claim(t, next, "NULL", last))
	script = append(script, statements...)
	if last {
		script = append(script, r.stamp(t)...)
	}
	script = append(script, "COMMIT")
	n, err := c.exec(ctx, script)
	if err == nil {
		return nil
	}
	failed := &statementError{err: err}
	if n == claim && stateOf(err) == divisionByZero {
		failed.err = errClaim
	}
	if i := n - claim - 1; i >= 0 && i < len(statements) {
		failed.statement = statements[i]
	}
	return errors.Join(failed, c.rollback(ctx))
}

// begin opens a transaction in which nobody else changes the schema.
func (r *run) begin(t *target) []string {
	return []string{
		"BEGIN",
		"SET LOCAL search_path = " + tenant.QuoteIdent(t.Schema) + ", pg_temp",
		fmt.Sprintf("SET LOCAL lock_timeout = %d", r.settings.LockTimeout.Milliseconds()),
		fmt.Sprintf("SET LOCAL statement_timeout = %d", r.settings.StatementTimeout.Milliseconds()),
		fmt.Sprintf("SELECT pg_catalog.pg_advisory_xact_lock(%d)", catalog.SchemaLock(t.Schema)),
	}
}

const divisionByZero = "22012"

// claim is the compare-and-set of the target's row. When no row is hit it fails,
// by a division by zero, so that whatever follows in the transaction is not done.
func (r *run) claim(t *target, next int, cursor string, last bool) string {
	set := fmt.Sprintf("step = %d, cursor = %s", next, cursor)
	if last {
		set += ", attempts = t.attempts + 1, state = 'done', finished_at = pg_catalog.clock_timestamp(), sqlstate = NULL, statement = NULL, error = NULL, hint = NULL"
	}
	return fmt.Sprintf(`WITH claimed AS (
	UPDATE bailiwick.rollout_targets AS t
	SET %s, started_at = coalesce(t.started_at, pg_catalog.now())
	FROM bailiwick.rollouts AS r WHERE %s
	RETURNING 1)
SELECT 1 / count(*) FROM claimed`, set, r.claimable(t))
}

// claimable is a condition on the ledger's rows t and r: this process holds the
// rollout, the step is the next one of a schema that is still to be changed, and
// of a paused rollout no schema is begun.
func (r *run) claimable(t *target) string {
	return fmt.Sprintf(`r.id = %d AND r.holder = %s AND (r.state = 'running' OR t.step > 0 OR t.cursor IS NOT NULL)
	  AND t.rollout_id = r.id AND t.schema = %s AND t.state = 'pending' AND t.step = %d AND t.cursor IS NOT DISTINCT FROM %s
	  AND %s`,
		r.id, literal(r.me), literal(t.Schema), t.Step, cursorOf(t), stillThere(t))
}

func cursorOf(t *target) string {
	if t.Cursor == nil {
		return "NULL"
	}
	return literal(*t.Cursor)
}

// stillThere is a condition: the schema is there, and its tenant not on the way out.
func stillThere(t *target) string {
	if t.public() {
		return "true"
	}
	return fmt.Sprintf(`pg_catalog.to_regnamespace(%s) IS NOT NULL
	  AND EXISTS (SELECT FROM public.tenants AS n WHERE n.id = %s AND n.state::text NOT IN ('offboarding', 'purged'))`,
		literal(t.Schema), idOf(t.Schema))
}

// idOf is the tenant's id, which its schema is named from.
func idOf(schema string) string {
	return literal(strings.TrimPrefix(schema, "t_")) + "::uuid"
}

// stamp notes in the registry which state the schema is in now.
func (r *run) stamp(t *target) []string {
	if t.public() {
		return nil
	}
	return []string{fmt.Sprintf("UPDATE public.tenants SET schema_fingerprint = %s WHERE id = %s", literal(t.To), idOf(t.Schema))}
}
