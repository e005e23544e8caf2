package devpg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNotRunning says that there is no server to attach to.
var ErrNotRunning = errors.New("not running")

const (
	// startAttempts allows for a port taken in between and for backends that
	// outlive a killed postmaster by a moment.
	startAttempts = 5
	readyPoll     = 15 * time.Millisecond
	retryPause    = 300 * time.Millisecond
)

// state is the instance's file state.json.
type state struct {
	// Major says which data directory is in use.
	Major int `json:"major"`
	// Port is the last one used, which the next start prefers.
	Port int `json:"port"`
	// Ready is set once the roles and the database are there.
	Ready bool `json:"ready"`
}

func (p place) readState() (s state, err error) {
	text, err := os.ReadFile(p.file("state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("read state: %w", err)
	}
	if json.Unmarshal(text, &s) != nil {
		s = state{} // cut short by a crash; nothing in it is vital
	}
	return s, nil
}

func (p place) writeState(s state) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return replaceFile(p.file("state.json"), text, account{})
}

// attach connects to the running server, or returns ErrNotRunning. The caller
// holds users.lock, so a server that is found will not be stopped.
func attach(ctx context.Context, p place) (*Instance, error) {
	s, err := p.readState()
	if err != nil {
		return nil, err
	}
	if !s.Ready {
		return nil, ErrNotRunning
	}
	c := p.cluster(s.Major)
	pm, ok, err := c.running()
	if err != nil {
		return nil, err
	}
	if !ok || !pm.ready {
		return nil, ErrNotRunning
	}
	in := &Instance{place: p, cluster: c, port: pm.port}
	if in.secret, err = readSecret(c.dir); err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, in.SuperURL(SuperRole))
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("attach: %w", err)
		}
		return nil, ErrNotRunning
	}
	if err := conn.Close(ctx); err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	return in, p.ensureWatcher()
}

// start makes the server run, under start.lock: of several processes one does
// the work and the others then attach.
func start(ctx context.Context, p place) (_ *Instance, err error) {
	lock, err := lockExclusive(ctx, p.file("start.lock"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if in, err := attach(ctx, p); !errors.Is(err, ErrNotRunning) {
		return in, err
	}
	s, err := p.readState()
	if err != nil {
		return nil, err
	}
	b, err := findBinaries(ctx, p, s.Major)
	if err != nil {
		return nil, err
	}
	s.Major, s.Ready = b.major, false
	if err := p.writeState(s); err != nil {
		return nil, err
	}
	// Before the server, so that nothing is left running if this process is
	// killed from here on.
	if err := p.ensureWatcher(); err != nil {
		return nil, err
	}
	c, err := p.initialise(ctx, b)
	if err != nil {
		return nil, err
	}
	in, err := p.serve(ctx, b, c, s.Port)
	if err != nil {
		return nil, err
	}
	if err := in.bootstrap(ctx); err != nil {
		return nil, err
	}
	s.Port, s.Ready = in.port, true
	return in, p.writeState(s)
}

// serve launches the server, or takes over one whose starter died on the way,
// and waits until it accepts connections.
func (p place) serve(ctx context.Context, b binaries, c cluster, port int) (*Instance, error) {
	in := &Instance{place: p, cluster: c, started: true}
	var err error
	if in.secret, err = readSecret(c.dir); err != nil {
		return nil, err
	}
	if err := p.ownSocketDir(); err != nil {
		return nil, err
	}
	for range startAttempts {
		var srv *server
		if srv, err = p.launchUnlessRunning(ctx, b, c, port); err != nil {
			return nil, err
		}
		if in.port, err = p.awaitReady(ctx, in, srv); err == nil {
			return in, nil
		}
		select {
		case <-time.After(retryPause):
			port = 0
		case <-ctx.Done():
			return nil, err
		}
	}
	return nil, err
}

func (p place) launchUnlessRunning(ctx context.Context, b binaries, c cluster, port int) (*server, error) {
	if _, ok, err := c.running(); err != nil || ok {
		return &server{}, err
	}
	if err := c.clearStale(); err != nil {
		return nil, err
	}
	port, err := freePort(ctx, port)
	if err != nil {
		return nil, err
	}
	return p.launch(b, c, port)
}

// awaitReady returns the port once the superuser can log in, and an error once
// the server has exited.
func (p place) awaitReady(ctx context.Context, in *Instance, srv *server) (int, error) {
	for {
		pm, ok, err := in.cluster.running()
		if err != nil {
			return 0, err
		}
		if ok && pm.ready {
			in.port = pm.port
			conn, err := pgx.Connect(ctx, in.SuperURL(SuperRole))
			if err == nil {
				return pm.port, conn.Close(ctx)
			}
		}
		if !ok && srv.exited == nil {
			return 0, ErrNotRunning // the one that was found is gone
		}
		select {
		case <-srv.exited:
			return 0, fmt.Errorf("PostgreSQL did not start: %w\n%s", srv.err, p.logTail())
		case <-time.After(readyPoll):
		case <-ctx.Done():
			return 0, fmt.Errorf("PostgreSQL did not become ready: %w\n%s", context.Cause(ctx), p.logTail())
		}
	}
}

func (p place) ownSocketDir() error {
	dir := p.socketDir()
	if dir == "" {
		return nil
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("socket directory: %w", err)
	}
	return p.account.own(dir)
}
