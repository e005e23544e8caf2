package rollout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// recycleAfter is how many schemas a connection works on: a server process keeps
// what it has read of each in memory.
const recycleAfter = 500

// connection is a worker's own. It is opened when it is needed.
type connection struct {
	engine *Engine
	conn   *pgconn.PgConn
	used   int
}

// get returns a connection that works, so far as it knows.
func (c *connection) get(ctx context.Context) (*pgconn.PgConn, error) {
	if c.conn != nil && (c.used >= recycleAfter || c.conn.IsClosed()) {
		if err := c.close(ctx); err != nil {
			return nil, err
		}
	}
	if c.conn != nil {
		return c.conn, nil
	}
	config := c.engine.pool.Config().ConnConfig.Config.Copy()
	// An aborted run cancels what the server does for it, rather than leaving it alone.
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: concludeTimeout}
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, &goneError{err}
	}
	c.conn, c.used = conn, 0
	return conn, nil
}

// close ends the connection, if there is one.
func (c *connection) close(ctx context.Context) error {
	if c.conn == nil {
		return nil
	}
	conn := c.conn
	c.conn = nil
	if conn.IsClosed() {
		return nil
	}
	if err := conn.Close(ctx); err != nil {
		return fmt.Errorf("close a connection: %w", err)
	}
	return nil
}

// exec sends statements as one message, and tells how many succeeded.
func (c *connection) exec(ctx context.Context, statements []string) (n int, err error) {
	conn, err := c.get(ctx)
	if err != nil {
		return 0, err
	}
	results := conn.Exec(ctx, strings.Join(statements, "\n;\n"))
	for results.NextResult() {
		if _, err := results.ResultReader().Close(); err == nil {
			n++
		}
	}
	return n, results.Close()
}

// rollback ends a transaction that has failed. When even that fails the
// connection is given up.
func (c *connection) rollback(ctx context.Context) error {
	if c.conn == nil || c.conn.IsClosed() || c.conn.TxStatus() == 'I' {
		return nil
	}
	if _, err := c.exec(ctx, []string{"ROLLBACK"}); err != nil {
		return c.close(ctx)
	}
	return nil
}

// literal quotes a value that stands in SQL. Values here are names, fingerprints
// and keys; all that a string may hold is quoted.
func literal(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return "E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

// goneError is about the connection and not about the schema.
type goneError struct{ err error }

func (e *goneError) Error() string { return e.err.Error() }
func (e *goneError) Unwrap() error { return e.err }

// statementError says which statement failed, and of a backfill's for which rows.
type statementError struct {
	statement string
	err       error
	rows      string
}

func (e *statementError) Error() string { return e.err.Error() }
func (e *statementError) Unwrap() error { return e.err }

// trouble is what an error of a schema's step is about.
type trouble int

const (
	ofSchema     trouble = iota // the statement fails
	ofLock                      // others were in the way
	ofConnection                // the server is away, or the connection was
	ofClaim                     // the ledger says that this step is not ours to do
	ofAbort                     // the user has cancelled it
)

func troubleOf(ctx context.Context, err error) trouble {
	if errors.Is(err, errClaim) {
		return ofClaim
	}
	if errors.Is(err, errBusy) {
		return ofLock
	}
	if _, refused := errors.AsType[*refusedError](err); refused {
		return ofSchema
	}
	if ctx.Err() != nil {
		return ofAbort
	}
	if _, gone := errors.AsType[*goneError](err); gone {
		return ofConnection
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return ofConnection // only the way to the server has other errors
	}
	switch {
	case pg.Code == "55P03", pg.Code == "40P01", pg.Code == "40001":
		return ofLock
	case serverAway(pg.Code):
		return ofConnection
	}
	return ofSchema
}

// serverAway tells whether an SQLSTATE is of a server that stops, starts or has
// no connection left.
func serverAway(code string) bool {
	return slices.Contains([]string{"57P01", "57P02", "57P03", "53300"}, code) || strings.HasPrefix(code, "08")
}

// away tells whether an error is one that ends when the database is back.
func away(err error) bool {
	if err == nil {
		return false
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return serverAway(pg.Code)
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	_, gone := errors.AsType[*goneError](err)
	return connecting || network || gone || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
