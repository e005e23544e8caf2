package tenant_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// noteStatements are of a release whose notes have a title.
var noteStatements = tenant.Statements{Tenant: []tenant.Statement{
	{Name: "GetNote", SQL: "SELECT id, body FROM notes WHERE id = $1", Params: []string{"int8 NOT NULL"}, Columns: []string{"int8 NOT NULL", "text NOT NULL"}},
	{Name: "GetTitle", SQL: "SELECT title FROM notes WHERE id = $1", Params: []string{"int8 NOT NULL"}, Columns: []string{"text NOT NULL"}},
}}

const titleSQL = `ALTER TABLE notes ADD COLUMN title text NOT NULL DEFAULT 'untitled'`

// release is a database with a server's view of it: its own connections, and a
// resolver that remembers for long.
type release struct {
	*tenanttest.DB

	server   *tenant.DB
	resolver *catalog.Resolver
	asked    atomic.Int64 // How often Locate was.
}

func openRelease(t *testing.T, config tenant.Config) *release {
	t.Helper()
	r := &release{DB: open(t, tenant.Config{Unnamed: config.Unnamed})}
	if config.URL == "" {
		config.URL = r.RuntimeURL
	}
	config.Locate = func(ctx context.Context, to tenant.Tenant) (tenant.Tenant, error) {
		r.asked.Add(1)
		return r.resolver.Locate(ctx, to)
	}
	var err error
	if r.server, err = tenant.Open(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.server.Close)
	r.resolver = catalog.NewResolver(r.server, time.Hour)
	return r
}

// change is what a rollout does to one tenant: its schema and its version in one
// transaction.
func (r *release) change(ctx context.Context, to tenant.Tenant, version, sql string) error {
	conn, err := pgx.Connect(ctx, r.OwnerURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL search_path = %s, pg_temp; %s; UPDATE public.tenants SET schema_fingerprint = '%s' WHERE id = '%s'",
			to.Schema(), sql, version, to.ID))
		return err
	})
}

// bind is what a request does.
func (r *release) bind(t *testing.T, slug string) *tenant.Querier {
	t.Helper()
	return bind(t, r.server, must[tenant.Route](t)(r.resolver.Route(t.Context(), tenant.Name{Slug: slug})).Tenant)
}

func eachRelease(t *testing.T, config tenant.Config, fn func(t *testing.T, r *release)) {
	t.Helper()
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := config
			config.Unnamed = mode.Unnamed
			fn(t, openRelease(t, config))
		})
	}
}

const bodySQL = "SELECT body FROM notes WHERE id = $1"

// TestFit: a release that is newer than a tenant's schema serves all tenants but
// that one, and that one too once it has been rolled out to.
func TestFit(t *testing.T) {
	t.Parallel()
	eachRelease(t, tenant.Config{Statements: noteStatements}, func(t *testing.T, r *release) {
		acme, globex := r.Tenants[0], r.Tenants[1]
		if err := r.change(t.Context(), globex, "v2", titleSQL); err != nil {
			t.Fatal(err)
		}
		q := r.bind(t, acme.Slug)
		for name, work := range map[string]func() error{
			"Query": func() error { _, err := one[string](t.Context(), q, bodySQL, int64(1)); return err },
			"Batch": func() error {
				b := &pgx.Batch{}
				b.Queue(bodySQL, int64(1))
				return q.SendBatch(t.Context(), b).Close()
			},
			"InTx": func() error {
				return q.InTx(t.Context(), tenant.TxOptions{}, func(context.Context, *tenant.Querier) error {
					t.Error("the transaction began")
					return nil
				})
			},
		} {
			err := work()
			wantCode(t, err, tenant.CodeSchema)
			if err == nil || !strings.Contains(err.Error(), "does not fit statement GetTitle") {
				t.Errorf("%s: %v", name, err)
			}
		}
		title, err := one[string](t.Context(), r.bind(t, globex.Slug), "SELECT title FROM notes WHERE id = $1", int64(1))
		if err != nil || title != "untitled" {
			t.Errorf("the tenant that fits: %q, %v", title, err)
		}
		fits := r.server.Fits()
		if len(fits[acme.Version]) != 1 || fits[acme.Version][0].Statement != "GetTitle" || len(fits["v2"]) != 0 {
			t.Errorf("known to fit: %v", fits)
		}
		if _, ok := fits["v2"]; !ok {
			t.Error("nothing is known of v2")
		}
		if err := r.change(t.Context(), acme, "v2", titleSQL); err != nil {
			t.Fatal(err)
		}
		// At once: the version is known to fit, and the tenant to have misfitted.
		if _, err := one[string](t.Context(), r.bind(t, acme.Slug), bodySQL, int64(1)); err != nil {
			t.Error("after its rollout: ", err)
		}
		if got := must[tenant.Route](t)(r.resolver.Route(t.Context(), tenant.Name{Slug: acme.Slug})); got.Version != "v2" {
			t.Errorf("the resolver still has version %q", got.Version)
		}
	})
}

