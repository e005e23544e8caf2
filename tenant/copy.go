package tenant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// CopyFrom streams rows into a table through COPY and returns how many were
// copied: all or none. Outside InTx it makes a transaction of its own.
func (q *Querier) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error) {
	var n int64
	if err := q.usable(ctx); err != nil {
		return 0, err
	}
	if q.tx == nil {
		err := q.InTx(ctx, TxOptions{MaxAttempts: 1}, func(ctx context.Context, tx *Querier) (err error) {
			n, err = tx.CopyFrom(ctx, table, columns, src)
			return err
		})
		if err != nil {
			return 0, err
		}
		return n, nil
	}
	ctx, sp := q.db.trace(ctx, q, "COPY")
	n, err := q.copyFrom(ctx, table, columns, src)
	err = q.wrap(ctx, err)
	sp.end(n, err)
	return n, err
}

func (q *Querier) copyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error) {
	target, list := quoteAll(table, "."), quoteAll(columns, ", ")
	c, err := q.prepareCall(ctx, q.tx, q.at.Load(), "SELECT "+list+" FROM "+target, nil)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	source := &copySource{src: src, types: q.tx.types, shape: c.shape, cancel: cancel}
	sql := "COPY " + target + " (" + list + ") FROM STDIN"
	tag, err := q.tx.pg.CopyFrom(ctx, source, sql)
	err = unfilled(err, sql)
	if sourceErr := source.stop(); sourceErr != nil {
		err = sourceErr // PostgreSQL's error only repeats it.
	}
	return tag.RowsAffected(), err
}

func quoteAll(names []string, separator string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = QuoteIdent(n)
	}
	return strings.Join(quoted, separator)
}

// copySource gives rows in the text format of COPY, which also carries types of
// the tenant's own schema:
// https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS.
//
// pgconn reads it in a goroutine of its own. The source's panics are raised again
// in the caller's, and once stop returns the source is left alone.
type copySource struct {
	src    pgx.CopyFromSource
	types  *pgtype.Map
	shape  *shape
	cancel context.CancelFunc

	mu       sync.Mutex
	stopped  bool
	ended    bool // The source has no more rows.
	panicked any
	buf      bytes.Buffer
	rows     int64
	err      error
}

const copyChunk = 64 << 10

var errCopyStopped = errors.New("the copy has ended")

// Read implements io.Reader.
func (c *copySource) Read(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return 0, errCopyStopped
	}
	filled := false
	defer func() {
		if !filled { // The source panicked, or ended this goroutine.
			c.panicked = recover()
			c.err = errorf(CodeInternal, "", "the source of rows did not return")
			n, err = 0, c.err
			c.cancel()
		}
	}()
	c.fill()
	filled = true
	switch {
	case c.err != nil:
		return 0, c.err
	case c.buf.Len() == 0:
		return 0, io.EOF
	}
	return c.buf.Read(p)
}

// stop waits for a read under way, and returns the source's error. A panic of
// the source goes on here.
func (c *copySource) stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if c.panicked != nil {
		panic(c.panicked)
	}
	return c.err
}

// fill takes rows until there is enough for a message.
func (c *copySource) fill() {
	for c.buf.Len() < copyChunk && c.err == nil && !c.ended {
		if c.ended = !c.src.Next(); c.ended {
			c.err = c.src.Err()
			return
		}
		c.err = c.appendRow()
	}
}

func (c *copySource) appendRow() error {
	values, err := c.src.Values()
	if err != nil {
		return err
	}
	c.rows++
	if len(values) != len(c.shape.fields) {
		return errorf(CodeInvalid, "", "row %d has %d values for %d columns", c.rows, len(values), len(c.shape.fields))
	}
	for i, value := range values {
		if i > 0 {
			c.buf.WriteByte('\t')
		}
		if err := c.appendValue(c.shape.fields[i].DataTypeOID, value); err != nil {
			return unfit(c.types, c.shape.fields[i].DataTypeOID, value, fmt.Sprintf("row %d, column %s", c.rows, c.shape.fields[i].Name))
		}
	}
	c.buf.WriteByte('\n')
	return nil
}

func (c *copySource) appendValue(oid uint32, value any) error {
	text, err := c.types.Encode(oid, pgtype.TextFormatCode, value, make([]byte, 0, 64))
	if err != nil {
		return err
	}
	if text == nil {
		c.buf.WriteString(`\N`)
		return nil
	}
	for {
		i := bytes.IndexAny(text, "\\\n\r\t")
		if i < 0 {
			c.buf.Write(text)
			return nil
		}
		c.buf.Write(text[:i])
		c.buf.WriteByte('\\')
		switch text[i] {
		case '\n':
			c.buf.WriteByte('n')
		case '\r':
			c.buf.WriteByte('r')
		case '\t':
			c.buf.WriteByte('t')
		default:
			c.buf.WriteByte(text[i])
		}
		text = text[i+1:]
	}
}
