package plan

import (
	"context"
	"errors"
)

// Locks runs a step, takes it back if that is possible, and returns what the
// statements of it lock.
func Locks(ctx context.Context, w World, s Step) (locks []Lock, err error) {
	w.locks = &locks
	if s.Kind == Outside {
		err = Run(ctx, w, []Step{s})
		return locks, err
	}
	tx, err := w.Conn.Begin(ctx)
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, "SET LOCAL "+w.path())
	err = errors.Join(err, w.runAll(ctx, s), tx.Rollback(ctx))
	return locks, err
}

// LintPlan is lintPlan.
var LintPlan = lintPlan
