package service_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// releaseOf is a service whose statements are those of one release, each of which
// it runs for a request.
func releaseOf(statements ...tenant.Statement) service.Config {
	cfg := config()
	cfg.Handler = func(b service.Backend) (http.Handler, error) {
		b.DB.Require(tenant.Statements{Tenant: statements})
		return wrap(b, countNotes(b.DB))
	}
	return cfg
}

var (
	readText  = tenant.Statement{Name: "ReadText", SQL: "SELECT text FROM notes", Columns: []string{"text"}}
	readTitle = tenant.Statement{Name: "ReadTitle", SQL: "SELECT title FROM notes", Columns: []string{"text"}}
	count     = tenant.Statement{Name: "Count", SQL: "SELECT count(*) FROM notes", Columns: []string{"int8"}}
)

// row is a release in the ledger.
type row struct {
	Name, Version string
	Statements    tenant.Statements
	Misfits       map[string]string
	Live          time.Duration
}

func ledger(t *testing.T, db *tenanttest.DB) []row {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	rows, err := conn.Query(t.Context(), `SELECT name, version, statements, misfits, extract(epoch FROM expires_at - now())
		FROM bailiwick.releases ORDER BY version`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (row, error) {
		var one row
		var statements, misfits []byte
		var live float64
		if err := r.Scan(&one.Name, &one.Version, &statements, &misfits, &live); err != nil {
			return one, err
		}
		one.Live = time.Duration(live * float64(time.Second))
		if err := json.Unmarshal(statements, &one.Statements); err != nil {
			return one, err
		}
		return one, json.Unmarshal(misfits, &one.Misfits)
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within half a minute: ", what)
		}
	}
}

func askNotes(t *testing.T, p *servicetest.Process, is *servicetest.Issuer, of tenant.Tenant) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+of.Slug+".app.example/notes", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+is.Token(t, of, "alice"))
	resp, err := p.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

// change is a rollout to one tenant.
func change(t *testing.T, db *tenanttest.DB, of tenant.Tenant, version, sql string) {
	t.Helper()
	execOwner(t, db, fmt.Sprintf("DO $do$ BEGIN SET LOCAL search_path = %s; %s; UPDATE public.tenants SET schema_fingerprint = '%s' WHERE id = '%s'; END $do$",
		of.Schema(), sql, version, of.ID))
}

// TestTwoReleases: a release and the one before it, on tenants of either. Each
// process serves whom it fits, answers 503 to the others, says so in the ledger,
// and serves those too once they have been rolled out to. Attack 35.
func TestTwoReleases(t *testing.T) {
	t.Parallel()
	db, is := tenanttest.New(t, tenanttest.Options{Schema: config().Schema, Tenants: 3}), servicetest.NewIssuer(t)
	start := func(version string, cfg service.Config) *servicetest.Process {
		return servicetest.Start(t, cfg, nil, append(servicetest.Settings(db.RuntimeURL, is), "RELEASE="+version, "TENANT_CACHE_EXPIRY=1ms")...)
	}
	older, newer := start("1", releaseOf(readText, count)), start("2", releaseOf(readTitle, count))
	defer older.Stop(t)
	defer newer.Stop(t)
	check := func(when string, p *servicetest.Process, want ...int) {
		t.Helper()
		for i, of := range db.Tenants {
			status, header, body := askNotes(t, p, is, of)
			if status != want[i] {
				t.Errorf("%s, tenant %s: %d %s, want %d", when, of.Slug, status, body, want[i])
			}
			if status == http.StatusServiceUnavailable && (header.Get("Retry-After") != "2" || !strings.Contains(body, "problems/schema-mismatch") || strings.Contains(body, "title FROM")) {
				t.Errorf("%s, tenant %s: %v %s", when, of.Slug, header, body)
			}
		}
	}
	check("older at first", older, 200, 200, 200)
	check("newer at first", newer, 503, 503, 503)
	change(t, db, db.Tenants[0], "both", "ALTER TABLE notes ADD COLUMN title text")
	check("older, the first expanded", older, 200, 200, 200)
	check("newer, the first expanded", newer, 200, 503, 503)
	change(t, db, db.Tenants[1], "new", "ALTER TABLE notes RENAME COLUMN text TO title")
	check("older, the second contracted", older, 200, 503, 200)
	check("newer, the second contracted", newer, 200, 200, 503)
	old := db.Tenants[2].Version
	want := []map[string]string{
		{"new": `ReadText: column "text" does not exist (SQLSTATE 42703)`},
		{old: `ReadTitle: column "title" does not exist (SQLSTATE 42703)`},
	}
	var got []map[string]string
	eventually(t, "both releases tell their misfits", func() bool {
		got = nil
		for _, r := range ledger(t, db) {
			got = append(got, r.Misfits)
		}
		return cmp.Equal(want, got)
	})
	for _, of := range []tenant.Tenant{db.Tenants[0], db.Tenants[2]} {
		change(t, db, of, "new", "ALTER TABLE notes DROP COLUMN IF EXISTS title; ALTER TABLE notes RENAME COLUMN text TO title")
	}
	check("newer at last", newer, 200, 200, 200)
	check("older at last", older, 503, 503, 503)
}

