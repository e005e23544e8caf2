//go:build linux || darwin || freebsd

package crash_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// moment says when a process is killed: at which of its steps, which are what it
// sends to the server and what it tells its hooks, and whether the step itself
// still takes place.
type moment struct {
	step  int
	after bool
	// delay is how long the server has for the step before the process dies.
	delay time.Duration
}

// stepper stands between a process and all that it talks to.
type stepper struct {
	server   string // host and port
	database net.Listener
	control  net.Listener

	mu    sync.Mutex
	at    moment
	taken int
	armed bool
	kill  func()
	told  map[string]int // what hooks were told, and how often
}

func newStepper(t *testing.T, serverURL string) *stepper {
	t.Helper()
	u, err := url.Parse(serverURL)
	if err != nil {
		t.Fatal(err)
	}
	s := &stepper{server: u.Host, told: map[string]int{}}
	s.database, s.control = s.listen(t, s.pipe), s.listen(t, s.hear)
	return s
}

func (s *stepper) listen(t *testing.T, serve func(ctx context.Context, conn net.Conn)) net.Listener {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(t.Context(), conn)
		}
	}()
	return l
}

// url leads to the database of another URL by way of the stepper.
func (s *stepper) url(t *testing.T, direct string) string {
	t.Helper()
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = s.database.Addr().String()
	query := u.Query()
	query.Set("application_name", lifeProcess)
	u.RawQuery = query.Encode()
	return u.String()
}

// next is about a process to come.
func (s *stepper) next(at moment, kill func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.kill, s.taken, s.armed = at, kill, 0, false
}

// ready is called when the process begins with what it is for.
func (s *stepper) ready() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = true
}

// step is called before each step, and kills the process when it is its time. It
// tells whether the step takes place.
func (s *stepper) step() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.armed {
		return true
	}
	s.taken++
	if s.taken != s.at.step {
		return true
	}
	if s.at.after {
		time.AfterFunc(s.at.delay, s.kill)
		return true
	}
	s.kill()
	return false
}

// pipe brings what a process sends to the server, and back.
func (s *stepper) pipe(ctx context.Context, process net.Conn) {
	var dialer net.Dialer
	server, err := dialer.DialContext(ctx, "tcp", s.server)
	if err != nil {
		_ = process.Close()
		return
	}
	go func() {
		_, _ = io.Copy(process, server) // until one of them is gone
		_ = process.Close()
	}()
	defer server.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := process.Read(buffer)
		if err != nil || !s.step() {
			return
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// hear takes in what a process says: that it begins, or what its hook was told.
func (s *stepper) hear(_ context.Context, process net.Conn) {
	defer process.Close()
	line, err := bufio.NewReader(process).ReadString('\n')
	if err != nil {
		return
	}
	if line = strings.TrimSpace(line); line == readyLine {
		s.ready()
	} else if s.step() {
		s.note(line)
	} else {
		return
	}
	_, _ = io.WriteString(process, "ok\n") // it may be dead
}

func (s *stepper) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told[line]++
}

// times tells how often a hook was told something.
func (s *stepper) times(line string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told[line]
}

// say tells the stepper something, and waits until it has heard it.
func say(ctx context.Context, control, line string) (err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", control)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return err
	}
	_, err = bufio.NewReader(conn).ReadString('\n')
	return err
}
