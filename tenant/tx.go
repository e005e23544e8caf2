package tenant

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// TxOptions are the options of InTx. The zero value is a read-write transaction
// at the database's default isolation level.
type TxOptions struct {
	// Isolation is the isolation level; empty means the database's default.
	Isolation pgx.TxIsoLevel
	// ReadOnly refuses writes.
	ReadOnly bool
	// MaxAttempts bounds how often the transaction is tried when it fails with a
	// serialization failure or a deadlock. Zero means 3, 1 means no second try.
	MaxAttempts int
}

func (o TxOptions) begin() string {
	var b strings.Builder
	b.WriteString("BEGIN")
	if o.Isolation != "" {
		b.WriteString(" ISOLATION LEVEL " + string(o.Isolation))
	}
	if o.ReadOnly {
		b.WriteString(" READ ONLY")
	}
	return b.String()
}

func (o TxOptions) validate() error {
	switch o.Isolation {
	case "", pgx.Serializable, pgx.RepeatableRead, pgx.ReadCommitted, pgx.ReadUncommitted:
		return nil
	}
	return errorf(CodeInvalid, "", "unknown isolation level %q", o.Isolation)
}

// cover tells whether a transaction has what one within it asks for. A
// serializable one keeps what every other level promises.
func (o TxOptions) cover(inner TxOptions) bool {
	isolated := inner.Isolation == "" || inner.Isolation == o.Isolation || o.Isolation == pgx.Serializable
	return isolated && (o.ReadOnly || !inner.ReadOnly)
}

// checkSQL fails with 22012 when the transaction is no longer that of its tenant.
const checkSQL = `SELECT 1 / (pg_catalog.current_setting('role') = $1 AND pg_catalog.current_setting('search_path') = $2)::pg_catalog.int4`

// cleanupTimeout bounds what is done for a connection after its caller has gone.
const cleanupTimeout = 5 * time.Second

// InTx runs fn in one transaction, which commits when fn returns nil and rolls
// back when fn returns an error or panics. n statements take n+2 round trips. fn
// may run again after a serialization failure or a deadlock, or when the schema
// changed in between, so it must have no
// effect but through tx. tx and the rows that it gave end with fn.
//
// The context that fn receives belongs to the tenant: a querier of another tenant
// refuses it. InTx within fn makes a savepoint. Its options may only ask for what
// the transaction has already, and MaxAttempts is the outermost's.
//
// A transaction in which the role or the search_path was changed does not commit:
// InTx returns CodeRefused and closes the connection.
func (q *Querier) InTx(ctx context.Context, opts TxOptions, fn func(ctx context.Context, tx *Querier) error) error {
	if err := q.usable(ctx); err != nil {
		return err
	}
	if q.tx != nil {
		return q.wrap(ctx, q.savepoint(ctx, opts, fn))
	}
	if err := opts.validate(); err != nil {
		return err
	}
	attempts := opts.MaxAttempts
	if attempts == 0 {
		attempts = 3
	}
	for n := 1; ; n++ {
		p, err := q.gate(ctx)
		if err != nil {
			return err
		}
		err = q.attempt(ctx, p, opts, fn)
		if retry := q.worthRetry(ctx, p, err); n >= attempts || !retry {
			return q.wrap(ctx, err)
		}
		if err := pause(ctx, n); err != nil {
			return q.wrap(ctx, err)
		}
	}
}

// worthRetry also lets the querier follow its tenant, for the next transaction if
// not for this one.
func (q *Querier) worthRetry(ctx context.Context, p *place, err error) bool {
	return err != nil && (CodeOf(err) == CodeSerialization || q.again(ctx, p, err))
}

