package doctor_test

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/doctor"
)

// TestPooler looks through PgBouncer in each of its modes. Debian's 1.18 carries
// no prepared statements; from 1.21 on max_prepared_statements makes it.
func TestPooler(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		mode    string
		size    int
		unnamed bool
		status  doctor.Status
		text    string
	}{
		{"transaction", 1, false, doctor.Fail, "does not carry prepared statements"},
		{"transaction", 3, false, doctor.Fail, "does not carry prepared statements"},
		{"transaction", 1, true, doctor.OK, "and DATABASE_UNNAMED is set"},
		{"session", 4, false, doctor.OK, "session mode"},
		{"session", 1, false, doctor.OK, "session mode"},
		{"statement", 2, false, doctor.Fail, "statement mode cannot hold"},
	} {
		o := doctor.Options{URL: throughPgBouncer(t, w.options.URL, c.mode, c.size), Unnamed: c.unnamed, MaxConns: 8}
		var found *doctor.Finding
		for _, f := range doctor.Run(t.Context(), o) {
			if f.Check == "pooler" {
				found = &f
			}
		}
		if found == nil || found.Status != c.status || !strings.Contains(found.Message, c.text) {
			t.Errorf("%s, %d connections, unnamed %t: %+v", c.mode, c.size, c.unnamed, found)
		}
	}
	w.options.Unnamed = true
	if found := bad(w.run()); len(found) != 1 || found[0].Check != "pooler" || !strings.Contains(found[0].Mend, "unset DATABASE_UNNAMED") {
		t.Errorf("unnamed without a pooler: %+v", found)
	}
}

// throughPgBouncer starts a pooler in front of a database, and gives the
// connection string that leads through it. Without the binary the test is left
// out, but not in CI.
func throughPgBouncer(t *testing.T, target, mode string, size int) string {
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
	dir, err := os.MkdirTemp("", "bailiwick-doctor-") // not t.TempDir: the pooler's account must enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	address := freeAddress(t)
	password, _ := u.User.Password()
	users, config := filepath.Join(dir, "users"), filepath.Join(dir, "config")
	err = errors.Join(
		os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", u.User.Username(), password), 0o644),
		os.WriteFile(config, fmt.Appendf(nil, "[databases]\n* = host=%s port=%s\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\n"+
			"unix_socket_dir =\nauth_type = trust\nauth_file = %s\npool_mode = %s\ndefault_pool_size = %d\n",
			u.Hostname(), u.Port(), address.Port, users, mode, size), 0o644),
		os.Chmod(dir, 0o755),
	)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{config}
	if os.Getuid() == 0 { // PgBouncer refuses to run as root.
		args = []string{"-u", "nobody", config}
	}
	cmd := exec.Command(binary, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address.String()); err == nil {
			_ = conn.Close()
			u.Host = address.String()
			return u.String()
		}
		if time.Now().After(deadline) {
			t.Fatal("pgbouncer does not listen")
		}
	}
}

func freeAddress(t *testing.T) *net.TCPAddr {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr)
}
