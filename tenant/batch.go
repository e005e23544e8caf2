package tenant

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// SendBatch sends all queued statements in one round trip and, outside InTx, as
// one transaction: either all take effect or none. Close the results.
func (q *Querier) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if err := q.usable(ctx); err != nil {
		return &batchResults{err: err, closed: true}
	}
	if b.Len() == 0 {
		return &batchResults{closed: true}
	}
	ctx, sp := q.db.trace(ctx, q, "BATCH")
	r, p, err := q.startBatch(ctx, b)
	if err != nil && p != nil && q.tx == nil && q.again(ctx, p, err) {
		r, _, err = q.startBatch(ctx, b)
	}
	if err != nil {
		err = q.wrap(ctx, err)
		sp.end(0, err)
		return &batchResults{err: err, closed: true}
	}
	r.span = sp
	return r
}

func (q *Querier) startBatch(ctx context.Context, b *pgx.Batch) (results *batchResults, p *place, err error) {
	texts := make([]string, len(b.QueuedQueries))
	for i, queued := range b.QueuedQueries {
		texts[i] = queued.SQL
	}
	if p, err = q.gate(ctx, texts...); err != nil {
		return nil, nil, err
	}
	s, err := q.session(ctx, p)
	if err != nil {
		return nil, p, err
	}
	defer func() {
		if results == nil { // It failed, or an argument's own code panicked.
			q.release(s)
		}
	}()
	calls := make([]*call, len(b.QueuedQueries))
	for i, queued := range b.QueuedQueries {
		if calls[i], err = q.prepareCall(ctx, s, p, queued.SQL, queued.Arguments); err != nil {
			return nil, p, err
		}
	}
	x := s.send(ctx, q.bindingToSend(&p.binding), calls...)
	if err := x.begin(); err != nil {
		return nil, p, joinDistinct(err, x.finish())
	}
	return &batchResults{ctx: ctx, q: q, p: p, s: s, x: x, queued: b.QueuedQueries}, p, nil
}

type batchResults struct {
	ctx    context.Context //nolint:containedctx // The batch's own, for what its end finds out.
	q      *Querier
	p      *place
	s      *session
	x      *pipeline
	queued []*pgx.QueuedQuery
	open   *rows // The result that is being read; the next one ends it.
	span   span
	rows   int64
	err    error
	closed bool
}

var _ pgx.BatchResults = (*batchResults)(nil)

// Exec implements pgx.BatchResults.
func (b *batchResults) Exec() (pgconn.CommandTag, error) {
	reader, err := b.next()
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	tag, err := reader.Close()
	if err != nil {
		return tag, b.q.wrap(b.ctx, b.x.fail(b.x.blame(err)))
	}
	b.rows += tag.RowsAffected()
	return tag, nil
}

// Query implements pgx.BatchResults.
func (b *batchResults) Query() (pgx.Rows, error) {
	r, err := b.query()
	if err != nil {
		return &rows{err: err, closed: true}, err
	}
	return r, nil
}

// QueryRow implements pgx.BatchResults.
func (b *batchResults) QueryRow() pgx.Row {
	r, err := b.query()
	return &row{rows: r, err: err}
}

func (b *batchResults) query() (*rows, error) {
	reader, err := b.next()
	if err != nil {
		return nil, err
	}
	r := newRows(b.ctx, b.q, b.s, b.x, reader)
	r.batch, b.open = true, r
	return r, nil
}

// Tx implements pgx.BatchResults. It is nil: use InTx.
func (b *batchResults) Tx() pgx.Tx { return nil }

func (b *batchResults) next() (*pgconn.ResultReader, error) {
	if b.closed {
		if b.err != nil {
			return nil, b.err
		}
		return nil, errorf(CodeClosed, "", "the batch is closed")
	}
	b.closeOpen()
	reader, err := b.x.result()
	if err != nil {
		return nil, b.q.wrap(b.ctx, err)
	}
	return reader, nil
}

// Close implements pgx.BatchResults. The batch is committed here, so its error
// tells whether anything took effect.
func (b *batchResults) Close() error {
	if b.closed {
		return b.err
	}
	finished := false
	defer func() {
		if !finished { // A callback panicked.
			b.end(nil)
		}
	}()
	err := b.callbacks()
	finished = true
	b.end(err)
	return b.err
}

func (b *batchResults) end(err error) {
	b.closed = true
	b.closeOpen()
	err = joinDistinct(err, b.x.finish())
	b.q.forgetStale(b.p, b.x)
	b.q.release(b.s)
	if b.q.tx == nil {
		b.q.again(b.ctx, b.p, err) // Too late for this batch, which had no effect, but not for the next.
	}
	b.err = b.q.wrap(b.ctx, err)
	b.span.end(b.rows, b.err)
}

// closeOpen ends the result before, whose reader the connection is to use again.
func (b *batchResults) closeOpen() {
	if b.open != nil {
		b.open.Close()
		b.open = nil
	}
}

// callbacks reads what was not read yet, by the callbacks queued with it.
func (b *batchResults) callbacks() error {
	for b.x.err == nil && b.x.next < len(b.queued) {
		if fn := b.queued[b.x.next].Fn; fn != nil {
			if err := fn(b); err != nil {
				return err
			}
			continue
		}
		if _, err := b.Exec(); err != nil {
			return errors.Unwrap(err)
		}
	}
	return b.x.err
}
