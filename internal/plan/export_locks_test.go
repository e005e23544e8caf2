package plan

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Locks runs statements in a transaction that is rolled back, and returns what
// the last one did.
func Locks(ctx context.Context, conn *pgx.Conn, schema string, statements ...string) (locks []Lock, err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tx.Rollback(ctx)) }()
	w, err := watchLocks(ctx, tx, schema)
	for _, s := range statements {
		if err == nil {
			_, err = tx.Exec(ctx, s)
		}
		if err == nil {
			locks, err = w.after(ctx, tx, s)
		}
	}
	return locks, err
}

// OutsideLocks is outsideLocks.
var OutsideLocks = outsideLocks
