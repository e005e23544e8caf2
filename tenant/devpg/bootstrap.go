package devpg

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/harden"
)

// bootstrap makes the roles and the database that are not there yet. A crash in
// between leaves the rest to the next start.
func (in *Instance) bootstrap(ctx context.Context) error {
	err := withConn(ctx, in.SuperURL(SuperRole), func(conn *pgx.Conn) error {
		for _, role := range []struct{ name, options string }{
			{OwnerRole, "LOGIN CREATEROLE CREATEDB"},
			{RuntimeRole, "LOGIN NOINHERIT"},
		} {
			if err := in.ensureRole(ctx, conn, role.name, role.options); err != nil {
				return err
			}
		}
		if err := execAll(ctx, conn,
			"REVOKE CONNECT ON DATABASE template1, postgres FROM PUBLIC",
			"GRANT CONNECT ON DATABASE postgres TO "+OwnerRole,
			// DDL that waits for a long query makes every later query wait too.
			"ALTER ROLE "+OwnerRole+" SET lock_timeout = '5s'",
			// A client that stops in mid transaction must not keep its locks for ever.
			"ALTER ROLE "+RuntimeRole+" SET idle_in_transaction_session_timeout = '60s'",
		); err != nil {
			return err
		}
		var there bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", Database).Scan(&there)
		if err != nil || there {
			return err
		}
		return execAll(ctx, conn, "CREATE DATABASE "+Database+" OWNER "+OwnerRole)
	})
	if err == nil {
		err = in.Harden(ctx, Database)
	}
	if err != nil {
		return fmt.Errorf("set up roles and database: %w", err)
	}
	return nil
}

func (in *Instance) ensureRole(ctx context.Context, conn *pgx.Conn, name, options string) error {
	var there bool
	err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", name).Scan(&there)
	if err != nil || there {
		return err
	}
	// The password is of letters and digits only.
	return execAll(ctx, conn, fmt.Sprintf("CREATE ROLE %s %s PASSWORD '%s'", name, options, in.secret.password(name)))
}

// Harden takes from PUBLIC what no tenant may do in a database, as package harden
// lists it: settings, SQL given as text, locks and views of all sessions,
// temporary tables, and new objects. It may be repeated.
func (in *Instance) Harden(ctx context.Context, database string) error {
	err := withConn(ctx, in.SuperURL(database), func(conn *pgx.Conn) error {
		return execAll(ctx, conn, harden.Script(OwnerRole, RuntimeRole))
	})
	if err != nil {
		return fmt.Errorf("harden database %s: %w", database, err)
	}
	return nil
}

func withConn(ctx context.Context, url string, do func(*pgx.Conn) error) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	return do(conn)
}

func execAll(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
