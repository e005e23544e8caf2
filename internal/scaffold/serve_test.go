package scaffold_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// patience bounds what should take a second or two.
const patience = time.Minute

// running is a server that a test has started.
type running struct {
	cmd    *exec.Cmd
	stdout *bufio.Reader
	log    *strings.Builder
	logged chan struct{}
	kill   *time.Timer
}

// start starts the project's server on a free port.
func (p newProject) start(t *testing.T, server string, settings ...string) *running {
	t.Helper()
	// Not bound to the test's context, which would kill it before it is told to stop.
	cmd := p.command(context.WithoutCancel(t.Context()), server)
	cmd.Env = append(cmd.Env, append(settings, "LOG_FORMAT=json")...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &running{cmd: cmd, stdout: bufio.NewReader(stdout), log: &strings.Builder{}, logged: make(chan struct{})}
	r.kill = time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	go func() {
		defer close(r.logged)
		_, _ = io.Copy(r.log, stderr)
	}()
	return r
}

// stop tells the server to stop, and wants it to end well.
func (r *running) stop(t *testing.T) {
	t.Helper()
	defer r.kill.Stop()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	<-r.logged
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v:\n%s", err, r.log)
	}
}

var announced = regexp.MustCompile(`^\s+(url|token)\s+(\S+)`)

// tenants reads the addresses of the demo tenants and their tokens.
func (r *running) tenants(t *testing.T, n int) (urls, tokens []string) {
	t.Helper()
	var text strings.Builder
	for len(tokens) < n {
		line, err := r.stdout.ReadString('\n')
		text.WriteString(line)
		if err != nil {
			t.Fatalf("%v after:\n%s", err, text.String())
		}
		if m := announced.FindStringSubmatch(line); m != nil && m[1] == "url" {
			urls = append(urls, m[2])
		} else if m != nil {
			tokens = append(tokens, m[2])
		}
	}
	go func() { _, _ = io.Copy(io.Discard, r.stdout) }()
	return urls, tokens
}

// serve calls the server that brings its own database, as its output says.
func (p newProject) serve(t *testing.T, server string) {
	t.Helper()
	r := p.start(t, server, "ADDR=127.0.0.1:0", "PORT=", "BAILIWICK_CACHE_DIR="+reachable(t))
	defer r.stop(t)
	urls, tokens := r.tenants(t, 2)
	for i := range urls {
		status, page := call(t, urls[i]+"/v1/notes?limit=1", tokens[i])
		items, _ := page["items"].([]any)
		if status != http.StatusOK || len(items) != 1 || page["next_cursor"] == nil {
			t.Errorf("%s: %d %v", urls[i], status, page)
		}
		if status, page := call(t, urls[i]+"/v1/notes", tokens[1-i]); status != http.StatusForbidden {
			t.Errorf("%s with the other's token: %d %v", urls[i], status, page)
		}
	}
	if status, _ := call(t, urls[0]+"/v1/templates", ""); status != http.StatusOK {
		t.Errorf("templates: %d", status)
	}
}

// reachable is a folder that PostgreSQL reaches when root's tests start it as
// another user, and which has a short name, for its socket.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// call sends a GET request as if DNS led every name to this machine.
func call(t *testing.T, address, token string) (int, map[string]any) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	host := u.Host
	u.Host = net.JoinHostPort("127.0.0.1", u.Port())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := (&http.Client{Timeout: patience}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	decoded := json.NewDecoder(answer.Body).Decode(&body)
	if err := answer.Body.Close(); err != nil || decoded != nil {
		t.Fatal(err, decoded)
	}
	return answer.StatusCode, body
}

// cloudSQL starts the server as deploy/cloudrun.yaml does: with the port, the
// variables and the secrets, and the database behind a Unix socket whose folder
// has the instance's name. Then it is asked what the probes ask.
func (p newProject) cloudSQL(t *testing.T, server string) {
	t.Helper()
	db := tenanttest.New(t, tenanttest.Options{})
	instance, err := devpg.Start(t.Context(), devpg.Options{Name: devpg.Test})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := instance.Close(); err != nil {
			t.Error(err)
		}
	})
	socket := filepath.Join(reachable(t), "PROJECT:REGION:INSTANCE")
	if err := os.Symlink(instance.SocketDir(), socket); err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{"DATABASE_URL": overSocket(t, db.RuntimeURL, socket), "SECRET_KEYS": keyring.Generate("k1")}
	settings := []string{"ADDR=127.0.0.1:8080", "PORT=" + freePort(t)}
	c := p.description(t).Spec.Template.Spec.Containers[0]
	for _, v := range c.Env {
		if secret := v.ValueFrom.SecretKeyRef.Name; secret != "" {
			v.Value = secrets[v.Name]
		}
		settings = append(settings, v.Name+"="+v.Value)
	}
	defer p.start(t, server, settings...).stop(t)
	address := "http://127.0.0.1:" + strings.TrimPrefix(settings[1], "PORT=")
	waitFor(t, address)
	for _, path := range []string{c.StartupProbe.HTTPGet.Path, c.LivenessProbe.HTTPGet.Path} {
		if status, _ := call(t, address+path, ""); status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// overSocket is a URL of the form that deploy/cloudrun.yaml shows.
func overSocket(t *testing.T, text, socket string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	query := url.Values{"host": {socket}, "port": {u.Port()}}
	u.Host, u.RawQuery = "", query.Encode()
	return u.String()
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if closed := l.Close(); err != nil || closed != nil {
		t.Fatal(err, closed)
	}
	return port
}

// waitFor waits until a server listens.
func waitFor(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	host := strings.TrimPrefix(address, "http://")
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
		if err == nil {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no server at %s: %v", address, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
