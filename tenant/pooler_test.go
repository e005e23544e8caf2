package tenant_test

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// pgbouncer starts PgBouncer with one server connection per database.
func pgbouncer(t *testing.T, target string) string {
	t.Helper()
	return tenanttest.PgBouncer(t, target, 1)
}

// through opens the database of the URL by way of the pooler.
func through(t *testing.T, pooler, target string, config tenant.Config) *tenant.DB {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = pooler
	query := u.Query()
	query.Set("sslmode", "disable")
	u.RawQuery = query.Encode()
	config.URL, config.Unnamed = u.String(), true
	db, err := tenant.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func TestIsolationThroughPooler(t *testing.T) { //nolint:tparallel // See below.
	t.Parallel()
	pooler := pgbouncer(t, tenanttest.Database(t).RuntimeURL)
	// The suite's subtests are parallel and must end before the pooler does.
	t.Run("pgbouncer", func(t *testing.T) {
		tenanttest.Isolation(t, tenant.Config{}, ways, func(t *testing.T, db *tenanttest.DB, config tenant.Config) *tenant.DB {
			t.Helper()
			return through(t, pooler, db.RuntimeURL, config)
		})
	})
}

// Attack 17: tenants interleave on the pooler's one server connection, singly
// and in transactions, and no row is ever another tenant's.
func TestPoolerInterleaving(t *testing.T) {
	t.Parallel()
	queries := 100_000
	if testing.Short() {
		queries = 5_000
	}
	const clients = 8
	direct := open(t, tenant.Config{})
	db := through(t, pgbouncer(t, direct.RuntimeURL), direct.RuntimeURL, tenant.Config{MaxConns: clients})
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for n := range queries / clients {
				to := direct.Tenants[(client+n)%len(direct.Tenants)]
				if err := readOwn(t.Context(), db, to, n%50 == 0); err != nil {
					t.Errorf("client %d, query %s: %v", client, strconv.Itoa(n), err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func readOwn(ctx context.Context, db *tenant.DB, to tenant.Tenant, inTx bool) error {
	q, err := db.Bind(to)
	if err != nil {
		return err
	}
	defer q.Close()
	read := func(ctx context.Context, q *tenant.Querier) error {
		got, err := one[string](ctx, q, "SELECT body FROM notes WHERE id = $1", int64(1))
		if err == nil && got != to.Schema() {
			return fmt.Errorf("tenant %s reads %s", to.Schema(), got)
		}
		return err
	}
	if inTx {
		return q.InTx(ctx, tenant.TxOptions{}, read)
	}
	return read(ctx, q)
}
