package main

import (
	"context"
	"sync"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// ingestsAtOnce is how many reports are stored at a time, of all tenants. Each
// works for many seconds with a connection of its own, of which all the other
// requests need some too: there are eight unless DATABASE_MAX_CONNS says so.
const ingestsAtOnce = 3

// turns lets long work take turns: of each tenant one at a time, so that no
// tenant takes them all, and of all tenants a few. Whoever waits holds no connection,
// but the report, of which rest.Spool bounds how much all may hold.
type turns struct {
	all chan struct{}

	mu   sync.Mutex
	each map[tenant.ID]*turn // only of those that wait or work
}

type turn struct {
	taken chan struct{}
	users int
}

func newTurns(atOnce int) *turns {
	return &turns{all: make(chan struct{}, atOnce), each: map[tenant.ID]*turn{}}
}

// take waits for a turn of the tenant and gives what ends it.
func (t *turns) take(ctx context.Context, of tenant.ID) (func(), error) {
	own := t.join(of)
	select {
	case own.taken <- struct{}{}:
	case <-ctx.Done():
		t.leave(of, own)
		return nil, ctx.Err()
	}
	release := func() {
		<-own.taken
		t.leave(of, own)
	}
	select {
	case t.all <- struct{}{}:
	case <-ctx.Done():
		release()
		return nil, ctx.Err()
	}
	return func() {
		<-t.all
		release()
	}, nil
}

func (t *turns) join(of tenant.ID) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := t.each[of]
	if own == nil {
		own = &turn{taken: make(chan struct{}, 1)}
		t.each[of] = own
	}
	own.users++
	return own
}

func (t *turns) leave(of tenant.ID, own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(t.each, of)
	}
}
