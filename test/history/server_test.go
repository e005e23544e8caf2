package history_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

var listening = regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`)

// leeway is how long before the test is cut off its servers end.
const leeway = 20 * time.Second

// server is a running release.
type server struct {
	release string
	http    *http.Client
	cmd     *exec.Cmd
	log     *servicetest.Output
	done    chan error
	// requests are those under way.
	requests sync.WaitGroup
}

// startServer runs a release and waits until it listens. It ends with the test
// at the latest.
func startServer(t *testing.T, binary, release string, settings []string) *server {
	t.Helper()
	ctx, cancel := t.Context(), context.CancelFunc(func() {})
	if deadline, ok := t.Deadline(); ok { // A test that is cut off cleans nothing up.
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-leeway))
	}
	t.Cleanup(cancel)
	s := &server{release: release, cmd: exec.CommandContext(ctx, binary), log: &servicetest.Output{}, done: make(chan error, 1)}
	s.cmd.Env = environ(append(settings, "ADDR=127.0.0.1:0", "LOG_FORMAT=json", "RELEASE="+release, "RELEASE_HEARTBEAT=1s", "RELEASE_EXPIRY=5s")...)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.done <- s.cmd.Wait() }()
	var found []string
	await(t, "the server listens", func() bool {
		select {
		case err := <-s.done:
			t.Fatalf("release %s ended: %v\n%s", release, err, s.log)
		default:
		}
		found = listening.FindStringSubmatch(s.log.String())
		return found != nil
	})
	s.http = &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{
			MaxIdleConnsPerHost: clients, MaxIdleConns: 4 * clients,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, found[1])
			},
		},
	}
	return s
}

// stop is Ctrl-C, when nobody asks the server any more. It must end well, and
// must not have logged an error.
func (s *server) stop(t *testing.T) {
	t.Helper()
	s.http.CloseIdleConnections()
	err := s.cmd.Process.Signal(os.Interrupt)
	if err = errors.Join(err, <-s.done); err != nil {
		t.Errorf("release %s ended with: %v\n%s", s.release, err, s.log)
	}
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, `"level":"ERROR"`) {
			t.Errorf("release %s logged: %s", s.release, line)
		}
	}
}

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !so() {
		if time.Now().After(deadline) {
			t.Fatalf("it is not so that %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// pool are the servers that clients ask.
type pool struct {
	mu      sync.Mutex
	servers []*server
	next    int
}

// take gives a server in turn, or the newest; the client says when it is done
// with it.
func (p *pool) take(newest bool) *server {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	s := p.servers[p.next%len(p.servers)]
	if newest {
		s = p.servers[len(p.servers)-1]
	}
	s.requests.Add(1)
	return s
}

func (p *pool) add(s *server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.servers = append(p.servers, s)
}

// remove takes a server out of turn and waits for its last request, as a load
// balancer does.
func (p *pool) remove(s *server) {
	p.mu.Lock()
	for i, one := range p.servers {
		if one == s {
			p.servers = append(p.servers[:i:i], p.servers[i+1:]...)
			break
		}
	}
	p.mu.Unlock()
	s.requests.Wait()
}
