package catalog_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// TestStepsAfterADeadlock takes steps that another transaction is in the way of, in a
// deadlock which that one wins, such as one that applies what a webhook has taken in.
func TestStepsAfterADeadlock(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]func(context.Context, *catalog.Catalog, catalog.Ref) error{
		"purge": func(ctx context.Context, c *catalog.Catalog, acme catalog.Ref) error {
			_, err := c.Purge(ctx, acme, catalog.PurgeParams{})
			return err
		},
		"create": func(ctx context.Context, c *catalog.Catalog, _ catalog.Ref) error {
			_, err := c.Create(ctx, catalog.CreateParams{Slug: "globex", Plan: "free"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, urls := installed(t)
			acme := offboarded(t, c, "acme")
			conn, err := pgx.Connect(t.Context(), urls.SuperURL) // Who looks late for deadlocks wins them.
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close(context.Background()) })
			exec := func(sql string) {
				t.Helper()
				if _, err := conn.Exec(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
			exec("SET deadlock_timeout = '1min'; BEGIN; LOCK TABLE bailiwick.audit IN SHARE MODE")
			done := make(chan error, 1)
			go func() { done <- step(t.Context(), c, acme) }()
			waiting := func() (waits bool) {
				t.Helper()
				err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_catalog.pg_locks
					WHERE relation = 'bailiwick.audit'::pg_catalog.regclass AND NOT granted)`).Scan(&waits)
				if err != nil {
					t.Fatal(err)
				}
				return waits
			}
			for !waiting() {
				select {
				case err := <-done:
					t.Fatalf("not waited for: %v", err)
				case <-time.After(10 * time.Millisecond):
				}
			}
			exec("LOCK TABLE public.tenants IN SHARE MODE") // Given once the step has lost.
			exec("COMMIT")
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}
