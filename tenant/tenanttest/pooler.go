package tenanttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// poolerPatience is how long PgBouncer may take to listen.
const poolerPatience = 10 * time.Second

// PgBouncer starts PgBouncer in transaction mode with so many server connections
// per database and role, in front of the server of a connection string, and returns
// its address, host and port. It knows the role of that string and lets it in
// without a password or TLS. It ends with the test. The binary is not part of
// PostgreSQL: without it the test is left out, but not in CI.
func PgBouncer(t testing.TB, target string, connections int) string {
	t.Helper()
	binary, err := exec.LookPath("pgbouncer")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI has to install pgbouncer: ", err)
		}
		t.Skip("install pgbouncer to run this test: ", err)
	}
	address := freeAddress(t)
	args := []string{poolerConfig(t, target, address, connections)}
	if os.Getuid() == 0 { // PgBouncer refuses to run as root.
		args = append([]string{"-u", "nobody"}, args...)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, args...)
	cmd.Stderr = &testWriter{t: t}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // It was told to end.
	})
	awaitListener(t, address.String())
	return address.String()
}

// freeAddress is one on which nobody listens at the moment.
func freeAddress(t testing.TB) *net.TCPAddr {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if err := listener.Close(); err != nil || !ok {
		t.Fatal(err)
	}
	return address
}

// poolerConfig writes PgBouncer's files, which another user may have to read.
func poolerConfig(t testing.TB, target string, address *net.TCPAddr, connections int) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	dir, err := os.MkdirTemp("", "bailiwick-pgbouncer-") //nolint:usetesting // t.TempDir's is closed to other users.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	users, config := filepath.Join(dir, "users"), filepath.Join(dir, "config")
	err = os.Chmod(dir, 0o755) //nolint:gosec // As above.
	for path, text := range map[string]string{
		users: fmt.Sprintf("%q %q\n", u.User.Username(), password),
		config: fmt.Sprintf(`[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = %d
max_client_conn = 100
server_login_retry = 0
query_wait_timeout = 30
`, u.Hostname(), u.Port(), address.Port, users, connections),
	} {
		err = errors.Join(err, os.WriteFile(path, []byte(text), 0o644)) //nolint:gosec // As above. The password is a test's.
	}
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func awaitListener(t testing.TB, address string) {
	t.Helper()
	for deadline := time.Now().Add(poolerPatience); ; time.Sleep(20 * time.Millisecond) {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody listens: ", err)
		}
	}
}

// testWriter keeps what a process says for a failing test.
type testWriter struct {
	t    testing.TB
	mu   sync.Mutex
	said []byte
}

// Write implements io.Writer.
func (w *testWriter) Write(p []byte) (int, error) {
	const kept = 4000
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.said == nil {
		w.t.Cleanup(func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.t.Failed() {
				w.t.Logf("it said: %s", w.said[max(0, len(w.said)-kept):])
			}
		})
	}
	w.said = append(w.said, p...)
	return len(p), nil
}