// TestRolloutIsNoticed: a service hears of a rollout at once, although it may
// remember for an hour which version a tenant's schema has, and although what it
// runs would still be understood.
func TestRolloutIsNoticed(t *testing.T) {
	t.Parallel()
	db, is := tenanttest.New(t, tenanttest.Options{Schema: config().Schema}), servicetest.NewIssuer(t)
	p := servicetest.Start(t, releaseOf(readText), nil, append(servicetest.Settings(db.RuntimeURL, is), "TENANT_CACHE_EXPIRY=1h", "RELEASE_HEARTBEAT=100ms")...)
	defer p.Stop(t)
	of := db.Tenants[0]
	if status, _, body := askNotes(t, p, is, of); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	execOwner(t, db, "INSERT INTO bailiwick.rollouts (versions, plans, options) VALUES ('{}', '[]', '{}')")
	change(t, db, of, "new", "ALTER TABLE notes RENAME COLUMN text TO title")
	eventually(t, "the service sees that it does not fit", func() bool {
		status, _, _ := askNotes(t, p, is, of)
		return status == http.StatusServiceUnavailable
	})
	execOwner(t, db, "UPDATE bailiwick.rollouts SET state = 'done'")
	change(t, db, of, "old", "ALTER TABLE notes RENAME COLUMN title TO text")
	eventually(t, "the service sees that it fits again", func() bool {
		status, _, _ := askNotes(t, p, is, of)
		return status == http.StatusOK
	})
}

