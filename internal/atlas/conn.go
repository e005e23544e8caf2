package atlas

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
)

// Atlas asks through database/sql. The types below are a driver over one
// connection of pgx that somebody else has opened, so that Atlas sees what that
// connection's transaction has done. (pgx's own package stdlib opens
// connections itself.)
type (
	connector struct{ conn *pgx.Conn }
	sqlConn   struct{ conn *pgx.Conn }
	sqlRows   struct {
		rows    pgx.Rows
		columns []string
	}
)

// open returns a handle whose every query runs on conn. Closing it leaves conn open.
func open(conn *pgx.Conn) *sql.DB {
	db := sql.OpenDB(connector{conn})
	db.SetMaxOpenConns(1)
	return db
}

var errQueriesOnly = errors.New("atlas only asks, it changes nothing here")

func (c connector) Connect(context.Context) (driver.Conn, error) { return sqlConn(c), nil }
func (c connector) Driver() driver.Driver                        { return nil }

func (c sqlConn) Prepare(string) (driver.Stmt, error) { return nil, errQueriesOnly }
func (c sqlConn) Begin() (driver.Tx, error)           { return nil, errQueriesOnly }
func (c sqlConn) Close() error                        { return nil }

// CheckNamedValue lets pgx convert all arguments.
func (c sqlConn) CheckNamedValue(*driver.NamedValue) error { return nil }

// QueryContext asks for text, which database/sql makes into whatever Atlas
// scans it into.
func (c sqlConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	list := make([]any, 0, 2+len(args))
	list = append(list, pgx.QueryExecModeDescribeExec, pgx.QueryResultFormats{pgx.TextFormatCode})
	for _, a := range args {
		list = append(list, a.Value)
	}
	rows, err := c.conn.Query(ctx, query, list...)
	if err != nil {
		return nil, err
	}
	r := &sqlRows{rows: rows}
	for _, f := range rows.FieldDescriptions() {
		r.columns = append(r.columns, f.Name)
	}
	return r, nil
}

func (r *sqlRows) Columns() []string { return r.columns }

func (r *sqlRows) Close() error {
	r.rows.Close()
	return r.rows.Err()
}

func (r *sqlRows) Next(into []driver.Value) error {
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	for i, raw := range r.rows.RawValues() {
		into[i] = nil
		if raw != nil {
			into[i] = string(raw)
		}
	}
	return nil
}

// withPath runs do while conn's search_path is one schema and nothing else.
func withPath(ctx context.Context, conn *pgx.Conn, schema string, do func() error) (err error) {
	var before string
	err = conn.QueryRow(ctx, "SELECT current_setting('search_path')").Scan(&before)
	if err == nil {
		err = setPath(ctx, conn, pgx.Identifier{schema}.Sanitize())
	}
	if err != nil {
		return err
	}
	return errors.Join(do(), setPath(ctx, conn, before))
}

func setPath(ctx context.Context, conn *pgx.Conn, path string) error {
	if _, err := conn.Exec(ctx, "SELECT pg_catalog.set_config('search_path', $1, false)", path); err != nil {
		return fmt.Errorf("set the search_path: %w", err)
	}
	return nil
}
