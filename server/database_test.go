package main

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// execOwner runs one statement as the owner role.
func execOwner(t *testing.T, db *tenanttest.DB, sql string, args ...any) {
	t.Helper()
	execURL(t, db.OwnerURL, sql, args...)
}

func execURL(t *testing.T, url, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// What only a superuser can mend does not stop the service, and is not silent.
func TestDatabaseThatIsNotHardened(t *testing.T) {
	t.Parallel()
	db, is := tenanttest.New(t, tenanttest.Options{Schema: testSchema}), newIssuer(t)
	environ := []string{
		"DATABASE_URL=" + db.RuntimeURL, "BASE_DOMAIN=app.example",
		"ISSUER=" + testIssuer, "AUDIENCE=" + testAudience, "JWKS_URL=" + is.URL,
	}
	for _, hardened := range []bool{true, false} {
		if !hardened {
			execURL(t, db.SuperURL, "GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO PUBLIC")
		}
		s := startService(t, nil, environ)
		s.stop(t)
		if warned := strings.Contains(s.log.String(), "not hardened"); warned == hardened {
			t.Errorf("hardened: %v, log: %s", hardened, s.log.String())
		}
	}
}
