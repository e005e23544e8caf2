package plan

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// Run runs steps in a scratch schema, each as the rollout does, and backfills as
// if for an empty range. Its error names the statement.
func Run(ctx context.Context, w World, steps []Step) error {
	for _, s := range steps {
		var err error
		switch s.Kind {
		case InTransaction, Backfill:
			err = undeadlocked(func() error {
				return pgx.BeginFunc(ctx, w.Conn, func(tx pgx.Tx) error {
					if _, err := tx.Exec(ctx, "SET LOCAL "+w.path()); err != nil {
						return err
					}
					return w.runAll(ctx, s)
				})
			})
		case Outside:
			if err = execAll(ctx, w.Conn, "SET "+w.path()); err == nil {
				err = errors.Join(w.runAll(ctx, s), execAll(context.WithoutCancel(ctx), w.Conn, "RESET search_path"))
			}
		default:
			err = fmt.Errorf("plan: a step of the unknown kind %q", s.Kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// undeadlocked runs fn again while it meets a deadlock: several states are worked
// on in one scratch database, and foreign keys lock the shared tables.
func undeadlocked(fn func() error) (err error) {
	const deadlock = "40P01"
	for range 5 {
		if err = fn(); sqlState(err) != deadlock {
			return err
		}
	}
	return err
}

func (w World) runAll(ctx context.Context, s Step) error {
	watch, err := w.watch(ctx, s)
	if err != nil {
		return err
	}
	for _, statement := range s.Statements {
		if s.Kind == Backfill {
			err = w.backfill(ctx, s, statement)
		} else {
			err = execAll(ctx, w.Conn, w.Bind(statement))
		}
		if err != nil {
			return &statementError{statements: []string{statement}, err: err, line: s.Line}
		}
		if err := watch.after(ctx, statement); err != nil {
			return err
		}
	}
	watch.done()
	return nil
}

// backfill runs a statement for no row: no key is NULL, as is looked at before.
func (w World) backfill(ctx context.Context, s Step, statement string) error {
	var key string
	if err := w.Conn.QueryRow(ctx, s.KeyQuery(w.Schema)).Scan(&key); err != nil {
		return err
	}
	if _, err := s.KeyType(key); err != nil {
		return err
	}
	_, err := w.Conn.Exec(ctx, w.Bind(statement), nil, nil)
	return err
}

// fingerprint reads the state of the schema.
func (w World) fingerprint(ctx context.Context) (string, error) {
	states, err := fingerprint.States(ctx, w.Conn, []string{w.Schema})
	return states[w.Schema].Fingerprint, err
}
