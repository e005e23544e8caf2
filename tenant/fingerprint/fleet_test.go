package fingerprint_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// counting counts the locks that its transactions hold before they end.
type counting struct {
	pgx.Tx

	t     *testing.T
	pool  *pgxpool.Pool
	locks *[]int
}

func (c counting) Begin(ctx context.Context) (pgx.Tx, error) {
	tx, err := c.pool.Begin(ctx)
	return counting{tx, c.t, c.pool, c.locks}, err
}

func (c counting) Rollback(ctx context.Context) error {
	var n int
	if err := c.Tx.QueryRow(ctx, "SELECT count(*) FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid()").Scan(&n); err != nil {
		c.t.Error(err)
	}
	*c.locks = append(*c.locks, n)
	return c.Tx.Rollback(ctx)
}

// run runs statements in one transaction.
func run(ctx context.Context, pool *pgxpool.Pool, sql string) error {
	_, err := pool.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	return err
}

func must(t *testing.T, pool *pgxpool.Pool, sql string) {
	t.Helper()
	if err := run(t.Context(), pool, sql); err != nil {
		t.Fatalf("%.80s: %v", sql, err)
	}
}

// manyViews is a schema whose views lock every table.
func manyViews() string {
	const tables, views = 10, 10
	var b strings.Builder
	from := make([]string, tables)
	for i := range tables {
		fmt.Fprintf(&b, "CREATE TABLE t%d (id bigint);", i)
		from[i] = fmt.Sprintf("t%d", i)
	}
	for i := range views {
		fmt.Fprintf(&b, "CREATE VIEW v%d AS SELECT t0.id FROM %s;", i, strings.Join(from, ", "))
	}
	return b.String()
}

// TestLocks: PostgreSQL has room for max_locks_per_transaction (64 by default)
// times the number of connections (100), which all share. Reading a fleet must
// leave most of it to others, whatever the schemas hold.
func TestLocks(t *testing.T) {
	t.Parallel()
	const tenants, room = 130, 64 * 100
	urls := tenanttest.Database(t)
	pool := connect(t, urls.OwnerURL)
	names := make([]string, tenants)
	for i := range names {
		names[i] = tenant.NewID().SchemaName()
		must(t, pool, "CREATE SCHEMA "+names[i]+"; SET LOCAL search_path = "+names[i]+";"+manyViews())
	}
	var locks []int
	states, err := fingerprint.States(t.Context(), counting{nil, t, pool, &locks}, names)
	if err != nil || len(states) != tenants {
		t.Fatalf("%d states, %v", len(states), err)
	}
	most := 0
	for _, n := range locks {
		most = max(most, n)
	}
	if len(locks) != 3 || most < tenants || most > room/2 {
		t.Errorf("transactions held %v locks, of %d", locks, room)
	}
}

// TestSettings: what the role, the database or the connection say makes no
// difference.
func TestSettings(t *testing.T) {
	t.Parallel()
	db, pool := service(t)
	name := db.Tenants[0].Schema()
	want := objects(t, pool, name)
	config, err := pgxpool.ParseConfig(db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(config.ConnConfig.RuntimeParams, map[string]string{
		"search_path": name, "quote_all_identifiers": "on", "timezone": "Asia/Tokyo", "datestyle": "German", "intervalstyle": "iso_8601",
		"extra_float_digits": "0", "bytea_output": "escape", "jit": "on", "default_transaction_isolation": "serializable", "standard_conforming_strings": "off",
	})
	odd, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(odd.Close)
	if diff := cmp.Diff(want, objects(t, odd, name)); diff != "" {
		t.Error(diff)
	}
}

// TestPublic: other roles by other names make the same shared schema.
func TestPublic(t *testing.T) {
	t.Parallel()
	one, two := tenanttest.Database(t), tenanttest.Database(t)
	role := "bw_app_" + strings.TrimPrefix(one.Name, "bw_test_")
	super := connect(t, two.SuperURL)
	must(t, super, "CREATE ROLE "+role+" LOGIN NOINHERIT")
	t.Cleanup(func() {
		if err := run(context.WithoutCancel(t.Context()), super, "DROP OWNED BY "+role+"; DROP ROLE "+role); err != nil {
			t.Error(err)
		}
	})
	var all [][]fingerprint.Object
	for url, runtime := range map[string]string{one.OwnerURL: catalog.DefaultRuntimeRole, two.SuperURL: role} {
		c, err := catalog.Open(t.Context(), catalog.Config{URL: url, RuntimeRole: runtime, Schema: catalog.Schema{Public: tenanttest.PublicSchema}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		if err := c.Install(t.Context()); err != nil {
			t.Fatal(err)
		}
		all = append(all, objects(t, connect(t, url), "public"))
	}
	if diff := cmp.Diff(all[0], all[1]); diff != "" {
		t.Error(diff)
	}
	for _, o := range all[0] {
		if o.Kind == "privilege" && o.Name == "table tenants" && !strings.Contains(o.Definition, "$runtime: SELECT") {
			t.Errorf("%+v", o)
		}
	}
}

// TestExtension: an extension is one object, whatever it is made of.
func TestExtension(t *testing.T) {
	t.Parallel()
	pool := connect(t, tenanttest.Database(t).SuperURL)
	name := tenant.NewID().SchemaName()
	must(t, pool, "CREATE SCHEMA "+name)
	before := objects(t, pool, name)
	must(t, pool, "CREATE EXTENSION pg_trgm SCHEMA "+name)
	all := fingerprint.Diff(before, objects(t, pool, name))
	if len(all) != 2 || all[0].Kind != "comment" || all[1].Kind != "extension" || !strings.HasPrefix(all[1].To, "version: ") {
		t.Errorf("%+v", all)
	}
}

// TestWhileOthersWork: schemas that come and go do not fail the reading.
func TestWhileOthersWork(t *testing.T) {
	t.Parallel()
	const rounds = 20
	pool := connect(t, tenanttest.Database(t).OwnerURL)
	stays, goes := tenant.NewID().SchemaName(), tenant.NewID().SchemaName()
	build := func(name string) string {
		return "CREATE SCHEMA " + name + "; SET LOCAL search_path = " + name + ";" + manyViews()
	}
	must(t, pool, build(stays))
	want, err := fingerprint.States(t.Context(), pool, []string{stays})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		var err error
		for range rounds {
			if err == nil {
				err = run(t.Context(), pool, build(goes))
			}
			if err == nil {
				err = run(t.Context(), pool, "DROP SCHEMA "+goes+" CASCADE")
			}
		}
		done <- err
	}()
	for {
		got, err := fingerprint.States(t.Context(), pool, []string{stays, goes})
		if err != nil || got[stays] != want[stays] {
			t.Errorf("%+v, %v", got, err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}
