package fingerprint_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// TestOf holds the three ways to read a schema together.
func TestOf(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	conn, err := pgx.Connect(t.Context(), urls.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "CREATE SCHEMA x; CREATE TABLE x.a (b int DEFAULT 1); COMMENT ON TABLE x.a IS 'Käse'; CREATE VIEW x.v AS SELECT b FROM x.a")
	if err != nil {
		t.Fatal(err)
	}
	states, err := fingerprint.States(t.Context(), conn, []string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := fingerprint.Objects(t.Context(), conn, "x")
	if err != nil || fingerprint.Of(objects) != states["x"].Fingerprint {
		t.Errorf("Of gives %s, want %s: %v", fingerprint.Of(objects), states["x"].Fingerprint, err)
	}
	err = pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "SET LOCAL search_path = x; CREATE TABLE more ()"); err != nil {
			return err
		}
		within, err := fingerprint.ObjectsTx(t.Context(), tx, "x")
		if err != nil {
			return err
		}
		if len(within) <= len(objects) {
			t.Errorf("%d objects within the transaction that has added one, %d before it", len(within), len(objects))
		}
		var path string
		if err := tx.QueryRow(t.Context(), "SHOW search_path").Scan(&path); err != nil || path != "x" {
			t.Errorf("search_path is %q afterwards, %v", path, err)
		}
		return pgx.ErrTxClosed
	})
	if diff := cmp.Diff(pgx.ErrTxClosed.Error(), err.Error()); diff != "" {
		t.Error(diff)
	}
}
