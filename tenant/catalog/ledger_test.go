package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// holding is a session of somebody else's that has run a statement in a
// transaction, which it has not ended.
func holding(t *testing.T, urls tenanttest.URLs, sql string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), urls.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	if _, err := conn.PgConn().Exec(t.Context(), "BEGIN; "+sql).ReadAll(); err != nil {
		t.Fatal(err)
	}
	return conn
}

// impatient waits 100 ms for a lock.
func impatient(t *testing.T, urls tenanttest.URLs, schema catalog.Schema) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(t.Context(), catalog.Config{URL: urls.OwnerURL, Schema: schema, LockTimeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// older makes the ledger one of an earlier version, which had neither an inbox nor
// noted what it was.
const older = "DROP TABLE bailiwick.inbox; DELETE FROM bailiwick.meta WHERE key IN ('ledger', 'ledger_role')"

// TestInstallOnlyReads what is installed: it takes no lock that a dump, a backup or
// a step in the life of a tenant would have to wait for, or it for them.
func TestInstallOnlyReads(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	created(t, c, "acme")
	const touched = `
		SELECT format('%s %s', 'database', xmin) FROM pg_database WHERE datname = current_database()
		UNION ALL SELECT format('%s %s', nspname, xmin) FROM pg_namespace WHERE nspname IN ('public', 'bailiwick')
		UNION ALL SELECT format('%s %s', oid::regclass, xmin) FROM pg_class WHERE relnamespace IN ('public'::regnamespace, 'bailiwick'::regnamespace)`
	before := query[string](t, urls, touched)
	holding(t, urls, `DO $$
		DECLARE
			name text;
		BEGIN
			FOR name IN SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'bailiwick'::regnamespace) LOOP
				EXECUTE format('LOCK TABLE %s IN EXCLUSIVE MODE', name); -- whoever reads gets past this, and nobody else
			END LOOP;
		END $$`)
	again := impatient(t, urls, full)
	if err := errors.Join(again.Install(t.Context()), again.InstallLedger(t.Context())); err != nil {
		t.Error(err)
	}
	if after := query[string](t, urls, touched); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("changed: %v, before %v", after, before)
	}
}

// TestLedgerIsRepaired, whoever has changed it.
func TestLedgerIsRepaired(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	for _, sql := range []string{
		"DROP TABLE bailiwick.inbox",
		"DROP INDEX bailiwick.outbox_due_idx",
		"REVOKE INSERT ON bailiwick.releases FROM bailiwick_app",
		"DELETE FROM bailiwick.meta WHERE key = 'runtime_role'",
		older,
	} {
		must(t, urls.OwnerURL, sql)
		if has, err := c.HasLedger(t.Context()); has || err != nil {
			t.Errorf("after %s it is there: %v, %v", sql, has, err)
		}
		if err := c.InstallLedger(t.Context()); err != nil {
			t.Fatal(err)
		}
		if has, err := c.HasLedger(t.Context()); !has || err != nil {
			t.Errorf("after %s it is mended: %v, %v", sql, has, err)
		}
	}
	must(t, urls.OwnerURL, "INSERT INTO bailiwick.inbox (source, id, payload) VALUES ('billing', '1', '{}')")
	must(t, urls.RuntimeURL, "INSERT INTO bailiwick.releases VALUES ('1', 'a', 'b', '[]', '{}', now(), now())")
	for _, index := range query[bool](t, urls, "SELECT to_regclass('bailiwick.outbox_due_idx') IS NOT NULL AND to_regclass('bailiwick.inbox_due_idx') IS NOT NULL") {
		if !index {
			t.Error("an index is missing")
		}
	}
}

// TestLedgerBeforeShared: a database whose shared schema a rollout has yet to
// change gets Bailiwick's own tables, so that all else goes on.
func TestLedgerBeforeShared(t *testing.T) {
	t.Parallel()
	_, urls := installed(t)
	must(t, urls.OwnerURL, older)
	next := full
	next.Public += "\nCREATE TABLE public.more (id int);"
	c := open(t, urls, next)
	if err := c.Install(t.Context()); !errors.Is(err, catalog.ErrOtherPublic) || tenant.CodeOf(err) != tenant.CodeConflict {
		t.Errorf("install: %v", err)
	}
	acme := offboarded(t, c, "acme")
	if _, err := c.Purge(t.Context(), acme, catalog.PurgeParams{}); err != nil {
		t.Error(err)
	}
	if found := troubles(t, c, acme.ID.SchemaName()); len(found) > 0 {
		t.Errorf("%+v", found)
	}
}

// TestLedgerGivesWay lets those pass that wait behind it for a lock, and tries
// again.
func TestLedgerGivesWay(t *testing.T) {
	t.Parallel()
	_, urls := installed(t)
	must(t, urls.OwnerURL, older)
	writer := holding(t, urls, "INSERT INTO bailiwick.hooks (name) VALUES ('x'); DELETE FROM bailiwick.outbox")
	c, err := catalog.Open(t.Context(), catalog.Config{URL: urls.OwnerURL, Schema: full, LockTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	done := make(chan error, 1)
	go func() { done <- c.Install(t.Context()) }()
	const waits = `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'bailiwick.outbox'::regclass)`
	for _, want := range []bool{true, false} {
		eventually(t, fmt.Sprintf("it waits: %v", want), func() bool { return query[bool](t, urls, waits)[0] == want })
	}
	if _, err := writer.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if has, err := c.HasLedger(t.Context()); !has || err != nil {
		t.Errorf("%v, %v", has, err)
	}
}

// TestInstallIsNotWaitedForForever: an installation that goes on is waited for
// longer than other locks, but not without end.
func TestInstallIsNotWaitedForForever(t *testing.T) {
	t.Parallel()
	_, urls := installed(t)
	holding(t, urls, "SELECT pg_advisory_xact_lock(('x' || encode('bailiwic', 'hex'))::bit(64)::bigint)")
	c := impatient(t, urls, full)
	for _, err := range []error{c.Install(t.Context()), c.InstallLedger(t.Context())} {
		wantCode(t, err, tenant.CodeTimeout, "another installation has been going on for 1.2s")
	}
}
