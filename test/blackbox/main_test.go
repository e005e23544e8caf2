package blackbox_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
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
)

// startTimeout bounds the build and the start with a new database.
const startTimeout = 3 * time.Minute

// origin is whose pages the service lets in.
const origin = "https://console.example"

// childAttr ties processes to this one, where the system can.
var childAttr *syscall.SysProcAttr

// server is the one service that all tests share.
var server *process

func TestMain(m *testing.M) {
	childAttr = dieTogether()
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "blackbox:", err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "bw")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil { // PostgreSQL may run as another user.
		return 1, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	binary := filepath.Join(dir, "server")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "../../server")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return 1, fmt.Errorf("build the server: %w", err)
	}
	if server, err = startServer(ctx, binary, filepath.Join(dir, "cache")); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	return m.Run(), nil
}

// process is a running server and what it has printed.
type process struct {
	cmd    *exec.Cmd
	addr   string
	dir    string            // Where it keeps its key for tokens.
	tokens map[string]string // By slug.
	log    *journal
	done   chan error
}

var (
	listening = regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`)
	dataIn    = regexp.MustCompile(`data in (\S+)`)
	printed   = regexp.MustCompile(`(?m)^([a-z]+)\n  url    \S+\n  token  (\S+)$`)
)

func startServer(ctx context.Context, binary, cache string) (*process, error) {
	p := &process{cmd: exec.Command(binary), tokens: map[string]string{}, log: &journal{}, done: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(),
		"ADDR=127.0.0.1:0", "PORT=", "DATABASE_URL=", "DATABASE_OWNER_URL=", "BASE_DOMAIN=", "ISSUER=", "AUDIENCE=", "JWKS_URL=",
		"LOG_FORMAT=json", "BAILIWICK_CACHE_DIR="+cache, "TRUSTED_PROXIES=127.0.0.1/32", "READ_TIMEOUT=5m", "WRITE_TIMEOUT=5m", "CORS_ORIGINS="+origin,
		"SIGNUP_ADDRESS_LIMIT=1000/1s", "SIGNUP_EMAIL_LIMIT=1000/1s",
	)
	announced := &journal{}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = announced, p.log, childAttr
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	for {
		if found := listening.FindStringSubmatch(p.log.String()); found != nil {
			p.addr = found[1]
			break
		}
		select {
		case err := <-p.done:
			return nil, fmt.Errorf("the server ended while starting: %w\n%s", err, p.log)
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("the server takes too long to start:\n%s", p.log), p.stop())
		case <-time.After(10 * time.Millisecond):
		}
	}
	for _, found := range printed.FindAllStringSubmatch(announced.String(), -1) {
		p.tokens[found[1]] = found[2]
	}
	if found := dataIn.FindStringSubmatch(announced.String()); found != nil {
		p.dir = found[1]
	}
	if p.tokens[acme] == "" || p.tokens[globex] == "" {
		return nil, errors.Join(fmt.Errorf("no tokens of %s and %s were printed:\n%s", acme, globex, announced), p.stop())
	}
	return p, nil
}

var tokenInMail = regexp.MustCompile(`(?m)^[A-Za-z0-9_-]{43}$`)

// mailed is the token in the last mail to an address, which a service on its own
// database writes to its log. The log comes by a pipe, after the answer maybe.
func (p *process) mailed(t *testing.T, to string) string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		token := ""
		for line := range strings.Lines(p.log.String()) {
			var entry struct{ Msg, To, Text string }
			if err := json.Unmarshal([]byte(line), &entry); err == nil && entry.Msg == "mail" && entry.To == to {
				token = tokenInMail.FindString(entry.Text)
			}
		}
		if token != "" {
			return token
		}
	}
	t.Fatalf("no mail with a token went to %s", to)
	return ""
}

// stop is Ctrl-C. The server must end well, and have logged no error.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	if err := <-p.done; err != nil {
		return fmt.Errorf("the server ended with: %w\n%s", err, p.log)
	}
	return p.log.errors()
}

// journal is what a process writes; it may be read while it grows.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// errors tells what was logged as an error: whatever a client does, it is none
// of the service's.
func (j *journal) errors() error {
	var errs []error
	lines := bufio.NewScanner(strings.NewReader(j.String()))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.Contains(lines.Text(), `"level":"ERROR"`) {
			errs = append(errs, fmt.Errorf("the server logged: %s", lines.Text()))
		}
	}
	return errors.Join(append(errs, lines.Err())...)
}

// client leads every host name to the server, as DNS would.
func (p *process) client() *http.Client {
	return &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{
			DisableCompression: true, // What is compressed must be asked for, and seen.
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, p.addr)
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func readAll(t *testing.T, res *http.Response) []byte {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatalf("%s %s: %v", res.Request.Method, res.Request.URL, err)
	}
	return body
}
