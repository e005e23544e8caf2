package main

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// demoKeys seal what the demo tenants keep.
var demoKeys = func() *keyring.Keyring {
	keys, err := keyring.Parse(keyring.Generate("k1"))
	if err != nil {
		panic(err)
	}
	return keys
}()

// newDemoTenants makes demo tenants in a database of the test.
func newDemoTenants(t *testing.T, slugs ...string) (*tenanttest.DB, []tenant.Tenant) {
	t.Helper()
	db := tenanttest.New(t, tenanttest.Options{Schema: testSchema, Tenants: -1})
	tenants := make([]tenant.Tenant, len(slugs))
	for i, slug := range slugs {
		tenants[i] = addDemoTenant(t, db, slug, slug)
	}
	return db, tenants
}

// addDemoTenant makes a tenant with the demo data of a slug, its own or another.
func addDemoTenant(t *testing.T, db *tenanttest.DB, slug, data string) tenant.Tenant {
	t.Helper()
	of, err := db.Catalog.Create(t.Context(), catalog.CreateParams{
		Slug: slug, Plan: "team",
		Seed: func(ctx context.Context, tx pgx.Tx) error {
			var id string
			if err := tx.QueryRow(ctx, "SELECT id::text FROM public.tenants WHERE slug = $1", slug).Scan(&id); err != nil {
				return err
			}
			of, err := tenant.ParseID(id)
			if err != nil {
				return err
			}
			return seedDemo(ctx, tx, tenant.Tenant{ID: of, Slug: data}, demoKeys)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return of
}

func bind(t *testing.T, db *tenanttest.DB, of tenant.Tenant) *tenantdb.Queries {
	t.Helper()
	q, err := db.DB.Bind(of)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return tenantdb.New(q)
}

func TestDemoTenantsLookLikeCompanies(t *testing.T) {
	t.Parallel()
	slugs := []string{"acme", "globex", "initech"}
	db, tenants := newDemoTenants(t, slugs...)
	atLeast := []int64{5000, 2000, 100}
	for i, slug := range slugs {
		q := bind(t, db, tenants[i])
		var all int64
		if err := q.Querier().QueryRow(t.Context(), "SELECT count(*) FROM findings").Scan(&all); err != nil {
			t.Fatal(err)
		}
		if all < atLeast[i] {
			t.Errorf("%s has %d findings, want at least %d", slug, all, atLeast[i])
		}
		totals, err := q.GetFindingTotals(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if totals.Failing == 0 || totals.Passing < totals.Failing || totals.Total > all {
			t.Errorf("%s: totals %+v of %d findings", slug, totals, all)
		}
		owner, err := q.GetUserByEmail(t.Context(), "Owner@"+slug+".example")
		if err != nil {
			t.Fatal(err)
		}
		may, err := q.UserHasPermission(t.Context(), tenantdb.UserHasPermissionParams{UserID: owner.ID, Permission: tenantdb.PermissionManageUsers})
		if err != nil || !may {
			t.Errorf("%s: the owner may manage users: %v, %v", slug, may, err)
		}
		trend, err := q.ListFindingTrend(t.Context(), 30)
		if err != nil {
			t.Fatal(err)
		}
		days := 0
		for _, day := range trend {
			if day.Failing != nil {
				days++
			}
		}
		if len(trend) != 30 || days < 2 {
			t.Errorf("%s: %d of %d days with a scan, want some of 30", slug, days, len(trend))
		}
	}
}

func TestDemoDataIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	var checks []demoCheck
	for i, severity := range []string{"critical", "high", "medium", "low"} {
		checks = append(checks, demoCheck{ID: "s3_check_" + strconv.Itoa(i), Provider: "aws", Service: "s3", Severity: severity, Title: "Buckets", Categories: "{}"})
	}
	now := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	first, second, other := newDemo("acme", now, checks), newDemo("acme", now, checks), newDemo("globex", now, checks)
	compare := cmp.AllowUnexported(demoTable{})
	if diff := cmp.Diff(first.tables, second.tables, compare); diff != "" {
		t.Errorf("acme differs from itself:\n%s", diff)
	}
	if len(first.findings.rows) == 0 || cmp.Equal(first.findings, other.findings, compare, cmpopts.EquateEmpty()) {
		t.Error("acme and globex have the same findings")
	}
}