// TestFitForgets: a misfit is not believed for long, since what does not show in
// the version may have been mended.
func TestFitForgets(t *testing.T) {
	t.Parallel()
	r := openRelease(t, tenant.Config{Statements: noteStatements})
	acme := r.Tenants[0]
	q := r.bind(t, acme.Slug)
	_, err := one[string](t.Context(), q, bodySQL, int64(1))
	wantCode(t, err, tenant.CodeSchema)
	if err := r.change(t.Context(), acme, acme.Version, titleSQL); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); err != nil && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		_, err = one[string](t.Context(), q, bodySQL, int64(1))
	}
	if err != nil {
		t.Error("the misfit is believed for ever: ", err)
	}
}

// TestFitOnce: of many that meet a version at once, one asks.
func TestFitOnce(t *testing.T) {
	t.Parallel()
	eachRelease(t, tenant.Config{Statements: tenant.Statements{Tenant: noteStatements.Tenant[:1]}}, func(t *testing.T, r *release) {
		var wg sync.WaitGroup
		began := time.Now()
		for i := range 40 {
			q := bind(t, r.server, r.Tenants[i%2])
			wg.Go(func() {
				if _, err := one[string](t.Context(), q, bodySQL, int64(1)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		// After each look it is asked whether the version is still that one. Where a
		// look takes longer than a second, another one begins.
		if n := r.asked.Load(); n > 1+int64(time.Since(began)/time.Second) {
			t.Errorf("the schema was looked at %d times", n)
		}
	})
}

// TestFitNeighbours: a tenant whose schema was changed by hand is the first to be
// looked at; the others of its version are served.
func TestFitNeighbours(t *testing.T) {
	t.Parallel()
	required := tenant.Statements{Tenant: noteStatements.Tenant[:1]}
	eachRelease(t, tenant.Config{Statements: required}, func(t *testing.T, r *release) {
		acme, globex := r.Tenants[0], r.Tenants[1]
		if err := r.change(t.Context(), acme, acme.Version, "ALTER TABLE notes RENAME TO moved"); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			_, err := one[string](t.Context(), r.bind(t, acme.Slug), bodySQL, int64(1))
			wantCode(t, err, tenant.CodeSchema)
			if _, err := one[string](t.Context(), r.bind(t, globex.Slug), bodySQL, int64(1)); err != nil {
				t.Error("the neighbour: ", err)
			}
		}
	})
}

// TestFitStray: a column of one tenant is changed by hand, to a type that its rows
// could still be read by. Once that is found, the tenant is refused for as long as it
// is so, whoever else fits meanwhile; and its neighbours are served all the time.
func TestFitStray(t *testing.T) {
	t.Parallel()
	required := tenant.Statements{Tenant: noteStatements.Tenant[:1]}
	eachRelease(t, tenant.Config{Statements: required}, func(t *testing.T, r *release) {
		acme, globex := r.Tenants[0], r.Tenants[1]
		read := func(slug string) error {
			_, err := one[string](t.Context(), r.bind(t, slug), bodySQL, int64(1))
			return err
		}
		until := func(what string, so func() bool) {
			t.Helper()
			for deadline := time.Now().Add(30 * time.Second); !so(); time.Sleep(20 * time.Millisecond) {
				if err := read(globex.Slug); err != nil {
					t.Fatal("the neighbour: ", err)
				}
				if time.Now().After(deadline) {
					t.Fatal("it is not so that ", what)
				}
			}
		}
		for _, to := range []string{"int USING 1", "bigint"} {
			until("all are served", func() bool { return to != "int USING 1" || read(acme.Slug) == nil })
			if err := r.change(t.Context(), acme, acme.Version, "ALTER TABLE notes ALTER COLUMN body TYPE "+to); err != nil {
				t.Fatal(err)
			}
			until("the change is found", func() bool { return tenant.CodeOf(read(acme.Slug)) == tenant.CodeSchema })
			found := time.Now()
			until("the stray was asked anew", func() bool {
				wantCode(t, read(acme.Slug), tenant.CodeSchema)
				return time.Since(found) > 3*time.Second // An answer counts for two.
			})
		}
		if err := r.change(t.Context(), acme, acme.Version, "ALTER TABLE notes ALTER COLUMN body TYPE text"); err != nil {
			t.Fatal(err)
		}
		until("it is served again", func() bool { return read(acme.Slug) == nil })
	})
}

// TestFitPatience: the first tenant to be looked at is locked, and its neighbours
// do not wait for that.
func TestFitPatience(t *testing.T) {
	t.Parallel()
	required := tenant.Statements{Tenant: noteStatements.Tenant[:1]}
	eachRelease(t, tenant.Config{Statements: required}, func(t *testing.T, r *release) {
		acme, globex := r.Tenants[0], r.Tenants[1]
		conn := must[*pgx.Conn](t)(pgx.Connect(t.Context(), r.OwnerURL))
		if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE "+acme.Schema()+".notes"); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := one[string](t.Context(), r.bind(t, acme.Slug), bodySQL, int64(1)); err != nil {
				t.Error("the locked one: ", err)
			}
		})
		var waits bool
		for deadline := time.Now().Add(30 * time.Second); !waits && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			if err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))").Scan(&waits); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := one[string](t.Context(), r.bind(t, globex.Slug), bodySQL, int64(1)); err != nil || !waits {
			t.Errorf("the neighbour: %v (waited: %t)", err, waits)
		}
		if err := conn.Close(t.Context()); err != nil { // Unlocks.
			t.Error(err)
		}
		wg.Wait()
	})
}

