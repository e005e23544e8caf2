// Package live starts the reference service for a test as a person does: its
// binary, with nothing set, on a database of its own in a folder of its own.
// What it learns is what the service prints.
//
// It imports the standard library only; it may be used by tests alone.
package live

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long the service may take to make its database and tenants.
const patience = 2 * time.Minute

// Tenant is a demo tenant as the service prints it.
type Tenant struct {
	// URL is where its API is, without a slash at the end.
	URL string
	// Token is one of its owner.
	Token string
}

// Service is a running service.
type Service struct {
	// Tenants are by their slug: acme and globex.
	Tenants map[string]Tenant
}

// Start builds the service and runs it until the test ends. Further settings
// are NAME=value.
func Start(t testing.TB, settings ...string) *Service {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "server")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/bailiwick-dev/bailiwick/server")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the service: %v\n%s", err, out)
	}
	out := &output{grown: make(chan struct{}, 1)}
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Env = append(environ(), "BAILIWICK_CACHE_DIR="+cache(t), "ADDR=127.0.0.1:0")
	cmd.Env = append(cmd.Env, settings...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	if err := cmd.Start(); err != nil {
		t.Fatalf("start the service: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Errorf("the service ended: %v", err)
		}
	}()
	t.Cleanup(func() { // The test's context has ended, which interrupts the service.
		<-ended
		if t.Failed() {
			t.Logf("the service wrote:\n%s", out)
		}
	})
	return &Service{Tenants: wait(t, out, ended)}
}

// environ is the test's own, without what would lead to a developer's database.
func environ() []string {
	var kept []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if name != "PORT" && name != "DATABASE_URL" && name != "DATABASE_OWNER_URL" {
			kept = append(kept, entry)
		}
	}
	return kept
}

// cache is a folder that PostgreSQL can enter, which may run as another user.
// Its name is short, for a socket's is bounded.
func cache(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bw") //nolint:usetesting // t.TempDir's is closed to other users.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove(t, dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // As above.
		t.Fatal(err)
	}
	return dir
}

// remove waits for PostgreSQL, which ends a moment after its last user.
func remove(t testing.TB, dir string) {
	t.Helper()
	const attempts, pause = 100, 100 * time.Millisecond
	var err error
	for range attempts {
		running, globErr := filepath.Glob(filepath.Join(dir, "*", "*", "*", "postmaster.pid"))
		if globErr != nil {
			t.Fatal(globErr)
		}
		if len(running) == 0 {
			if err = os.RemoveAll(dir); err == nil {
				return
			}
		}
		time.Sleep(pause)
	}
	t.Errorf("the service left something running in %s: %v", dir, err)
}

var printed = regexp.MustCompile(`(?m)^(\S+)\n  url +(\S+)\n  token +(\S+)$`)

// wait reads what the service prints once it serves.
func wait(t testing.TB, out *output, ended <-chan struct{}) map[string]Tenant {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if text := out.String(); strings.Contains(text, "Ctrl-C stops") {
			tenants := map[string]Tenant{}
			for _, m := range printed.FindAllStringSubmatch(text, -1) {
				tenants[m[1]] = Tenant{URL: m[2], Token: m[3]}
			}
			if len(tenants) == 0 {
				t.Fatalf("the service printed no tenant:\n%s", text)
			}
			return tenants
		}
		select {
		case <-out.grown:
		case <-ended:
			t.Fatalf("the service ended early:\n%s", out)
		case <-ctx.Done():
			t.Fatalf("the service is not ready after %s:\n%s", patience, out)
		}
	}
}

// output gathers what the service writes, and tells when there is more.
type output struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	grown chan struct{}
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.grown <- struct{}{}:
	default:
	}
	return o.buf.Write(p)
}

// String implements fmt.Stringer.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Client returns an HTTP client for which every name below localhost is the
// loopback interface, as it is for browsers. Not every system's resolver agrees.
func Client() *http.Client {
	dialer := &net.Dialer{}
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
				address = net.JoinHostPort("127.0.0.1", port)
			}
			return dialer.DialContext(ctx, network, address)
		},
	}}
}
