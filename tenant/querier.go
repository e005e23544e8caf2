package tenant

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Querier runs statements as one tenant. Its methods are those that sqlc's
// generated code for pgx/v5 needs. Outside InTx it is safe for concurrent use and
// each statement takes a connection of its own for one round trip; inside InTx it
// is used by one goroutine at a time.
//
// All methods return *[Error]. After Close, and with a context that belongs to
// another tenant, they fail without reaching the database.
type Querier struct {
	db     *DB
	at     atomic.Pointer[place]
	closed atomic.Bool

	tx     *session  // The connection of InTx; nil outside.
	opts   TxOptions // What InTx began with.
	parent *Querier  // The querier whose InTx made this one; nil outside.
}

func newQuerier(db *DB, p *place) *Querier {
	q := &Querier{db: db}
	q.at.Store(p)
	return q
}

// Tenant returns the tenant to which the querier is bound.
func (q *Querier) Tenant() Tenant { return q.at.Load().binding.tenant }

// Close ends the querier's use: later calls fail with CodeClosed. Rows that were
// opened before can be read to their end. It is safe to call more than once.
func (q *Querier) Close() {
	if q != nil {
		q.closed.Store(true)
	}
}

// usable is the gate in front of every statement.
func (q *Querier) usable(ctx context.Context) error {
	if q == nil || q.db == nil {
		return errorf(CodeNoTenant, "", "no querier: bind a tenant first")
	}
	if q.db.closed.Load() {
		return errorf(CodeClosed, q.id(), "the database is closed")
	}
	for p := q; p != nil; p = p.parent {
		if p.closed.Load() {
			return errorf(CodeClosed, q.id(), "the querier was used after its request or transaction ended")
		}
	}
	if id := q.Tenant().ID; !id.IsZero() {
		return checkContext(ctx, id)
	}
	return nil
}

// id is the tenant's id for errors, empty for public.
func (q *Querier) id() string {
	if id := q.Tenant().ID; !id.IsZero() {
		return id.String()
	}
	return ""
}

// wrap makes err an *Error of the querier's tenant. ctx is that of the work which failed.
func (q *Querier) wrap(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return wrap(q.id(), gaveUp(ctx, err))
}

// bindingToSend is nil inside a transaction block, which is bound already.
func (q *Querier) bindingToSend(b *binding) *binding {
	if q.tx != nil {
		return nil
	}
	return b
}

// session gives the connection to work on.
func (q *Querier) session(ctx context.Context, p *place) (*session, error) {
	if q.tx != nil {
		if q.tx.pg.IsBusy() {
			return nil, errorf(CodeInternal, q.id(), "the transaction is busy: read or close the rows, batch or copy before the next statement")
		}
		return q.tx, nil
	}
	return p.node.acquire(ctx)
}

// release gives back what session gave.
func (q *Querier) release(s *session) {
	if q.tx == nil {
		s.release()
	}
}

// Exec runs a statement and returns its command tag.
func (q *Querier) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	r, err := q.query(ctx, sql, args)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	r.Close()
	return r.CommandTag(), r.Err()
}

// Query runs a statement and streams its rows. The rows hold a connection until
// they are read to their end or closed.
func (q *Querier) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	r, err := q.query(ctx, sql, args)
	if err != nil {
		return &rows{err: err, closed: true}, err
	}
	return r, nil
}

// QueryRow runs a statement for its first row. Scan returns an *Error with
// CodeNotFound that wraps pgx.ErrNoRows when there is none.
func (q *Querier) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	r, err := q.query(ctx, sql, args)
	return &row{rows: r, err: err}
}

// maxStarts bounds how often a statement is begun. The second time may meet another
// connection that has outgrown it too, or the next step of a rollout.
const maxStarts = 4

// query starts a statement. When the schema changed under it, or the tenant moved
// to another node or version, nothing has run yet and it tries again.
func (q *Querier) query(ctx context.Context, sql string, args []any) (*rows, error) {
	if err := q.usable(ctx); err != nil {
		return nil, err
	}
	ctx, sp := q.db.trace(ctx, q, sql)
	r, p, err := q.start(ctx, sql, args)
	for n := 1; n < maxStarts && err != nil && p != nil && q.tx == nil && q.again(ctx, p, err); n++ {
		r, p, err = q.start(ctx, sql, args)
	}
	if err != nil {
		err = q.wrap(ctx, err)
		sp.end(0, err)
		return nil, err
	}
	r.span = sp
	return r, nil
}

// start gives the place too at which the statement was sent, nil when it was not.
func (q *Querier) start(ctx context.Context, sql string, args []any) (r *rows, p *place, err error) {
	if p, err = q.gate(ctx, sql); err != nil {
		return nil, nil, err
	}
	s, err := q.session(ctx, p)
	if err != nil {
		return nil, p, err
	}
	defer func() {
		if r == nil { // It failed, or an argument's own code panicked.
			q.release(s)
		}
	}()
	c, err := q.prepareCall(ctx, s, p, sql, args)
	if err != nil {
		return nil, p, err
	}
	x := s.send(ctx, q.bindingToSend(&p.binding), c)
	reader, err := x.open()
	q.forgetStale(p, x)
	if err != nil {
		return nil, p, joinDistinct(err, x.finish())
	}
	return newRows(ctx, q, s, x, reader), p, nil
}

// open reads up to the first result.
func (x *pipeline) open() (*pgconn.ResultReader, error) {
	if err := x.begin(); err != nil {
		return nil, err
	}
	return x.result()
}

// forgetStale drops what is known of statements that the schema has outgrown, so
// that their next use learns them again. One whose types are others than those that
// were learned from a neighbour makes the schema a suspect, also if it can be read.
func (q *Querier) forgetStale(p *place, x *pipeline) {
	if !x.stale && !statementGone(x.err) {
		return
	}
	if x.stale {
		p.fit.suspect(p.binding.tenant.ID)
	}
	for _, c := range x.calls {
		q.db.shapes.forget(c.key.shapeKey)
	}
}

// joinDistinct joins two errors unless one is missing or part of the other.
func joinDistinct(a, b error) error {
	switch {
	case b == nil || a != nil && errors.Is(a, b):
		return a
	case a == nil:
		return b
	}
	return errors.Join(a, b)
}
