package tenant

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// bindSQL binds the rest of its transaction. One SELECT costs less than the SET
// LOCAL statements, and is planned once.
const bindSQL = `SELECT pg_catalog.set_config('role', $1, true), pg_catalog.set_config('search_path', $2, true)`

// bindPooledSQL binds the timeout too: a pooler's server connection is not ours
// to set it on once for all.
const bindPooledSQL = bindSQL + `, pg_catalog.set_config('statement_timeout', $3, true)`

const bindName = "bailiwick_bind"

// textForms are settings on which the text form of values, or what is a string,
// depends. Poolers pass these on.
var textForms = map[string]string{
	"client_encoding": "UTF8", "datestyle": "ISO, MDY", "standard_conforming_strings": "on",
}

// reported are the settings that the server tells the client of whenever they
// change. When one of them has, the connection serves nobody else.
var reported = [...]string{
	"client_encoding", "DateStyle", "IntervalStyle", "TimeZone", "standard_conforming_strings",
	"default_transaction_read_only", "session_authorization",
}

const sessionKey = "bailiwick.session"

// session is what is kept with one connection: its prepared statements and its
// type map. It belongs to whoever holds the connection.
type session struct {
	pg    *pgconn.PgConn
	types *pgtype.Map
	held  *pgxpool.Conn         // Nil while the connection is idle in the pool.
	odd   bool                  // The connection serves nobody else.
	began [len(reported)]string // The reported settings at the beginning.

	unnamed  bool
	bind     *pgconn.StatementDescription
	prepared *lru[preparedKey, *pgconn.StatementDescription]
	dead     []string // Names to close before the next pipeline.
	names    uint64   // Names given so far: a name is never used twice.
}

// preparedKey keeps the statements of tenants and of schema versions apart.
type preparedKey struct {
	shapeKey

	tenant ID
}

// newSession is pgxpool's AfterConnect hook.
func (db *DB) newSession(ctx context.Context, conn *pgx.Conn) error {
	s := &session{pg: conn.PgConn(), types: conn.TypeMap(), unnamed: db.config.Unnamed}
	s.prepared = newLRU[preparedKey](db.config.StatementCache, func(sd *pgconn.StatementDescription) {
		s.dead = append(s.dead, sd.Name)
	})
	if !s.unnamed {
		var err error
		if s.bind, err = s.pg.Prepare(ctx, bindName, bindSQL, nil); err != nil {
			return err
		}
		for _, set := range []string{"SET statement_timeout = " + string(db.timeout), "SET intervalstyle = postgres", "SET bytea_output = hex"} {
			if err := s.run(ctx, set); err != nil {
				return err
			}
		}
	}
	for i, name := range reported {
		s.began[i] = s.pg.ParameterStatus(name)
	}
	s.pg.CustomData()[sessionKey] = s
	return nil
}

func (n *node) acquire(ctx context.Context) (*session, error) {
	conn, err := n.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	s, ok := conn.Conn().PgConn().CustomData()[sessionKey].(*session)
	if !ok {
		conn.Release()
		return nil, errorf(CodeInternal, "", "a connection without a session")
	}
	s.held = conn
	return s, nil
}

// release gives the connection back. The pool closes it unless it is idle and
// outside a transaction.
func (s *session) release() {
	if conn := s.held; conn != nil {
		s.held = nil
		conn.Release()
	}
}

// reusable is pgxpool's PrepareConn hook: a connection on which something odd
// happened, or whose reported settings are not what they were, is closed.
func reusable(_ context.Context, conn *pgx.Conn) (bool, error) {
	s, ok := conn.PgConn().CustomData()[sessionKey].(*session)
	if !ok || s.odd {
		return false, nil
	}
	for i, name := range reported {
		if s.pg.ParameterStatus(name) != s.began[i] {
			return false, nil
		}
	}
	return true, nil
}

// discard closes the connection, whatever state it is in, and gives it back.
func (s *session) discard(ctx context.Context) error {
	err := s.pg.Close(ctx)
	s.release()
	return err
}

// statement returns the description under which the call's text is prepared on
// this connection, and whether it still has to be.
func (s *session) statement(key preparedKey, sh *shape) (*pgconn.StatementDescription, bool) {
	if s.unnamed {
		return &pgconn.StatementDescription{Fields: sh.fields}, true
	}
	if sd, ok := s.prepared.get(key); ok {
		return sd, false
	}
	s.names++
	sd := &pgconn.StatementDescription{Name: "b" + strconv.FormatUint(s.names, 36), Fields: sh.fields}
	s.prepared.put(key, sd)
	return sd, true
}
