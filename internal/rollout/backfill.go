package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant"
)

// defaultBatch is the number of rows of a batch when the plan says none.
const defaultBatch = 1000

// backfill runs a statement over ranges of a key, each in a transaction with the
// last key in the ledger. The pause between two is the neighbours' share.
func (r *run) backfill(ctx context.Context, c *connection, t *target, step plan.Step, last bool) error {
	kind, err := r.keyType(ctx, c, t, step)
	if err != nil {
		return &statementError{statement: step.Statements[0], err: err}
	}
	statement := r.bind(t, step.Statements)[0]
	for {
		from, to, err := r.keys(ctx, c, t, step, kind)
		if err != nil {
			return &statementError{statement: statement, err: err}
		}
		if to == nil {
			return r.inTransaction(ctx, c, t, nil, t.Step+1, last)
		}
		if err := r.batch(ctx, c, t, statement, *from, *to); err != nil {
			if failed, ok := errors.AsType[*statementError](err); ok {
				failed.rows = fmt.Sprintf("in %s with %s from %s to %s", step.Table, step.Key, *from, *to)
			}
			return err
		}
		t.Cursor = to
		r.tell(r.event(Batched, waveRow{t.Wave, t.Group}, t.Slug, *to))
		if err := sleep(ctx, step.Pause); err != nil {
			return err
		}
	}
}

// keyType is the type of the key's column, to which the ledger's text is cast.
func (r *run) keyType(ctx context.Context, c *connection, t *target, step plan.Step) (string, error) {
	key, err := c.value(ctx, step.KeyQuery(t.Schema))
	if err != nil {
		return "", err
	}
	kind, err := step.KeyType(key)
	if _, wrong := errors.AsType[*plan.KeyError](err); wrong {
		return "", &refusedError{err.Error()}
	}
	return kind, err
}

// keys are the first and the last key of the next batch; nil when there is none.
func (r *run) keys(ctx context.Context, c *connection, t *target, step plan.Step, kind string) (from, to *string, err error) {
	key := tenant.QuoteIdent(step.Key)
	after := fmt.Sprintf("WHERE %s IS NOT NULL", key)
	if t.Cursor != nil {
		after = fmt.Sprintf("WHERE %s > %s::%s", key, literal(*t.Cursor), kind)
	}
	conn, err := c.get(ctx)
	if err != nil {
		return nil, nil, err
	}
	// The types' own texts must say all: they come back as keys. (A bare k would
	// sort by the text.)
	results, err := conn.Exec(ctx, fmt.Sprintf(`
		BEGIN READ ONLY; SET LOCAL search_path = %s, pg_temp; SET LOCAL datestyle = 'ISO'; SET LOCAL extra_float_digits = 1;
		SET LOCAL statement_timeout = %d;
		WITH batch AS (SELECT %s AS k FROM %s.%s %s ORDER BY 1 LIMIT %d)
		SELECT (SELECT b.k::text FROM batch AS b ORDER BY b.k LIMIT 1), (SELECT b.k::text FROM batch AS b ORDER BY b.k DESC LIMIT 1);
		COMMIT`,
		tenant.QuoteIdent(t.Schema), r.settings.StatementTimeout.Milliseconds(),
		key, tenant.QuoteIdent(t.Schema), tenant.QuoteIdent(step.Table), after, cmp.Or(step.Batch, defaultBatch))).ReadAll()
	if err != nil {
		return nil, nil, errors.Join(err, c.rollback(ctx))
	}
	row := results[len(results)-2].Rows[0]
	if row[1] == nil {
		return nil, nil, nil
	}
	first, final := string(row[0]), string(row[1])
	return &first, &final, nil
}

// batch runs the statement for one range of keys, in one transaction with the
// ledger's row.
func (r *run) batch(ctx context.Context, c *connection, t *target, statement, from, to string) error {
	opening := append(r.begin(t), r.claim(t, t.Step, literal(to), false))
	n, err := c.exec(ctx, opening)
	if err != nil {
		failed := &statementError{err: err}
		if n == len(opening)-1 && stateOf(err) == divisionByZero {
			failed.err = errClaim
		}
		return errors.Join(failed, c.rollback(ctx))
	}
	conn, err := c.get(ctx)
	if err != nil {
		return err
	}
	if err := conn.ExecParams(ctx, statement, [][]byte{[]byte(from), []byte(to)}, nil, nil, nil).Read().Err; err != nil {
		return errors.Join(&statementError{statement: statement, err: err}, c.rollback(ctx))
	}
	if _, err := c.exec(ctx, []string{"COMMIT"}); err != nil {
		return errors.Join(&statementError{statement: statement, err: err}, c.rollback(ctx))
	}
	return nil
}
