package operate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/operator"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// limits are patience, not expectations.
const (
	buildTimeout = 5 * time.Minute
	patience     = 1 * time.Minute
)

// binary is the server, built once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "operate")
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	path := filepath.Join(dir, "server")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "../../server").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// world is a database, an issuer, a mail server and an operator's key.
type world struct {
	*tenanttest.DB

	issuer  *servicetest.Issuer
	mail    *mailServer
	key     string
	environ []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		DB:     tenanttest.New(t, tenanttest.Options{Schema: catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, Seed: schema.Seed}}),
		issuer: servicetest.NewIssuer(t), mail: newMailServer(t),
	}
	key, entry, err := operator.GenerateKey("ann")
	if err != nil {
		t.Fatal(err)
	}
	w.key = key
	w.environ = append(servicetest.Settings(w.RuntimeURL, w.issuer),
		"DATABASE_OWNER_URL="+w.OwnerURL, "SIGNUP=on", "SIGNUP_ADDRESS_LIMIT=3/1h", "SIGNUP_EMAIL_LIMIT=3/1h", "TRUSTED_PROXIES=127.0.0.0/8",
		"MAIL_URL=smtp://"+w.mail.addr+"?from=service@app.example", "OPERATOR_KEYS="+entry, "OPERATOR_ADDR=127.0.0.1:0",
		"ADDR=127.0.0.1:0", "LOG_FORMAT=json", "LOG_LEVEL=INFO",
	)
	return w
}

// process is a running server.
type process struct {
	cmd            *exec.Cmd
	addr, operator string
	log            *servicetest.Output
	done           chan error
}

var (
	listening = regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`)
	operating = regexp.MustCompile(`"msg":"listening","api":"operator","address":"([^"]+)"`)
)

func (w *world) start(t *testing.T, more ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.CommandContext(t.Context(), path), log: &servicetest.Output{}, done: make(chan error, 1)}
	p.cmd.Env = append(append(os.Environ(), w.environ...), more...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	eventually(t, "the server listens", func() bool {
		select {
		case err := <-p.done:
			t.Fatalf("the server ended: %v\n%s", err, p.log)
		default:
		}
		api, op := listening.FindStringSubmatch(p.log.String()), operating.FindStringSubmatch(p.log.String())
		if api != nil && op != nil {
			p.addr, p.operator = api[1], op[1]
		}
		return p.addr != ""
	})
	return p
}

// stop is Ctrl-C, after which the server ends well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-p.done; err != nil || strings.Contains(p.log.String(), `"level":"ERROR"`) {
		t.Errorf("the server ended with %v\n%s", err, p.log)
	}
}

// kill is what nobody can prepare for.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.done
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   string
}

// send sends a request to an address, under a host name; headers are pairs.
func send(t *testing.T, addr, method, url, body string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(text)}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: ", what)
		}
	}
}