// TestReleaseLearns: what handlers put together gets into the ledger.
func TestReleaseLearns(t *testing.T) {
	t.Parallel()
	db, is := tenanttest.New(t, tenanttest.Options{Schema: config().Schema}), servicetest.NewIssuer(t)
	p := servicetest.Start(t, releaseOf(readText), nil, append(servicetest.Settings(db.RuntimeURL, is), "RELEASE_HEARTBEAT=100ms")...)
	defer p.Stop(t)
	if status, _, body := askNotes(t, p, is, db.Tenants[0]); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	learned := func() (n int) {
		conn, err := pgx.Connect(t.Context(), db.OwnerURL)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
		err = conn.QueryRow(t.Context(), `SELECT count(*) FROM bailiwick.releases, jsonb_each(learned) AS l
			WHERE l.key LIKE 'tenant %' AND l.value ->> 'name' LIKE 'built by a handler: SELECT %' AND l.value ->> 'sql' LIKE '%FROM notes%'`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	eventually(t, "the handler's statement is registered", func() bool { return learned() == 1 })
	execOwner(t, db, "DELETE FROM bailiwick.releases")
	eventually(t, "it is registered again with the release", func() bool { return learned() == 1 })
}

// TestReleaseIsRegistered: its row lives as long as its servers, and not longer.
func TestReleaseIsRegistered(t *testing.T) {
	t.Parallel()
	db, is := tenanttest.New(t, tenanttest.Options{Schema: config().Schema}), servicetest.NewIssuer(t)
	start := func(more ...string) *servicetest.Process {
		environ := append(servicetest.Settings(db.RuntimeURL, is), "RELEASE=v7", "RELEASE_HEARTBEAT=200ms", "RELEASE_EXPIRY=1h")
		return servicetest.Start(t, releaseOf(readText), nil, append(environ, more...)...)
	}
	p := start()
	got := ledger(t, db)
	if len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	want := row{Name: "notes", Version: "v7", Statements: tenant.Statements{Tenant: []tenant.Statement{readText}}, Misfits: map[string]string{}, Live: got[0].Live}
	if diff := cmp.Diff(want, got[0]); diff != "" || got[0].Live < 59*time.Minute {
		t.Errorf("live for %s (-want +got):\n%s", got[0].Live, diff)
	}
	execOwner(t, db, "UPDATE bailiwick.releases SET expires_at = now()")
	eventually(t, "the release is pushed on", func() bool { return ledger(t, db)[0].Live > time.Minute })
	execOwner(t, db, "DELETE FROM bailiwick.releases")
	eventually(t, "the release is registered again", func() bool { return len(ledger(t, db)) == 1 })
	another := start()
	p.Stop(t)
	eventually(t, "the other server pushes it on", func() bool { return ledger(t, db)[0].Live > time.Minute })
	another.Stop(t)
	if got := ledger(t, db); len(got) != 1 || got[0].Live > time.Minute {
		t.Errorf("after the last server: %+v", got)
	}
}

// TestReleaseWithoutLedger: a ledger that is missing, or that does not answer,
// keeps nobody from being served.
func TestReleaseWithoutLedger(t *testing.T) {
	t.Parallel()
	db, is := tenanttest.New(t, tenanttest.Options{Schema: config().Schema}), servicetest.NewIssuer(t)
	execOwner(t, db, "ALTER SCHEMA bailiwick RENAME TO elsewhere")
	p := servicetest.Start(t, releaseOf(readText), nil, append(servicetest.Settings(db.RuntimeURL, is), "RELEASE_HEARTBEAT=100ms")...)
	defer p.Stop(t)
	if log := p.Log.String(); !strings.Contains(log, "the release is not registered") || !strings.Contains(log, "start once with DATABASE_OWNER_URL") {
		t.Errorf("log: %s", log)
	}
	if status, _, body := askNotes(t, p, is, db.Tenants[0]); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	execOwner(t, db, "ALTER SCHEMA elsewhere RENAME TO bailiwick")
	eventually(t, "the release is registered", func() bool { return len(ledger(t, db)) == 1 })
	if log := p.Log.String(); !strings.Contains(log, "registered again") || strings.Count(log, "not registered") != 1 {
		t.Errorf("log: %s", log)
	}
}

// TestPublicOfAnotherRelease: the service starts, and says that a rollout is due.
func TestPublicOfAnotherRelease(t *testing.T) {
	t.Parallel()
	db, is := tenanttest.New(t, tenanttest.Options{Schema: config().Schema}), servicetest.NewIssuer(t)
	cfg := releaseOf(readText)
	cfg.Schema.Public += "\nCREATE TABLE public.news (id int);"
	p := servicetest.Start(t, cfg, nil, append(servicetest.Settings(db.RuntimeURL, is), "DATABASE_OWNER_URL="+db.OwnerURL)...)
	defer p.Stop(t)
	if log := p.Log.String(); !strings.Contains(log, "bailiwick schema apply") || !strings.Contains(log, "the shared schema is not that of schema/public.sql") {
		t.Errorf("log: %s", log)
	}
	if status, _, body := askNotes(t, p, is, db.Tenants[0]); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}
