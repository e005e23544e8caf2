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
	sql    string // {a} and {b} are the tenants' schemas and roles, {runtime} is the runtime role.
	super  bool   // The superuser does it, and not the owner.
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
		{name: "the runtime role may read tables without becoming their tenant", unsafe: []int{22},
			sql: `GRANT USAGE ON SCHEMA {a} TO {runtime}; GRANT SELECT ON ALL TABLES IN SCHEMA {a} TO {runtime}`},
		{name: "what hardening has taken away is given back", unsafe: []int{15, 20, 27}, super: true,
			sql: `GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean), pg_catalog.pg_notify(text, text) TO PUBLIC;
				DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC', current_database()); END $$`},
		{name: "neither slugs nor what looks like them need be unique", unsafe: []int{31},
			sql: `ALTER TABLE public.tenants DROP CONSTRAINT tenants_slug_key; ALTER TABLE bailiwick.tenants DROP CONSTRAINT tenants_skeleton_key`},
		{name: "a tenant may read the list of tenants", unsafe: []int{24},
			sql: `GRANT USAGE ON SCHEMA public TO {a}; GRANT SELECT ON public.tenants TO {a}`},
	}
}

func (b brokenDatabase) breakIt(t *testing.T, w *world) {
	t.Helper()
	url := w.OwnerURL
	if b.super {
		url = w.SuperURL
	}
	runtime, err := pgx.ParseConfig(w.RuntimeURL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	sql := strings.NewReplacer("{a}", w.Tenants[0].Schema(), "{b}", w.Tenants[1].Schema(), "{runtime}", runtime.User).Replace(b.sql)
	if _, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
}
