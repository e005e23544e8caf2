package plan_test

import (
	"context"
	"flag"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint/fingerprinttest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// TestKindsOfDrift meets every kind of change that a tenant can have undergone
// behind the tool's back: it plans the way back, or refuses it by name.
func TestKindsOfDrift(t *testing.T) {
	t.Parallel()
	url := tenanttest.Database(t).SuperURL
	conn := connect(t, url)
	base := drifted(t, conn, fingerprinttest.Base)
	kinds := fingerprinttest.Kinds(15)
	var states [][]fingerprint.Object
	kinds = sample(kinds)
	for _, k := range kinds {
		states = append(states, drifted(t, conn, fingerprinttest.Base+k.Base+";"+k.Change))
	}
	plans, err := plan.Repair(t.Context(), plan.Input{URL: url}, base, states)
	if err != nil {
		t.Fatal(err)
	}
	planned := 0
	for i, p := range plans {
		k := kinds[i]
		switch {
		case k.OrderOnly:
		case p.Certified() && len(p.Steps) > 0:
			planned++
		case p.Certified():
			t.Errorf("%s: an empty plan", k.Name)
		default:
			_, name, _ := strings.Cut(k.Object, " ")
			if text := strings.Join(p.Refused, "\n"); !strings.Contains(text, strings.Fields(name)[0]) {
				t.Errorf("%s: the refusal does not name %s: %s", k.Name, k.Object, text)
			}
		}
	}
	if planned < len(kinds)/2 {
		t.Errorf("%d of %d kinds are planned, want most", planned, len(kinds))
	}
}

// every tells which kinds are tried: all of them with -kinds=1.
var every = flag.Int("kinds", 8, "try one kind of drift of so many")

func sample(kinds []fingerprinttest.Kind) (some []fingerprinttest.Kind) {
	for i := 0; i < len(kinds); i += max(*every, 1) {
		some = append(some, kinds[i])
	}
	return some
}

// drifted tells what a tenant's schema is made of after some statements, which
// are undone.
func drifted(t *testing.T, conn *pgx.Conn, statements string) (objects []fingerprint.Object) {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	name := tenant.NewID().SchemaName()
	_, err = conn.PgConn().Exec(t.Context(), "CREATE ROLE "+name+" NOLOGIN; CREATE SCHEMA "+name+"; SET LOCAL search_path = "+name+", pg_temp;"+
		fingerprinttest.For(name, statements)).ReadAll()
	if err == nil {
		objects, err = fingerprint.ObjectsTx(t.Context(), tx, name)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, statements[len(statements)-min(len(statements), 300):])
	}
	if err := tx.Rollback(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	return objects
}
