package tenant_test

import (
	"context"
	_ "embed"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

//go:embed testdata/tenant.sql
var tenantSchema string

// open gives a database with two tenants; note 1 of each says whose it is.
func open(t *testing.T, config tenant.Config) *tenanttest.DB {
	t.Helper()
	return tenanttest.New(t, tenanttest.Options{
		Schema:    catalog.Schema{Public: tenanttest.PublicSchema, Tenant: tenantSchema},
		TenantSQL: `INSERT INTO notes (id, body) VALUES (1, pg_catalog.current_schema()); INSERT INTO kinds (id) VALUES (1)`,
		Config:    config,
	})
}

// modes are the two ways of preparing statements.
var modes = map[string]tenant.Config{
	"named":   {},
	"unnamed": {Unnamed: true},
}

func eachMode(t *testing.T, fn func(t *testing.T, db *tenanttest.DB)) {
	t.Helper()
	for name, config := range modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fn(t, open(t, config))
		})
	}
}

func bind(t *testing.T, db *tenant.DB, to tenant.Tenant) *tenant.Querier {
	t.Helper()
	q, err := db.Bind(to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

func one[T any](ctx context.Context, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}, sql string, args ...any,
) (T, error) {
	var v T
	err := q.QueryRow(ctx, sql, args...).Scan(&v)
	return v, err
}

func must[T any](t *testing.T) func(v T, err error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantCode(t *testing.T, err error, want tenant.Code) {
	t.Helper()
	if got := tenant.CodeOf(err); got != want {
		t.Errorf("code %q, want %q: %v", got, want, err)
	}
}
