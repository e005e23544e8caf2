package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// pgbouncer starts PgBouncer in transaction mode with one server connection per
// database, in front of the server of the given URL, and returns its address.
// The binary is not part of PostgreSQL: without it the test is left out, but not
// in CI.
func pgbouncer(t *testing.T, target string) string {
	t.Helper()
	binary, err := exec.LookPath("pgbouncer")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI has to install pgbouncer: ", err)
		}
		t.Skip("install pgbouncer to run this test: ", err)
	}
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "bailiwick-pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	users, config := filepath.Join(dir, "users"), filepath.Join(dir, "config")
	write(t, users, fmt.Sprintf("%q %q\n", u.User.Username(), password))
	write(t, config, fmt.Sprintf(`[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = 1
max_client_conn = 100
server_login_retry = 0
query_wait_timeout = 30
`, u.Hostname(), u.Port(), address.Port, users))
	args := []string{config}
	if os.Getuid() == 0 { // PgBouncer refuses to run as root.
		if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(users, 0o644)); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"-u", "nobody"}, args...)
	}
	cmd := exec.Command(binary, args...)
	cmd.Stderr = &testWriter{t: t}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address.String())
		if err == nil {
			_ = conn.Close()
			return address.String()
		}
		if time.Now().After(deadline) {
			t.Fatal("pgbouncer does not listen: ", err)
		}
	}
}

// testWriter keeps what a process says for a failing test.
type testWriter struct {
	t    *testing.T
	mu   sync.Mutex
	said []byte
}

func (w *testWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.said == nil {
		w.t.Cleanup(func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.t.Failed() {
				w.t.Logf("pgbouncer: %s", w.said[max(0, len(w.said)-4000):])
			}
		})
	}
	w.said = append(w.said, p...)
	return len(p), nil
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
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
