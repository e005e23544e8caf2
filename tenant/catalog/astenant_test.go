package catalog_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// newNotes is a database with two tenants that have notes.
func newNotes(t *testing.T) *tenanttest.DB {
	t.Helper()
	return tenanttest.New(t, tenanttest.Options{
		Schema:    catalog.Schema{Tenant: "CREATE TABLE notes (n integer CONSTRAINT notes_pkey PRIMARY KEY)"},
		TenantSQL: "INSERT INTO notes VALUES (1), (2)",
	})
}

// statement is work of one statement.
func statement(sql string) func(context.Context, pgx.Tx) (any, error) {
	return func(ctx context.Context, tx pgx.Tx) (any, error) {
		tag, err := tx.Exec(ctx, sql)
		return map[string]int64{"rows": tag.RowsAffected()}, err
	}
}

func TestAsTenant(t *testing.T) {
	t.Parallel()
	db := newNotes(t)
	ref := catalog.Ref{ID: db.Tenants[0].ID}
	ctx := catalog.WithActor(catalog.WithRun(t.Context(), "run-1"), "cli:ann")
	var role, path string
	work := func(ctx context.Context, tx pgx.Tx) (any, error) {
		if err := tx.QueryRow(ctx, "SELECT current_user::text, current_setting('search_path')").Scan(&role, &path); err != nil {
			return nil, err
		}
		return statement("DELETE FROM notes WHERE n = 1")(ctx, tx)
	}
	for i, want := range []bool{true, false} { // once in a run
		done, err := db.Catalog.AsTenant(ctx, ref, catalog.ExecParams{Work: work})
		if err != nil || done != want {
			t.Errorf("%d: %t, %v", i, done, err)
		}
	}
	if schema := db.Tenants[0].Schema(); role != schema || path != schema+", pg_temp" {
		t.Errorf("worked as %s on %s", role, path)
	}
	entries, err := db.Catalog.Audit(t.Context(), catalog.AuditFilter{Action: catalog.ActionExec})
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	var details struct{ Rows int }
	if err := json.Unmarshal(entries[0].Details, &details); err != nil || details.Rows != 1 ||
		entries[0].Actor != "cli:ann" || entries[0].Run != "run-1" || entries[0].TenantID != db.Tenants[0].ID {
		t.Errorf("%+v, %v", entries[0], err)
	}
	if done, err := db.Catalog.AsTenant(t.Context(), ref, catalog.ExecParams{Work: statement("SELECT 1"), DryRun: true}); !done || err != nil {
		t.Error(done, err)
	}
	if entries, err = db.Catalog.Audit(t.Context(), catalog.AuditFilter{Action: catalog.ActionExec}); err != nil || len(entries) != 1 {
		t.Error("a dry run is in the audit as what was done", err)
	}
}

// A dry run may have read all that there is: it is undone, but not unseen.
func TestDryRunsAreAudited(t *testing.T) {
	t.Parallel()
	db := newNotes(t)
	ctx := catalog.WithActor(catalog.WithRun(t.Context(), "dry-1"), "cli:ann")
	p := catalog.ExecParams{Work: statement("DELETE FROM notes"), DryRun: true}
	for _, of := range db.Tenants {
		if done, err := db.Catalog.AsTenant(ctx, catalog.Ref{ID: of.ID}, p); !done || err != nil {
			t.Error(done, err)
		}
	}
	p.Work = statement("SELECT 1 / 0")
	if done, err := db.Catalog.AsTenant(ctx, catalog.Ref{ID: db.Tenants[0].ID}, p); done || tenant.CodeOf(err) != tenant.CodeInvalid {
		t.Error(done, err)
	}
	entries, err := db.Catalog.Audit(t.Context(), catalog.AuditFilter{Run: "dry-1", Action: catalog.ActionDryExec})
	if err != nil || len(entries) != 2 || string(entries[0].Details) != `{"rows": 2}` || entries[0].Actor != "cli:ann" {
		t.Errorf("%+v, %v", entries, err)
	}
	left := catalog.ExecParams{Work: statement("DELETE FROM notes")}
	if done, err := db.Catalog.AsTenant(t.Context(), catalog.Ref{ID: db.Tenants[0].ID}, left); !done || err != nil {
		t.Error(done, err)
	}
	if entries, err = db.Catalog.Audit(t.Context(), catalog.AuditFilter{Action: catalog.ActionExec}); err != nil || len(entries) != 1 || string(entries[0].Details) != `{"rows": 2}` {
		t.Errorf("after the dry run: %+v, %v", entries, err)
	}
}

