package tenanttest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

const notes = `CREATE TABLE notes (
	id   bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT notes_pkey PRIMARY KEY,
	body text   NOT NULL
);`

func TestNew(t *testing.T) {
	t.Parallel()
	for range 3 {
		t.Run("clone", func(t *testing.T) {
			t.Parallel()
			db := tenanttest.New(t, tenanttest.Options{
				Schema:    catalog.Schema{Tenant: notes},
				TenantSQL: "INSERT INTO notes (body) VALUES (current_schema())",
			})
			var got, want, slugs []string
			for i, tn := range db.Tenants {
				q := db.Bind(t, i)
				if _, err := q.Exec(t.Context(), "INSERT INTO notes (body) VALUES ($1)", tn.Slug); err != nil {
					t.Fatal(err)
				}
				rows, err := q.Query(t.Context(), "SELECT body FROM notes ORDER BY id")
				if err != nil {
					t.Fatal(err)
				}
				bodies, err := pgx.CollectRows(rows, pgx.RowTo[string])
				if err != nil {
					t.Fatal(err)
				}
				got, want = append(got, bodies...), append(want, tn.Schema(), tn.Slug)
				slugs = append(slugs, tn.Slug)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"acme", "globex"}, slugs); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNumberOfTenants(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ tenants, want int }{{-1, 0}, {1, 1}, {4, 4}} {
		db := tenanttest.New(t, tenanttest.Options{Tenants: c.tenants})
		if len(db.Tenants) != c.want {
			t.Errorf("%d tenants, want %d", len(db.Tenants), c.want)
		}
		records, err := db.Catalog.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(records) != c.want {
			t.Errorf("%d tenants in the registry, want %d", len(records), c.want)
		}
	}
}

// TestDropped looks for a database after its test.
func TestDropped(t *testing.T) { //nolint:tparallel // It looks at what its subtests leave.
	t.Parallel()
	outer := tenanttest.Database(t)
	var inner tenanttest.URLs
	t.Run("inner", func(t *testing.T) { inner = tenanttest.New(t, tenanttest.Options{}).URLs })
	conn, err := pgx.Connect(t.Context(), outer.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	var left int
	err = conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_database WHERE datname = $1", inner.Name).Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("%d databases left, %v", left, err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDatabase(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	for _, c := range []struct {
		url, sql string
		allowed  bool
	}{
		{urls.OwnerURL, "CREATE SCHEMA s", true},
		{urls.OwnerURL, "CREATE TABLE public.t ()", true},
		{urls.RuntimeURL, "CREATE SCHEMA r", false},
		{urls.RuntimeURL, "CREATE TABLE public.r ()", false},
		{urls.RuntimeURL, "CREATE TEMP TABLE r ()", false},
		{urls.RuntimeURL, "SELECT 1", true},
	} {
		conn, err := pgx.Connect(t.Context(), c.url)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), c.sql); (err == nil) != c.allowed {
			t.Errorf("%s: %v", c.sql, err)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		b.Run("", func(b *testing.B) { tenanttest.New(b, tenanttest.Options{Schema: catalog.Schema{Tenant: notes}}) })
	}
}