// TestFitVersionless: without a version each tenant's schema is looked at.
func TestFitVersionless(t *testing.T) {
	t.Parallel()
	r := openRelease(t, tenant.Config{Statements: noteStatements})
	acme, globex := r.Tenants[0], r.Tenants[1]
	for _, to := range []*tenant.Tenant{&acme, &globex} {
		to.Version = ""
		sql := titleSQL
		if to == &acme {
			sql = "SELECT 1"
		}
		if err := r.change(t.Context(), *to, "", sql); err != nil {
			t.Fatal(err)
		}
	}
	_, err := one[string](t.Context(), bind(t, r.server, acme), bodySQL, int64(1))
	wantCode(t, err, tenant.CodeSchema)
	if _, err := one[string](t.Context(), bind(t, r.server, globex), bodySQL, int64(1)); err != nil {
		t.Error(err)
	}
}

// TestFitPublic: of the shared schema only those statements fail that don't fit.
func TestFitPublic(t *testing.T) {
	t.Parallel()
	const bad = "SELECT motto FROM public.tenants"
	eachRelease(t, tenant.Config{Statements: tenant.Statements{Public: []tenant.Statement{
		{Name: "Slugs", SQL: "SELECT slug FROM public.tenants", Columns: []string{"text NOT NULL"}},
		{Name: "Mottos", SQL: bad, Columns: []string{"text"}},
	}}}, func(t *testing.T, r *release) {
		public := r.server.Public()
		if _, err := one[string](t.Context(), public, "SELECT slug FROM public.tenants"); err != nil {
			t.Error(err)
		}
		_, err := one[string](t.Context(), public, bad)
		wantCode(t, err, tenant.CodeSchema)
		if err == nil || !strings.Contains(err.Error(), "the schema public does not fit statement Mottos") {
			t.Error(err)
		}
		err = public.InTx(t.Context(), tenant.TxOptions{}, func(ctx context.Context, tx *tenant.PublicQuerier) error {
			_, err := one[string](ctx, tx, "SELECT slug FROM public.tenants")
			if err != nil {
				t.Error(err)
			}
			_, err = one[string](ctx, tx, bad)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "Mottos") {
			t.Error("in a transaction: ", err)
		}
		if _, err := one[string](t.Context(), r.bind(t, r.Tenants[0].Slug), bodySQL, int64(1)); err != nil {
			t.Error("a tenant: ", err)
		}
		if fits := r.server.Fits(); len(fits["public"]) != 1 {
			t.Errorf("%v", fits)
		}
		conn := must[*pgx.Conn](t)(pgx.Connect(t.Context(), r.OwnerURL))
		defer func() { _ = conn.Close(t.Context()) }()
		if _, err := conn.Exec(t.Context(), "ALTER TABLE public.tenants ADD COLUMN motto text NOT NULL DEFAULT 'onwards'"); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(30 * time.Second); err != nil && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			_, err = one[string](t.Context(), public, bad)
		}
		if err != nil {
			t.Error("after its rollout: ", err)
		}
	})
}

// TestFitRoundTrips: what is asked of a version teaches the statements' types, so
// that even their first use is one round trip, and every other one too.
func TestFitRoundTrips(t *testing.T) {
	t.Parallel()
	for name, config := range modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var w wire
			db := open(t, config)
			config.URL, config.MaxConns = w.proxy(t, db.RuntimeURL), 1
			config.Statements.Tenant = []tenant.Statement{
				{Name: "GetNote", SQL: bodySQL, Columns: []string{"text"}},
				{Name: "Kinds", SQL: "SELECT mood, moods, positive, positives, pair FROM kinds"},
			}
			proxied := must[*tenant.DB](t)(tenant.Open(t.Context(), config))
			t.Cleanup(proxied.Close)
			if _, err := one[string](t.Context(), bind(t, proxied, db.Tenants[0]), bodySQL, int64(1)); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				for _, to := range db.Tenants {
					q := bind(t, proxied, to)
					for _, sql := range []string{bodySQL, "SELECT mood, moods, positive, positives, pair FROM kinds"} {
						w.reset()
						args := []any{int64(1)}[:strings.Count(sql, "$")]
						if _, err := q.Exec(t.Context(), sql, args...); err != nil {
							t.Fatal(err)
						}
						if n := w.count(); n != 1 {
							t.Errorf("%s: %d round trips, want 1", sql, n)
						}
					}
				}
			}
		})
	}
}