// Work that fails may have read, and its error may quote what: the audit has it too,
// without the row. A run goes on after it.
func TestFailedWorkIsAudited(t *testing.T) {
	t.Parallel()
	db := newNotes(t)
	ref := catalog.Ref{ID: db.Tenants[0].ID}
	ctx := catalog.WithActor(catalog.WithRun(t.Context(), "fail-1"), "cli:ann")
	leak := func(ctx context.Context, tx pgx.Tx) (any, error) {
		_, err := tx.Exec(ctx, "SELECT ('secret ' || n)::integer FROM notes")
		return map[string]string{"query": "Leak"}, err
	}
	given, giveUp := context.WithCancel(ctx)
	fails := []struct {
		ctx  context.Context
		work func(context.Context, pgx.Tx) (any, error)
		dry  bool
		want string
	}{
		{ctx, leak, false, `{"error": "invalid", "query": "Leak"}`},
		{ctx, leak, true, `{"error": "invalid", "query": "Leak"}`},
		{ctx, statement("RESET ROLE"), false, `{"rows": 0, "error": "refused"}`},
		{given, func(ctx context.Context, tx pgx.Tx) (any, error) {
			giveUp()
			return statement("SELECT 1")(ctx, tx)
		}, false, `{"rows": 0, "error": "canceled"}`},
		{ctx, func(context.Context, pgx.Tx) (any, error) { return "no object", nil }, false, `{}`},
	}
	for i, f := range fails {
		p := catalog.ExecParams{Work: f.work, DryRun: f.dry, Identity: "Leak"}
		if done, err := db.Catalog.AsTenant(f.ctx, ref, p); done || err == nil {
			t.Errorf("%d: %t, %v", i, done, err)
		}
		entries, err := db.Catalog.Audit(t.Context(), catalog.AuditFilter{Run: "fail-1", Action: catalog.ActionFailedExec})
		if err != nil || len(entries) != i+1 || string(entries[0].Details) != f.want || entries[0].Actor != "cli:ann" || entries[0].TenantID != ref.ID {
			t.Fatalf("%d: %+v, %v", i, entries, err)
		}
	}
	p := catalog.ExecParams{Work: statement("DELETE FROM notes"), Identity: "Mended"}
	for i, want := range []bool{true, false} {
		if done, err := db.Catalog.AsTenant(ctx, ref, p); done != want || err != nil {
			t.Errorf("mended %d: %t, %v", i, done, err)
		}
	}
	if err := db.Catalog.SameRun(ctx, "Mended"); err != nil {
		t.Error(err)
	}
	// What was not begun has read nothing.
	if done, err := db.Catalog.AsTenant(ctx, ref, catalog.ExecParams{Work: leak, Identity: "Leak"}); done || tenant.CodeOf(err) != tenant.CodeConflict {
		t.Error(done, err)
	}
	entries, err := db.Catalog.Audit(t.Context(), catalog.AuditFilter{Action: catalog.ActionFailedExec})
	if err != nil || len(entries) != len(fails) {
		t.Errorf("%+v, %v", entries, err)
	}
}

// A run is of one work: any other is refused, and passes for done nowhere.
func TestRunsAreOfOneWork(t *testing.T) {
	t.Parallel()
	db := newNotes(t)
	ctx := catalog.WithRun(t.Context(), "spring")
	do := func(ctx context.Context, of int, identity string) (bool, error) {
		return db.Catalog.AsTenant(ctx, catalog.Ref{ID: db.Tenants[of].ID}, catalog.ExecParams{Work: statement("SELECT 1"), Identity: identity})
	}
	if done, err := do(ctx, 0, "Drop\x00ann@example.com"); !done || err != nil {
		t.Fatal(done, err)
	}
	for of := range db.Tenants {
		for _, identity := range []string{"", "Drop", "Drop\x00bob@example.com", "Other\x00ann@example.com"} {
			if done, err := do(ctx, of, identity); done || tenant.CodeOf(err) != tenant.CodeConflict || !strings.Contains(err.Error(), "run spring is of something else") {
				t.Errorf("%d %q: %t, %v", of, identity, done, err)
			}
		}
	}
	if err := db.Catalog.SameRun(ctx, "Drop\x00bob@example.com"); tenant.CodeOf(err) != tenant.CodeConflict {
		t.Error(err)
	}
	if err := db.Catalog.SameRun(ctx, "Drop\x00ann@example.com"); err != nil {
		t.Error(err)
	}
	for of, want := range []bool{false, true} {
		if done, err := do(ctx, of, "Drop\x00ann@example.com"); done != want || err != nil {
			t.Errorf("%d: %t, %v", of, done, err)
		}
	}
	// A run of a step is of no work at all, and equal arguments look alike in no two runs.
	if _, err := db.Catalog.Suspend(catalog.WithRun(t.Context(), "steps"), catalog.Ref{ID: db.Tenants[1].ID}, ""); err != nil {
		t.Fatal(err)
	}
	if done, err := do(catalog.WithRun(t.Context(), "steps"), 0, "Drop"); done || tenant.CodeOf(err) != tenant.CodeConflict {
		t.Error(done, err)
	}
	if done, err := do(catalog.WithRun(t.Context(), "summer"), 0, "Drop\x00ann@example.com"); !done || err != nil {
		t.Error(done, err)
	}
	entries, err := db.Catalog.Audit(t.Context(), catalog.AuditFilter{Action: catalog.ActionExec})
	if err != nil || len(entries) != 3 || string(entries[0].Details) == string(entries[1].Details) || string(entries[1].Details) != string(entries[2].Details) {
		t.Errorf("%+v, %v", entries, err)
	}
}

