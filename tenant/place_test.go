package tenant_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// TestFollowsRollout: a querier whose version is of before a rollout finds the
// new one by itself, whatever the change makes of its statements.
func TestFollowsRollout(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ change, sql string }{
		"new column":      {"ALTER TABLE notes ADD COLUMN title text NOT NULL DEFAULT 'untitled'", "SELECT title FROM notes WHERE id = 1"},
		"new table":       {"CREATE TABLE tags (name text); INSERT INTO tags VALUES ('red')", "SELECT name FROM tags"},
		"new function":    {"CREATE FUNCTION one() RETURNS text LANGUAGE sql AS 'SELECT ''one''::text'", "SELECT one()"},
		"wider result":    {"ALTER TABLE notes ALTER COLUMN body TYPE varchar(90)", "SELECT body FROM notes WHERE id = 1"},
		"other result":    {"ALTER TABLE notes ADD COLUMN size int", "SELECT (n.*)::text FROM notes AS n WHERE id = 1"},
		"recreated table": {"ALTER TABLE notes RENAME TO old; CREATE TABLE notes AS SELECT * FROM old", "SELECT body FROM notes WHERE id = 1"},
		"new label":       {"ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'", "SELECT mood::text FROM kinds"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachRelease(t, tenant.Config{}, func(t *testing.T, r *release) {
				acme := r.Tenants[0]
				q, tx := r.bind(t, acme.Slug), r.bind(t, acme.Slug)
				for range 2 { // Learned and prepared, where the statement fits already.
					_, _ = one[string](t.Context(), q, c.sql)
				}
				if err := r.change(t.Context(), acme, "v2", c.change+"; "+grants(acme)); err != nil {
					t.Fatal(err)
				}
				runs := 0
				err := tx.InTx(t.Context(), tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
					runs++
					_, err := one[string](ctx, tx, c.sql)
					return err
				})
				if err != nil || runs > 2 {
					t.Errorf("in a transaction: %v, after %d runs", err, runs)
				}
				if _, err := one[string](t.Context(), q, c.sql); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// grants are what a rollout gives the tenant's role on what it makes.
func grants(to tenant.Tenant) string {
	role := tenant.QuoteIdent(to.Schema())
	return "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA " + role + " TO " + role + "; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + role + " TO " + role
}

// TestLeftNull: a column that a statement does not know of is no fault of the
// request, and one that it is given no value for is.
func TestLeftNull(t *testing.T) {
	t.Parallel()
	eachRelease(t, tenant.Config{}, func(t *testing.T, r *release) {
		acme := r.Tenants[0]
		if err := r.change(t.Context(), acme, "v2", "ALTER TABLE links ADD COLUMN owner text NOT NULL"); err != nil {
			t.Fatal(err)
		}
		q := r.bind(t, acme.Slug)
		_, err := q.Exec(t.Context(), "INSERT INTO links (id, kind_id) VALUES ($1, 1)", 1)
		wantCode(t, err, tenant.CodeSchema)
		b := &pgx.Batch{}
		b.Queue("INSERT INTO links (id, kind_id) VALUES ($1, 1)", 1)
		wantCode(t, q.SendBatch(t.Context(), b).Close(), tenant.CodeSchema)
		_, err = q.CopyFrom(t.Context(), pgx.Identifier{"links"}, []string{"id", "kind_id"}, pgx.CopyFromRows([][]any{{1, 1}}))
		wantCode(t, err, tenant.CodeSchema)
		_, err = q.Exec(t.Context(), "INSERT INTO links (id, kind_id, owner) VALUES ($1, 1, NULL)", 1)
		wantCode(t, err, tenant.CodeInvalid)
	})
}

// rolloutSteps are versions between which tenants go to and fro, and which the
// statements below fit, all of them.
var rolloutSteps = [][2]string{
	{"v2", "ALTER TABLE notes ADD COLUMN title text NOT NULL DEFAULT 'untitled'"},
	{"v3", "ALTER TABLE notes ALTER COLUMN body TYPE varchar(200), ADD COLUMN pinned boolean"},
	{"v4", "ALTER TABLE notes DROP COLUMN title, ADD COLUMN title text"},
	{"v5", "ALTER TABLE notes DROP COLUMN title, DROP COLUMN pinned, ALTER COLUMN body TYPE text"},
}

// TestRolloutUnderLoad changes tenants one after the other, over and over, while
// requests run with versions that may be of before: none of them fails, and none
// reads another tenant's row.
func TestRolloutUnderLoad(t *testing.T) {
	t.Parallel()
	eachRelease(t, underLoad, rolloutUnderLoad)
}

// TestRolloutThroughPooler is the same where server connections are shared.
func TestRolloutThroughPooler(t *testing.T) {
	t.Parallel()
	r := openRelease(t, underLoad)
	r.server = through(t, pgbouncer(t, r.RuntimeURL), r.RuntimeURL, tenant.Config{
		Statements: underLoad.Statements,
		Locate:     func(ctx context.Context, to tenant.Tenant) (tenant.Tenant, error) { return r.resolver.Locate(ctx, to) },
	})
	rolloutUnderLoad(t, r)
}

var underLoad = tenant.Config{Statements: tenant.Statements{Tenant: []tenant.Statement{
	{Name: "GetBody", SQL: bodySQL, Params: []string{"int8"}, Columns: []string{"text NOT NULL"}},
	{Name: "ListNotes", SQL: "SELECT n.id, n.body FROM notes AS n ORDER BY n.id", Columns: []string{"int8 NOT NULL", "text NOT NULL"}},
	{Name: "TouchNote", SQL: "UPDATE notes SET body = body WHERE id = $1 RETURNING body", Columns: []string{"text NOT NULL"}},
}}}

func rolloutUnderLoad(t *testing.T, r *release) {
	t.Helper()
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	var stop atomic.Bool
	var served atomic.Int64
	var wg sync.WaitGroup
	for client := range 4 {
		wg.Go(func() {
			for n := 0; !stop.Load(); n++ {
				to := r.Tenants[(client+n)%len(r.Tenants)]
				if err := requestDuring(t.Context(), r, to, n); err != nil {
					t.Errorf("client %d, request %d: %v", client, n, err)
					return
				}
				served.Add(1)
			}
		})
	}
	for n := range rounds * len(rolloutSteps) {
		step := rolloutSteps[n%len(rolloutSteps)]
		for _, to := range r.Tenants {
			if err := r.change(t.Context(), to, step[0], step[1]); err != nil {
				t.Error(err)
			}
		}
	}
	stop.Store(true)
	wg.Wait()
	t.Logf("%d requests served", served.Load())
}

// requestDuring reads and writes what is the tenant's own, in one of several ways.
func requestDuring(ctx context.Context, r *release, to tenant.Tenant, n int) error {
	resolved, err := r.resolver.Route(ctx, tenant.Name{Slug: to.Slug})
	if err != nil {
		return err
	}
	q, err := r.server.Bind(resolved.Tenant)
	if err != nil {
		return err
	}
	defer q.Close()
	body := ""
	switch n % 4 {
	case 0:
		body, err = one[string](ctx, q, bodySQL, int64(1))
	case 1:
		body, err = one[string](ctx, q, "UPDATE notes SET body = body WHERE id = $1 RETURNING body", int64(1))
	case 2:
		err = q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
			if _, err := tx.Exec(ctx, "UPDATE notes SET body = body WHERE id = $1 RETURNING body", int64(1)); err != nil {
				return err
			}
			body, err = one[string](ctx, tx, bodySQL, int64(1))
			return err
		})
	case 3:
		var id int64
		err = q.QueryRow(ctx, "SELECT n.id, n.body FROM notes AS n ORDER BY n.id").Scan(&id, &body)
	}
	if err == nil && body != to.Schema() {
		return fmt.Errorf("tenant %s reads %q", to.Schema(), body)
	}
	return err
}
