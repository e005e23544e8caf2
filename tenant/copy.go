package tenant

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

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
	err = q.wrap(err)
	sp.end(n, err)
	return n, err
}

func (q *Querier) copyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error) {
	target, list := quoteAll(table, "."), quoteAll(columns, ", ")
	c, err := q.prepareCall(ctx, q.tx, "SELECT "+list+" FROM "+target, nil)
	if err != nil {
		return 0, err
	}
	source := &copySource{src: src, types: q.tx.types, shape: c.shape}
	tag, err := q.tx.pg.CopyFrom(ctx, source, "COPY "+target+" ("+list+") FROM STDIN")
	if source.err != nil {
		err = source.err // PostgreSQL's error only repeats it.
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
type copySource struct {
	src   pgx.CopyFromSource
	types *pgtype.Map
	shape *shape
	buf   bytes.Buffer
	rows  int64
	err   error
}

const copyChunk = 64 << 10

// Read implements io.Reader.
func (c *copySource) Read(p []byte) (int, error) {
	for c.buf.Len() < copyChunk && c.err == nil {
		if !c.src.Next() {
			if c.err = c.src.Err(); c.err == nil && c.buf.Len() == 0 {
				return 0, io.EOF
			}
			break
		}
		c.err = c.appendRow()
	}
	if c.err != nil {
		return 0, c.err
	}
	return c.buf.Read(p)
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
			return &Error{Code: CodeInvalid, Err: fmt.Errorf("row %d, column %s: %w", c.rows, c.shape.fields[i].Name, err)}
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
