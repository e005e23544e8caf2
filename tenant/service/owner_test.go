package service_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
	"github.com/bailiwick-dev/bailiwick/tenant/worker"
)

// A project's own jobs run with the owner's rights, and its hooks hear of steps
// that others have taken, where the owner role is given; nowhere else.
func TestJobsAndHooks(t *testing.T) {
	t.Parallel()
	db, is := tenanttest.New(t, tenanttest.Options{Schema: config().Schema}), servicetest.NewIssuer(t)
	ran, told := make(chan string, 100), make(chan string, 100)
	cfg := config()
	cfg.Jobs = func(o service.Owner) []worker.Job {
		return []worker.Job{{Name: "mine", Run: func(ctx context.Context) (int, error) {
			var role string
			err := o.Pool.QueryRow(ctx, "SELECT current_user").Scan(&role)
			ran <- role
			return 0, err
		}}}
	}
	cfg.Hooks = []catalog.Hook{{Name: "bucket", After: func(_ context.Context, e catalog.Event) error {
		told <- e.Action + " " + e.Tenant.Slug
		return nil
	}}}
	environ := servicetest.Settings(db.RuntimeURL, is)
	without := servicetest.Start(t, cfg, nil, environ...)
	without.Stop(t)
	if len(ran) > 0 || strings.Contains(without.Log.String(), "operator") {
		t.Errorf("%d jobs without the owner role\n%s", len(ran), without.Log.String())
	}
	p := servicetest.Start(t, cfg, nil, append(environ, "DATABASE_OWNER_URL="+db.OwnerURL)...)
	if role := <-ran; role != "bailiwick_owner" {
		t.Errorf("the job runs as %s", role)
	}
	conn, err := pgx.Connect(t.Context(), db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	eventually(t, "the hook is known", func() (known bool) { // It hears of steps from then on.
		if err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM bailiwick.hooks WHERE name = 'bucket')").Scan(&known); err != nil {
			t.Fatal(err)
		}
		return known
	})
	if _, err := db.Catalog.Suspend(t.Context(), catalog.Ref{ID: db.Tenants[0].ID}, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Catalog.Resume(t.Context(), catalog.Ref{ID: db.Tenants[0].ID}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"suspend acme", "resume acme"} {
		if got := <-told; got != want {
			t.Errorf("told of %s instead of %s", got, want)
		}
	}
	p.Stop(t)
}
