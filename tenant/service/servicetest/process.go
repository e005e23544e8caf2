package servicetest

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/service"
)

// startTimeout bounds a start, which may make a database first.
const startTimeout = 2 * time.Minute

// Output is what a service writes. It may be read while it grows.
type Output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// String is all that was written so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Process is a whole service at work, in the test's process.
type Process struct {
	// Addr is where it listens.
	Addr string
	// Stdout is what it says to people, Log its log as JSON.
	Stdout, Log *Output

	cancel context.CancelFunc
	done   chan error
}

var listening = regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`)

// Start runs a service on a free port and waits until it listens. Stop ends it;
// otherwise it ends with the test.
func Start(t testing.TB, cfg service.Config, args []string, environ ...string) *Process {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p := &Process{Stdout: &Output{}, Log: &Output{}, cancel: cancel, done: make(chan error, 1)}
	t.Cleanup(cancel)
	go func() {
		p.done <- service.Run(ctx, cfg, service.Process{
			Args: args, Environ: append([]string{"ADDR=127.0.0.1:0"}, environ...), Stdout: p.Stdout, Stderr: p.Log,
		})
	}()
	tick, deadline := time.NewTicker(5*time.Millisecond), time.After(startTimeout)
	defer tick.Stop()
	for {
		if found := listening.FindStringSubmatch(p.Log.String()); found != nil {
			p.Addr = found[1]
			return p
		}
		select {
		case err := <-p.done:
			t.Fatalf("the service ended: %v\n%s", err, p.Log.String())
		case <-deadline:
			t.Fatalf("the service does not listen:\n%s", p.Log.String())
		case <-tick.C:
		}
	}
}

// Stop is Ctrl-C: it waits for the end, which must be an orderly one.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	p.cancel()
	if err := <-p.done; err != nil {
		t.Errorf("the service ended with: %v", err)
	}
}

// Client talks to the service as if DNS led every name to it.
func (p *Process) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, p.Addr)
		},
	}}
}
