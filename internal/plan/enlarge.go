package plan

import (
	"context"
	"slices"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// enlarge begins the open step again. The values that enums get by it, and that
// cannot be used before they are committed, become a step of their own in front:
// were the step ended where one is used, then what it has dropped until there, and
// what is remade later, would be missing between the two, and for good where the
// second fails.
func (t *trial) enlarge(ctx context.Context) (progress bool, err error) {
	early := t.early
	t.early, t.pending = nil, nil
	if err := t.tx.Rollback(ctx); err != nil {
		return false, err
	}
	if err := t.begin(ctx); err != nil {
		return false, err
	}
	for _, statement := range early {
		if err := t.try(ctx, statement); err != nil && fatal(err) {
			return false, err
		}
	}
	if len(t.pending) > 0 {
		progress = true
		if err := t.end(ctx); err != nil {
			return false, err
		}
		if err := t.begin(ctx); err != nil {
			return false, err
		}
	}
	return progress, t.read(ctx)
}

// additions are the statements among some that add values to enums.
func additions(statements []string) []string {
	return slices.DeleteFunc(slices.Clone(statements), func(s string) bool {
		tree, err := lint.Parse(s)
		if err != nil || len(tree.GetStmts()) != 1 {
			return true
		}
		add := tree.GetStmts()[0].GetStmt().GetAlterEnumStmt()
		return add == nil || add.GetOldVal() != ""
	})
}
