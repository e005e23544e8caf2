package routing_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// page is where the settings and the Caddyfile come from that are tried.
const page = "../../docs/tasks/custom-domains.md"

// documented reads how the page starts the service, and its Caddyfile.
func documented(t *testing.T) (settings []string, caddyfile string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	file := regexp.MustCompile("(?s)```text file=Caddyfile\n(.*?)```").FindSubmatch(text)
	line := regexp.MustCompile(`(?m)^(\S+=.*) go run \./server$`).FindSubmatch(text)
	if file == nil || line == nil {
		t.Fatalf("%s has no Caddyfile, or no line that starts the service", page)
	}
	return strings.Fields(string(line[1])), string(file[1])
}

// replaced puts other texts in place of those that must be there.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%s has no %q any more:\n%s", page, pairs[i], text)
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

// proxy is Caddy with the page's file. Its authority is one of its own: it asks
// nobody outside of this machine.
type proxy struct {
	address string
	roots   *x509.CertPool
	log     *servicetest.Output
}

// startCaddy starts Caddy without any certificate. It ends with the test, which is
// left out where there is no Caddy, but not in CI.
func startCaddy(t *testing.T, caddyfile string) *proxy {
	t.Helper()
	binary, err := exec.LookPath("caddy")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI has to install caddy: ", err)
		}
		t.Skip("install caddy to run this test: ", err)
	}
	dir := t.TempDir()
	p := &proxy{address: freeAddress(t), roots: x509.NewCertPool(), log: &servicetest.Output{}}
	_, https, _ := net.SplitHostPort(p.address)
	_, plain, _ := net.SplitHostPort(freeAddress(t))
	caddyfile = replaced(t, caddyfile, "{\n", "{\n\tlocal_certs\n\tskip_install_trust\n\tadmin off\n\tdefault_bind 127.0.0.1\n\thttps_port "+https+"\n\thttp_port "+plain+"\n")
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "run", "--config", file, "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	cmd.Stderr = p.log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Wait() // It was told to end.
		if t.Failed() {
			t.Logf("Caddy said: %s", p.log)
		}
	})
	await(t, "Caddy listens", func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.address)
		return err == nil && conn.Close() == nil
	})
	root, err := os.ReadFile(filepath.Join(dir, "caddy", "pki", "authorities", "local", "root.crt"))
	if err != nil || !p.roots.AppendCertsFromPEM(root) {
		t.Fatalf("Caddy has no authority of its own: %v\n%s", err, p.log)
	}
	return p
}

// freeAddress is one on which nobody listens at the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// visit is one request through Caddy.
type visit struct {
	host, path, token string
	header            http.Header // Host is what the request says, where the handshake says host.
}

// visit makes a connection, and one request on it. An error is one of the handshake.
func (p *proxy) visit(t *testing.T, v visit) (status int, body string, err error) {
	t.Helper()
	if v.path == "" {
		v.path = "/whoami"
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+v.host+v.path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if v.header != nil {
		r.Header, r.Host = v.header, v.header.Get("Host")
	}
	if v.token != "" {
		r.Header.Set("Authorization", "Bearer "+v.token)
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: p.roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, p.address)
		},
	}}
	res, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text), nil
}
