package history_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

const (
	// clients ask at the same time.
	clients = 8
	// breath is what a client waits between two requests: the machine is not
	// theirs alone.
	breath = 20 * time.Millisecond
	// seeded is how many users and roles a tenant begins with.
	seeded = 10
)

// account is a tenant, and what its answers have to be. One client has it at a
// time.
type account struct {
	tenant.Tenant

	token string

	mu        sync.Mutex
	newest    bool   // What is asked now only the newest release knows.
	role      int64  // The role that is changed.
	purpose   string // What it says.
	changes   int
	user      string // The user who is changed.
	zone      string // Their time zone.
	users     int
	roles     int
	providers map[string]int // By kind.
	refused   time.Time      // When it was refused last.
}

// load is the clients.
type load struct {
	t       *testing.T
	pool    pool
	kinds   atomic.Pointer[[]string] // Of the providers that are made.
	mu      sync.Mutex
	all     []*account
	seen    *tally
	running sync.WaitGroup
	stop    context.CancelFunc
}

// tally counts what happened in a part of the history.
type tally struct {
	requests, refused, changed int
	tenants                    map[string]bool // Who was refused.
	kinds                      map[string]int  // Of refusals.
}

func newTally() *tally { return &tally{tenants: map[string]bool{}, kinds: map[string]int{}} }

func (c *tally) String() string {
	return fmt.Sprintf("%d requests, %d answered 503 %v to %d tenants; %d conditions were out of date",
		c.requests, c.refused, c.kinds, len(c.tenants), c.changed)
}

// startLoad lets clients ask until the test ends.
func startLoad(t *testing.T, accounts []*account, first *server) *load {
	t.Helper()
	l := &load{t: t, all: accounts, seen: newTally()}
	l.pool.add(first)
	l.kinds.Store(&[]string{"aws"})
	ctx, cancel := context.WithCancel(t.Context())
	l.stop = cancel
	for range clients {
		l.running.Go(func() { l.client(ctx) })
	}
	t.Cleanup(func() { cancel(); l.running.Wait() })
	return l
}

// end stops the clients.
func (l *load) end() {
	l.stop()
	l.running.Wait()
}

// count begins a part of the history, and tells of the one before.
func (l *load) count() *tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.seen
	l.seen = newTally()
	return old
}

func (l *load) join(a *account) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, a)
}

func (l *load) everybody() []*account {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

func (l *load) any() *account {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all[rand.IntN(len(l.all))]
}

// client takes one tenant after the other and does something as one of its users.
func (l *load) client(ctx context.Context) {
	for ctx.Err() == nil && !l.t.Failed() {
		a := l.any()
		if !a.mu.TryLock() {
			continue
		}
		if err := l.visit(ctx, a); err != nil && ctx.Err() == nil {
			l.t.Errorf("%s: %v", a.Slug, err)
		}
		a.mu.Unlock()
	}
}

// errRefused is a documented 503.
var errRefused = errors.New("refused")

// visit does one of the things that users do. What is refused has not happened.
func (l *load) visit(ctx context.Context, a *account) error {
	ways := []func(context.Context, *account) error{
		l.readRole, l.changeRole, l.changeRole, l.addRole, l.listRoles, l.listUsers, l.changeUser, l.addProvider, l.listProviders, l.listFindings,
	}
	err := ways[rand.IntN(len(ways))](ctx, a)
	if errors.Is(err, errRefused) {
		return nil
	}
	return err
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request to one of the servers. A refusal is held against the
// document, and counted.
func (l *load) ask(ctx context.Context, a *account, method, path, body string, header http.Header) (*answer, error) {
	s := l.pool.take(a.newest)
	defer s.requests.Done()
	got, err := s.ask(ctx, a, method, path, body, header)
	if err != nil {
		return nil, fmt.Errorf("%s %s at release %s: %w", method, path, s.release, err)
	}
	refused := got.status == http.StatusServiceUnavailable
	l.mu.Lock()
	l.seen.requests++
	if refused {
		l.seen.refused++
		l.seen.tenants[a.Slug] = true
	}
	l.mu.Unlock()
	if !refused {
		time.Sleep(breath)
		return got, nil
	}
	a.refused = time.Now()
	kind, err := got.refusal()
	if err != nil {
		return nil, fmt.Errorf("%s %s at release %s: %w", method, path, s.release, err)
	}
	l.mu.Lock()
	l.seen.kinds[kind]++
	l.mu.Unlock()
	time.Sleep(breath)
	return nil, errRefused
}

// refusal holds a 503 against the document.
func (got *answer) refusal() (kind string, err error) {
	problem, err := decode[rest.Problem](got.body)
	switch {
	case err != nil:
		return "", err
	case got.header.Get("Content-Type") != "application/problem+json" || got.header.Get("Retry-After") == "":
		return "", fmt.Errorf("a 503 with %v", got.header)
	case !slices.Contains([]string{rest.ProblemBase + "schema-mismatch", rest.ProblemBase + "unavailable"}, problem.Type):
		return "", fmt.Errorf("a 503 of type %s", problem.Type)
	}
	return strings.TrimPrefix(problem.Type, rest.ProblemBase), nil
}

// ask sends a request as a user of a tenant. One that was sent is heard out when the
// clients end: what it did has to be counted.
func (s *server) ask(ctx context.Context, a *account, method, path, body string, header http.Header) (*answer, error) {
	r, err := http.NewRequestWithContext(context.WithoutCancel(ctx), method, "http://"+a.Slug+"."+servicetest.BaseDomain+path, bytes.NewBufferString(body))
	if err != nil {
		return nil, err
	}
	maps.Copy(r.Header, header)
	r.Header.Set("Authorization", "Bearer "+a.token)
	switch method {
	case http.MethodPatch:
		r.Header.Set("Content-Type", "application/merge-patch+json")
	case http.MethodPost:
		r.Header.Set("Content-Type", "application/json")
		if r.Header.Get("Idempotency-Key") == "" {
			r.Header.Set("Idempotency-Key", uuid.NewString())
		}
	}
	res, err := s.http.Do(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(res.Body)
	return &answer{res.StatusCode, res.Header, string(text)}, errors.Join(err, res.Body.Close())
}

// want fails for an answer of another status.
func (got *answer) want(status int, what string) error {
	if got.status != status {
		return fmt.Errorf("%s: %d instead of %d: %.500s", what, got.status, status, got.body)
	}
	return nil
}
