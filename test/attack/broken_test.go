package attack_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// brokenDatabase is a database on which somebody has done by hand what rollouts
// and lint would refuse.
type brokenDatabase struct {
	name   string
	sql    string // {a} and {b} are the tenants' schemas and roles.
	unsafe []int
	brief  bool
}

func brokenDatabases() []brokenDatabase {
	return []brokenDatabase{
		{name: "a function of the owner's without a path of its own", unsafe: []int{19}, brief: true,
			sql: `CREATE FUNCTION {a}.all_of_them() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT 1::bigint'`},
		{name: "tenants may make objects of their own", unsafe: []int{20},
			sql: `GRANT CREATE ON SCHEMA {a} TO {a}`},
		{name: "a tenant may empty its tables at once, past what triggers see", unsafe: []int{23},
			sql: `GRANT TRUNCATE ON ALL TABLES IN SCHEMA {a} TO {a}`},
		{name: "a view on another tenant's table", unsafe: []int{21},
			sql: `CREATE VIEW {a}.their_users AS SELECT * FROM {b}.users`},
		{name: "a foreign key to another tenant's table", unsafe: []int{21},
			sql: `ALTER TABLE {a}.users ADD COLUMN theirs bigint, ADD FOREIGN KEY (theirs) REFERENCES {b}.roles (id)`},
		{name: "a tenant may read another one's tables", unsafe: []int{22},
			sql: `GRANT USAGE ON SCHEMA {b} TO {a}; GRANT SELECT ON ALL TABLES IN SCHEMA {b} TO {a}`},
		{name: "a tenant may read the list of tenants", unsafe: []int{24},
			sql: `GRANT USAGE ON SCHEMA public TO {a}; GRANT SELECT ON public.tenants TO {a}`},
	}
}

func (b brokenDatabase) breakIt(t *testing.T, w *world) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	sql := strings.NewReplacer("{a}", w.Tenants[0].Schema(), "{b}", w.Tenants[1].Schema()).Replace(b.sql)
	if _, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
}