// pause waits a random time that doubles with each attempt, from up to 10 ms.
func pause(ctx context.Context, attempt int) error {
	t := time.NewTimer(rand.N(10 * time.Millisecond << min(attempt-1, 6)))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (q *Querier) attempt(ctx context.Context, p *place, opts TxOptions, fn func(context.Context, *Querier) error) (err error) {
	s, err := p.node.acquire(ctx)
	if err != nil {
		return err
	}
	if err := s.beginTx(ctx, &p.binding, opts); err != nil {
		return errors.Join(err, s.discard(ctx))
	}
	tx := q.child(s, p, opts)
	returned := false
	defer func() {
		tx.Close()
		if !returned { // fn panicked or ended its goroutine.
			err = s.rollback(ctx)
		}
		s.release()
	}()
	err = fn(tx.contextOf(ctx), tx)
	returned = true
	if err != nil {
		return joinDistinct(err, s.rollback(ctx))
	}
	return s.commit(ctx, &p.binding)
}

func (q *Querier) child(s *session, p *place, opts TxOptions) *Querier {
	tx := newQuerier(q.db, p)
	tx.tx, tx.opts, tx.parent = s, opts, q
	return tx
}

// contextOf marks the context as the tenant's.
func (q *Querier) contextOf(ctx context.Context) context.Context {
	if t := q.Tenant(); !t.ID.IsZero() {
		return NewContext(ctx, t)
	}
	return ctx
}

// beginTx opens a transaction block and binds it, in one round trip.
func (s *session) beginTx(ctx context.Context, b *binding, opts TxOptions) error {
	x := &pipeline{s: s, p: s.pg.StartPipeline(ctx), bound: true}
	x.p.SendQueryParams(opts.begin(), nil, nil, nil, nil)
	s.sendBind(x.p, b)
	x.err = x.p.Sync()
	err := x.err
	if err == nil {
		err = x.drain()
	}
	if err == nil {
		err = x.begin()
	}
	return joinDistinct(err, x.finish())
}

// commit verifies the binding and commits, in one round trip. Whatever fails, the
// transaction is not left open.
func (s *session) commit(ctx context.Context, b *binding) error {
	x := &pipeline{s: s, p: s.pg.StartPipeline(ctx)}
	x.p.SendQueryParams(checkSQL, b.values[:2], nil, nil, nil)
	x.p.SendQueryParams("COMMIT", nil, nil, nil, nil)
	x.err = x.p.Sync()
	err := x.err
	if err == nil {
		err = checkFailure(x.drain())
	}
	if err == nil {
		err = x.drain()
	}
	if err = joinDistinct(err, x.finish()); err == nil {
		return nil
	}
	err = joinDistinct(err, s.rollback(ctx))
	if CodeOf(err) == CodeRefused {
		err = errors.Join(err, s.discard(ctx))
	}
	return err
}

func checkFailure(err error) error {
	switch sqlState(err) {
	case "22012":
		return errorf(CodeRefused, "", "the role or the search_path was changed within the transaction; it was rolled back")
	case "25P02":
		return errorf(CodeInternal, "", "a statement of the transaction failed, and its error was not returned: %w", err)
	}
	return err
}

// rollback ends the transaction block, also when the caller's context is over.
// A connection that is busy or broken is closed instead.
func (s *session) rollback(ctx context.Context) error {
	if s.pg.IsClosed() || s.pg.TxStatus() == 'I' && !s.pg.IsBusy() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if s.pg.IsBusy() {
		return errors.Join(errorf(CodeInternal, "", "rows were left open at the end of the transaction"), s.pg.Close(ctx))
	}
	if err := s.run(ctx, "ROLLBACK"); err != nil {
		return errors.Join(fmt.Errorf("roll back: %w", err), s.pg.Close(ctx))
	}
	return nil
}

// run executes one of the runtime's own statements.
func (s *session) run(ctx context.Context, sql string) error {
	return s.pg.ExecParams(ctx, sql, nil, nil, nil, nil).Read().Err
}

func (q *Querier) savepoint(ctx context.Context, opts TxOptions, fn func(context.Context, *Querier) error) (err error) {
	if !q.opts.cover(opts) {
		return errorf(CodeInternal, "", "a transaction within a transaction keeps the options of the outer one, and cannot begin with %q inside of %q", opts.begin(), q.opts.begin())
	}
	if err := q.tx.run(ctx, "SAVEPOINT bailiwick"); err != nil {
		return err
	}
	tx := q.child(q.tx, q.at.Load(), q.opts)
	returned := false
	defer func() {
		tx.Close()
		if !returned {
			err = q.tx.toSavepoint(ctx)
		}
	}()
	err = fn(ctx, tx)
	returned = true
	if err != nil {
		return joinDistinct(err, q.tx.toSavepoint(ctx))
	}
	if err := q.tx.run(ctx, "RELEASE bailiwick"); err != nil {
		return joinDistinct(checkFailure(err), q.tx.toSavepoint(ctx))
	}
	return nil
}

// toSavepoint undoes the innermost savepoint. Savepoints of one name shadow each
// other, so the innermost is always the one named.
func (s *session) toSavepoint(ctx context.Context) error {
	if s.pg.IsClosed() || s.pg.IsBusy() {
		return nil // The outer transaction can't go on and says so.
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	err := s.run(ctx, "ROLLBACK TO bailiwick")
	if err == nil {
		err = s.run(ctx, "RELEASE bailiwick")
	}
	if _, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Errorf("roll back to savepoint: %w", err)
	}
	return err
}
