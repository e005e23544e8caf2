package tenant

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// call is one statement with its arguments in wire form.
type call struct {
	key     preparedKey
	binding *binding
	shape   *shape
	values  [][]byte
	formats []int16

	sd      *pgconn.StatementDescription
	prepare bool
}

// pipeline is one round trip: everything up to one Sync, and therefore, outside
// a transaction block, one implicit transaction. On the wire:
//
//	Close*                                  statements that the LRU dropped
//	Bind, Execute                           set_config of role and search_path
//	(Parse, Describe)? Bind, Execute        each call
//	Sync
//
// The protocol is that of
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING.
type pipeline struct {
	s      *session
	p      *pgconn.Pipeline
	closes int
	bound  bool
	calls  []*call
	next   int  // The first call whose result was not asked for yet.
	stale  bool // A statement's types are not those of its shape.
	err    error
	done   bool
}

// send puts the calls on the wire. With a binding they are bound, without one
// they run in the transaction block that is open.
func (s *session) send(ctx context.Context, b *binding, calls ...*call) *pipeline {
	x := &pipeline{s: s, p: s.pg.StartPipeline(ctx), closes: len(s.dead), bound: b != nil, calls: calls}
	for _, name := range s.dead {
		x.p.SendDeallocate(name)
	}
	s.dead = s.dead[:0]
	if b != nil {
		s.sendBind(x.p, b)
	}
	for _, c := range calls {
		c.sd, c.prepare = s.statement(c.key, c.shape)
		if c.prepare {
			x.p.SendPrepare(c.sd.Name, c.binding.text(c.key.sql), c.shape.parseOIDs())
		}
		x.p.SendQueryStatement(c.sd, c.values, c.formats, c.shape.formats)
	}
	x.err = x.p.Sync()
	return x
}

func (s *session) sendBind(p *pgconn.Pipeline, b *binding) {
	if s.unnamed {
		p.SendQueryParams(bindPooledSQL, b.values[:], nil, nil, nil)
		return
	}
	p.SendQueryStatement(s.bind, b.values[:2], nil, nil)
}

// begin reads the results up to the first call.
func (x *pipeline) begin() error {
	if x.err != nil {
		return x.err
	}
	for range x.closes {
		if _, err := x.p.GetResults(); err != nil {
			return x.fail(err)
		}
	}
	if !x.bound {
		return nil
	}
	if err := x.drain(); err != nil {
		return x.fail(&bindError{err})
	}
	return nil
}

// drain reads the next result, which must be that of a statement, to its end.
func (x *pipeline) drain() error {
	reader, err := x.reader()
	if err != nil {
		return err
	}
	_, err = reader.Close()
	return err
}

func (x *pipeline) reader() (*pgconn.ResultReader, error) {
	result, err := x.p.GetResults()
	if err != nil {
		return nil, err
	}
	reader, ok := result.(*pgconn.ResultReader)
	if !ok {
		return nil, fmt.Errorf("protocol: got %T in place of a result", result)
	}
	return reader, nil
}

// result gives the reader of the next call. Its error means that the call failed
// before its first row; nothing after it in the pipeline has run.
func (x *pipeline) result() (*pgconn.ResultReader, error) {
	if x.err != nil {
		return nil, x.err
	}
	if x.next >= len(x.calls) {
		return nil, errors.New("no more results")
	}
	c := x.calls[x.next]
	if c.prepare {
		if err := x.described(c); err != nil {
			return nil, x.fail(err)
		}
	}
	x.next++
	reader, err := x.reader()
	if err != nil {
		return nil, x.fail(x.blame(err))
	}
	return reader, nil
}

// described reads the description of a statement that was just parsed.
func (x *pipeline) described(c *call) error {
	result, err := x.p.GetResults()
	if err != nil {
		return err
	}
	sd, ok := result.(*pgconn.StatementDescription)
	if !ok {
		return fmt.Errorf("protocol: got %T in place of a description", result)
	}
	c.prepare = false
	if c.shape.fits(sd) {
		return nil
	}
	x.stale = true
	c.sd.Fields, err = c.shape.adapt(sd.Fields)
	return err
}

func (x *pipeline) fail(err error) error {
	x.err = err
	return err
}

// finish reads whatever is left up to Sync, where the implicit transaction
// commits, and frees the connection for the next pipeline. It returns the first
// error of the whole pipeline. Statements whose Parse is not known to have
// succeeded, or that no longer fit the schema, are forgotten with their names.
func (x *pipeline) finish() error {
	if x.done {
		return x.err
	}
	x.done = true
	if err := x.p.Close(); x.err == nil {
		x.err = err
	}
	if _, ok := errors.AsType[*bindError](x.err); ok && statementGone(x.err) {
		x.s.odd = true // Something dropped the statement that binds.
	}
	if x.err != nil {
		for _, c := range x.calls {
			if c.prepare || statementGone(x.err) {
				x.s.prepared.remove(c.key)
			}
		}
	}
	return x.err
}

// bindError is a failure to become the tenant: its role is missing or closed to us.
type bindError struct{ err error }

func (e *bindError) Error() string { return "bind: " + e.err.Error() }
func (e *bindError) Unwrap() error { return e.err }

// staleShapeError says that a statement's types are not those that were learned
// from another tenant of the same version, and that its rows can't be read.
type staleShapeError struct {
	ran bool // The statement took effect.
}

func (e *staleShapeError) Error() string {
	if !e.ran {
		return "the schema does not have the types that its version promises"
	}
	return "the schema does not have the types that its version promises; the statement ran, but its rows can't be read"
}

// unfilledError says that a statement does not know of a column that has to be
// filled: it is of another release than the schema.
type unfilledError struct{ err error }

func (e *unfilledError) Error() string {
	return "the statement does not fill a column: " + e.err.Error()
}
func (e *unfilledError) Unwrap() error { return e.err }

// unfilled tells a null that a statement leaves from one that it is given: the
// former's column it does not mention.
func unfilled(err error, sql string) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pg.Code != "23502" {
		return err
	}
	words := sqlWords(sql)
	if !slices.Contains(words, pg.TableName) || slices.Contains(words, pg.ColumnName) {
		return err
	}
	return &unfilledError{err}
}

// blame is for an error of the call whose result is being read.
func (x *pipeline) blame(err error) error {
	if err == nil || x.next == 0 || x.next > len(x.calls) {
		return err
	}
	return unfilled(err, x.calls[x.next-1].key.sql)
}

// statementGone tells whether a statement failed because the schema changed
// under what was known of it (0A000: "cached plan must not change result type")
// or because the server doesn't know it (26000), before it did anything.
func statementGone(err error) bool {
	if stale, ok := errors.AsType[*staleShapeError](err); ok {
		return !stale.ran
	}
	state := sqlState(err)
	return state == "0A000" || state == "26000"
}