// TestAsTenantAtOnce works for a tenant for whom somebody else begins to work, too.
func TestAsTenantAtOnce(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	acme := created(t, c, "acme")
	pool := owner(t, urls)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "GRANT "+tenant.QuoteIdent(acme.ID.SchemaName())+" TO CURRENT_USER"); err != nil {
		t.Fatal(err)
	}
	worked := make(chan error, 1)
	go func() {
		_, err := c.AsTenant(t.Context(), acme, catalog.ExecParams{Work: statement("SELECT 1")})
		worked <- err
	}()
	eventually(t, "waits for the other", func() (waits bool) {
		err := pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity
			WHERE datname = pg_catalog.current_database() AND wait_event_type = 'Lock')`).Scan(&waits)
		if err != nil {
			t.Error(err)
		}
		return waits
	})
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-worked; err != nil {
		t.Error(err)
	}
}

// TestAsTenantKeepsToIt: what fails, or would leave the tenant, changes nothing.
func TestAsTenantKeepsToIt(t *testing.T) {
	t.Parallel()
	db := newNotes(t)
	other := db.Tenants[1].Schema()
	for sql, want := range map[string]tenant.Code{
		"DELETE FROM notes; SELECT 1 / 0":                       tenant.CodeInvalid,
		"DELETE FROM " + other + ".notes":                       tenant.CodeForbidden,
		"DELETE FROM public.tenants":                            tenant.CodeForbidden,
		"INSERT INTO bailiwick.audit (actor) VALUES ('nobody')": tenant.CodeForbidden,
		"DELETE FROM notes; RESET ROLE":                         tenant.CodeRefused,
		"DELETE FROM notes; SET search_path = public":           tenant.CodeRefused,
		"SELECT pg_sleep(60)":                                   tenant.CodeTimeout,
	} {
		done, err := db.Catalog.AsTenant(t.Context(), catalog.Ref{ID: db.Tenants[0].ID}, catalog.ExecParams{
			Timeout: 100 * time.Millisecond,
			Work: func(ctx context.Context, tx pgx.Tx) (any, error) {
				_, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll()
				return nil, err
			},
		})
		if done || tenant.CodeOf(err) != want {
			t.Errorf("%s: %t, %v, want %s", sql, done, err, want)
		}
	}
	for _, tt := range db.Tenants {
		q, err := db.DB.Bind(tt)
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if err := q.QueryRow(t.Context(), "SELECT count(*) FROM notes").Scan(&n); err != nil || n != 2 {
			t.Errorf("%s has %d notes, %v", tt.Slug, n, err)
		}
		q.Close()
	}
	if entries, err := db.Catalog.Audit(t.Context(), catalog.AuditFilter{Action: catalog.ActionExec}); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestAsTenantNeedsOne(t *testing.T) {
	t.Parallel()
	db := newNotes(t)
	p := catalog.ExecParams{Work: func(context.Context, pgx.Tx) (any, error) { return nil, errors.New("never") }}
	if _, err := db.Catalog.AsTenant(t.Context(), catalog.Ref{Slug: "nobody"}, p); tenant.CodeOf(err) != tenant.CodeNotFound {
		t.Error(err)
	}
	made, err := db.Catalog.Create(t.Context(), catalog.CreateParams{Slug: "short-lived"})
	if err != nil {
		t.Fatal(err)
	}
	ref := catalog.Ref{ID: made.ID}
	if _, err := db.Catalog.Offboard(t.Context(), ref, catalog.OffboardParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Catalog.Purge(t.Context(), ref, catalog.PurgeParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Catalog.AsTenant(t.Context(), ref, p); tenant.CodeOf(err) != tenant.CodeConflict || !strings.Contains(err.Error(), "is purged") {
		t.Error(err)
	}
}

func TestContents(t *testing.T) {
	t.Parallel()
	db := newNotes(t)
	analyse := statement("ANALYZE " + db.Tenants[0].Schema() + ".notes")
	conn, err := pgx.Connect(t.Context(), db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		_, err := analyse(t.Context(), tx)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	got, err := db.Catalog.Contents(t.Context(), catalog.Ref{Slug: "acme"})
	if err != nil || got.Tables != 1 || got.Rows != 2 || got.Bytes < 8192 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := db.Catalog.Contents(t.Context(), catalog.Ref{Slug: "nobody"}); tenant.CodeOf(err) != tenant.CodeNotFound {
		t.Error(err)
	}
}
