package plan_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// TestScratchNeedsRights refuses a role that can't make scratch databases, and
// says what to do.
func TestScratchNeedsRights(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	super := connect(t, urls.SuperURL)
	for options, want := range map[string]string{
		"NOCREATEDB CREATEROLE": "may not create scratch databases\n\tmend: ALTER ROLE",
		"CREATEDB NOCREATEROLE": "may not create roles for scratch schemas\n\tmend: ALTER ROLE",
	} {
		role := "bw_plan_" + strings.TrimPrefix(tenant.NewID().SchemaName(), "t_")
		if _, err := super.Exec(t.Context(), "CREATE ROLE "+role+" LOGIN PASSWORD 'secret' "+options); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { super.Exec(context.WithoutCancel(t.Context()), "DROP ROLE "+role) })
		u, err := url.Parse(urls.SuperURL)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(role, "secret")
		_, err = plan.Desired(t.Context(), plan.Input{URL: u.String()})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", options, err, want)
		}
	}
}

// TestScratchIsSwept leaves nothing behind, even when cancelled, and removes what
// a run has left that was killed.
func TestScratchIsSwept(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	owner := connect(t, urls.OwnerURL)
	id := fmt.Sprintf("%08x%s", time.Now().Add(-time.Hour).Unix(), strings.TrimPrefix(tenant.NewID().SchemaName(), "t_")[28:])
	old := []string{"bailiwick_plan_" + id, "t_ba111c1c00000000" + id + "0001"}
	for _, sql := range []string{"CREATE DATABASE bailiwick_plan_" + id + "_1", "CREATE ROLE " + old[0], "CREATE ROLE " + old[1], "GRANT " + old[0] + ", " + old[1] + " TO CURRENT_USER"} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	// What only looks like one is somebody's own.
	mine := "bailiwick_plan_20250101_" + id[8:]
	if _, err := owner.Exec(t.Context(), "CREATE DATABASE "+mine); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	in := plan.Input{URL: urls.OwnerURL, Tenant: []lint.File{{Name: "t.sql", Text: "SELECT pg_sleep(60);"}}}
	time.AfterFunc(2*time.Second, cancel)
	if _, err := plan.Desired(ctx, in); err == nil || t.Context().Err() != nil {
		t.Errorf("a cancelled run: %v", err)
	}
	var left int
	err := owner.QueryRow(t.Context(), `
		SELECT (SELECT count(*) FROM pg_database WHERE starts_with(datname, $1)) + (SELECT count(*) FROM pg_roles WHERE rolname = ANY ($2))`,
		old[0], old).Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("%d databases and roles are left: %v", left, err)
	}
	var kept bool
	err = owner.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", mine).Scan(&kept)
	if err != nil || !kept {
		t.Errorf("a database that only begins like a scratch one was dropped: %v", err)
	}
	if _, err := owner.Exec(t.Context(), "DROP DATABASE IF EXISTS "+mine); err != nil {
		t.Error(err)
	}
}

// TestScratchIsShared drops databases in which somebody is whom the owner may not
// end, as autovacuum is in databases that live for a while.
func TestScratchIsShared(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	super := connect(t, urls.SuperURL)
	marker := tenant.NewID().SchemaName()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := plan.Desired(ctx, plan.Input{URL: urls.OwnerURL, Tenant: []lint.File{{Name: "t.sql", Text: "SELECT pg_sleep(60), '" + marker + "';"}}})
		done <- err
	}()
	var name string
	waitFor(t, super, "SELECT coalesce(min(datname::text), '') FROM pg_stat_activity WHERE starts_with(datname, 'bailiwick_plan_') AND query LIKE '%' || $1 || '%'", marker, &name)
	u, err := url.Parse(urls.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	guest := connect(t, u.String())
	cancel()
	var statement string
	waitFor(t, super, "SELECT coalesce(min(query), '') FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DROP DATABASE%' || $1 || '\"'", name, &statement)
	if err := guest.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil || strings.Contains(err.Error(), "clean up") {
		t.Errorf("a run that was cancelled: %v", err)
	}
	var left bool
	if err := super.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&left); err != nil || left {
		t.Errorf("the database is there: %t, %v", left, err)
	}
}

// waitFor asks until there is something.
func waitFor(t *testing.T, conn *pgx.Conn, sql, arg string, into *string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); *into == ""; time.Sleep(time.Millisecond) {
		if err := conn.QueryRow(t.Context(), sql, arg).Scan(into); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing came of %s", sql)
		}
	}
}
