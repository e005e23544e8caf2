package fingerprint_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// service is the reference service's database, with two tenants.
func service(t *testing.T) (*tenanttest.DB, *pgxpool.Pool) {
	t.Helper()
	db := tenanttest.New(t, tenanttest.Options{Schema: catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, Seed: schema.Seed}})
	return db, connect(t, db.OwnerURL)
}

func connect(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func objects(t *testing.T, q fingerprint.Querier, name string) []fingerprint.Object {
	t.Helper()
	all, err := fingerprint.Objects(t.Context(), q, name)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTenantsAreEqual(t *testing.T) {
	t.Parallel()
	db, pool := service(t)
	one, two := db.Tenants[0].Schema(), db.Tenants[1].Schema()
	states, err := fingerprint.States(t.Context(), pool, []string{one, two, "public", "t_00000000000000000000000000000000"})
	if err != nil {
		t.Fatal(err)
	}
	if len(states) != 3 || states[one].Fingerprint != states[two].Fingerprint || states[one].Order != states[two].Order {
		t.Errorf("states: %+v\n%s", states, cmp.Diff(objects(t, pool, one), objects(t, pool, two)))
	}
	for _, name := range []string{one, "public"} {
		all := objects(t, pool, name)
		if want := hash(all); states[name].Fingerprint != want || states[name].Objects != len(all) {
			t.Errorf("state %+v, but its %d objects make %s", states[name], len(all), want)
		}
		for _, o := range all {
			if o.Definition == "" || strings.Contains(o.Name+o.Definition, one) {
				t.Errorf("%s %s: %q", o.Kind, o.Name, o.Definition)
			}
		}
	}
	fleet, err := fingerprint.Fleet(t.Context(), pool, []string{one, two, "public"}, 2, nil)
	if diff := cmp.Diff(states, fleet); diff != "" || err != nil {
		t.Errorf("fleet: %v\n%s", err, diff)
	}
	err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return settled(t.Context(), t, tx, one, states[one])
	})
	if err != nil {
		t.Error(err)
	}
}

// settled checks that OfTx leaves the transaction as it was.
func settled(ctx context.Context, t *testing.T, tx pgx.Tx, name string, want fingerprint.State) error {
	t.Helper()
	const path = "pg_catalog, pg_temp"
	if _, err := tx.Exec(ctx, "SET LOCAL search_path = "+path); err != nil {
		return err
	}
	got, err := fingerprint.OfTx(ctx, tx, name)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("OfTx: %v\n%s", err, diff)
	}
	var now string
	if err := tx.QueryRow(ctx, "SHOW search_path").Scan(&now); err != nil || now != path {
		t.Errorf("search_path %q, %v", now, err)
	}
	return nil
}

func hash(all []fingerprint.Object) string {
	rows := make([]string, len(all))
	for i, o := range all {
		rows[i] = string(o.Kind) + "\x1f" + o.Name + "\x1f" + o.Definition
	}
	sum := sha256.Sum256([]byte(strings.Join(rows, "\x1e")))
	return "f1-" + hex.EncodeToString(sum[:16])
}
