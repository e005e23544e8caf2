package atlas_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), tenanttest.New(t, tenanttest.Options{Tenants: -1}).OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}

func TestDiffSmoke(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	for _, sql := range []string{
		"CREATE SCHEMA a", "CREATE SCHEMA b",
		"CREATE TYPE a.color AS ENUM ('red'); CREATE TYPE b.color AS ENUM ('red', 'blue')",
		"CREATE TABLE a.t (id bigint PRIMARY KEY, c a.color)",
		"CREATE TABLE b.t (id bigint PRIMARY KEY, c b.color DEFAULT 'blue', d numeric(5,2)); CREATE INDEX t_d ON b.t (d)",
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	c, err := atlas.Diff(t.Context(), conn, "a", conn, "b", atlas.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Statements {
		t.Logf("%+v", s)
	}
}
