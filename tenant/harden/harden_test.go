package harden_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/harden"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// on runs fn with a connection of its own.
func on(t *testing.T, url string, fn func(ctx context.Context, conn *pgx.Conn) error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	err = fn(t.Context(), conn)
	if err := errors.Join(err, conn.Close(context.WithoutCancel(t.Context()))); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, url, want string) {
	t.Helper()
	on(t, url, func(ctx context.Context, conn *pgx.Conn) error {
		warning, err := harden.Check(ctx, conn)
		if want == "" && warning != "" || !strings.Contains(warning, want) {
			t.Errorf("the warning is %q, want %q", warning, want)
		}
		return err
	})
}

func exec(t *testing.T, url, sql string) {
	t.Helper()
	on(t, url, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql)
		return err
	})
}

// A database that tests get is hardened; one with the rights of a new one says
// so, to any role, and can be hardened.
func TestScriptAndCheck(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	for _, url := range []string{urls.SuperURL, urls.OwnerURL, urls.RuntimeURL} {
		check(t, url, "")
	}
	exec(t, urls.SuperURL, "GRANT SELECT, UPDATE ON pg_settings TO PUBLIC; GRANT EXECUTE ON FUNCTION ts_stat(text) TO PUBLIC")
	check(t, urls.RuntimeURL, "ts_stat(text) and 1 more")
	for range 2 {
		exec(t, urls.SuperURL, harden.Script(devpg.OwnerRole, devpg.RuntimeRole))
	}
	exec(t, urls.SuperURL, `DO $$ BEGIN EXECUTE format('GRANT CREATE, TEMPORARY ON DATABASE %I TO PUBLIC', current_database()); END $$`)
	check(t, urls.RuntimeURL, "every role may use CREATE ON DATABASE ")
	check(t, urls.RuntimeURL, " and 1 more")
	exec(t, urls.SuperURL, harden.Script(devpg.OwnerRole, devpg.RuntimeRole)+"; GRANT CREATE ON SCHEMA public TO PUBLIC")
	check(t, urls.RuntimeURL, "every role may use CREATE ON SCHEMA public, which")
	exec(t, urls.SuperURL, "GRANT EXECUTE ON FUNCTION set_config(text, text, boolean) TO PUBLIC")
	check(t, urls.RuntimeURL, "call set_config(text,text,boolean)")
	for range 2 {
		exec(t, urls.SuperURL, harden.Script(devpg.OwnerRole, devpg.RuntimeRole))
	}
	check(t, urls.RuntimeURL, "")
}

// The script keeps what binding and the owner's own work take, also for names
// that need quotes and for a second runtime role.
func TestScriptKeeps(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	on(t, urls.SuperURL, func(ctx context.Context, conn *pgx.Conn) error {
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		const odd = `it's "odd" $harden$`
		role := tenant.QuoteIdent(odd)
		for _, sql := range []string{
			"CREATE ROLE " + role, harden.Script(devpg.OwnerRole, odd), "SET LOCAL ROLE " + role, "SELECT set_config('a.b', 'c', true)",
			"SET LOCAL ROLE " + devpg.OwnerRole, "SELECT pg_advisory_xact_lock(1), query_to_xml('SELECT 1', true, false, '')",
			"SELECT count(*) FROM pg_stat_activity, pg_settings", "SET LOCAL ROLE pg_monitor",
			"SELECT count(*) FROM pg_stat_activity, pg_settings, pg_locks, pg_stat_user_tables",
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				t.Errorf("%s: %v", sql, err)
			}
		}
		var reads bool
		if err := tx.QueryRow(ctx, "SELECT has_function_privilege($1, 'lo_import(text)', 'EXECUTE')", devpg.OwnerRole).Scan(&reads); err != nil || reads {
			t.Errorf("the owner may read the server's files: %v, %v", reads, err)
		}
		return tx.Rollback(ctx)
	})
}
