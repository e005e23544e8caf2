package tenant

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// rows streams one result. pgx decodes; rows adds what happens at the end: the
// commit of the implicit transaction and the return of the connection.
type rows struct {
	ctx    context.Context //nolint:containedctx // The query's own, for what its end finds out.
	inner  pgx.Rows
	q      *Querier
	s      *session
	x      *pipeline
	batch  bool // The pipeline goes on after this result.
	span   span
	count  int64
	tag    pgconn.CommandTag
	err    error
	closed bool
}

var _ pgx.Rows = (*rows)(nil)

func newRows(ctx context.Context, q *Querier, s *session, x *pipeline, reader *pgconn.ResultReader) *rows {
	return &rows{ctx: ctx, inner: pgx.RowsFromResultReader(s.types, reader), q: q, s: s, x: x}
}

// Close implements pgx.Rows.
func (r *rows) Close() {
	if r.closed {
		return
	}
	r.closed = true
	r.inner.Close()
	r.tag = r.inner.CommandTag()
	err := r.x.blame(r.inner.Err())
	if !r.batch {
		err = joinDistinct(err, r.x.finish())
		r.q.release(r.s)
	} else if err != nil {
		r.x.err = err
	}
	if r.err == nil {
		r.err = r.q.wrap(r.ctx, err)
	}
	r.span.end(max(r.count, r.tag.RowsAffected()), r.err)
	r.s, r.x = nil, nil
}

// Err implements pgx.Rows.
func (r *rows) Err() error { return r.err }

// CommandTag implements pgx.Rows.
func (r *rows) CommandTag() pgconn.CommandTag { return r.tag }

// FieldDescriptions implements pgx.Rows. It is nil once the rows are closed.
func (r *rows) FieldDescriptions() []pgconn.FieldDescription {
	if r.closed {
		return nil
	}
	return r.inner.FieldDescriptions()
}

// Next implements pgx.Rows.
func (r *rows) Next() bool {
	if r.closed {
		return false
	}
	if r.inner.Next() {
		r.count++
		return true
	}
	r.Close()
	return false
}

// Scan implements pgx.Rows.
func (r *rows) Scan(dest ...any) error {
	if r.closed {
		return r.closedError()
	}
	scanned := false
	defer func() {
		if !scanned { // It failed, or a destination's own code panicked.
			r.Close()
		}
	}()
	if err := r.inner.Scan(dest...); err != nil {
		r.err = &Error{Code: r.scanCode(), Tenant: r.q.id(), Err: err}
		return r.err
	}
	scanned = true
	return nil
}

// scanCode blames the schema for a value that does not fit its variable when the
// statement's types are not those that its version promises.
func (r *rows) scanCode() Code {
	if r.x.stale {
		return CodeSchema
	}
	return CodeInternal
}

func (r *rows) closedError() error {
	if r.err != nil {
		return r.err
	}
	return errorf(CodeClosed, r.q.id(), "the rows are closed")
}

// Values implements pgx.Rows.
func (r *rows) Values() ([]any, error) {
	if r.closed {
		return nil, r.closedError()
	}
	values, err := r.inner.Values()
	return values, r.q.wrap(r.ctx, err)
}

// RawValues implements pgx.Rows.
func (r *rows) RawValues() [][]byte {
	if r.closed {
		return nil
	}
	return r.inner.RawValues()
}

// Conn implements pgx.Rows. It is nil: connections stay private.
func (r *rows) Conn() *pgx.Conn { return nil }

// TypeMap implements pgx.Rows. It is nil once the rows are closed, since the type
// map belongs to the connection.
func (r *rows) TypeMap() *pgtype.Map {
	if r.closed {
		return nil
	}
	return r.s.types
}

// row is the result of QueryRow.
type row struct {
	rows *rows
	err  error
}

// Scan implements pgx.Row.
func (r *row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	if r.rows.Next() {
		if err := r.rows.Scan(dest...); err != nil {
			return err
		}
		r.rows.Close()
		return r.rows.Err()
	}
	if err := r.rows.Err(); err != nil {
		return err
	}
	return &Error{Code: CodeNotFound, Tenant: r.rows.q.id(), Err: pgx.ErrNoRows}
}
