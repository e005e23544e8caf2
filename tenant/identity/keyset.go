package identity

import (
	"context"
	"crypto"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

const (
	// keyRest is how long an issuer is not asked again after an answer. Any token
	// that does not verify could be by a new key, so that without a rest anybody
	// could make the service hammer the issuer.
	keyRest = 10 * time.Second
	// outageRest is the same after an issuer gave no answer.
	outageRest = time.Second
	// keyAge is when known keys are fetched anew beside the requests, so that a key
	// which the issuer has withdrawn does not stay.
	keyAge = 5 * time.Minute
	// keyLife is how long known keys serve when the issuer does not answer.
	keyLife = time.Hour
	// maxSets bounds the issuers whose keys are kept.
	maxSets = 1000
)

// keys are those of one issuer.
type keys interface {
	// get returns the keys that are known, of which there may be none. With anew they
	// are fetched first, unless that was just done. It fails with ErrUnavailable.
	get(ctx context.Context, anew bool) ([]jose.JSONWebKey, error)
}

// fixed are keys that nobody publishes.
type fixed []jose.JSONWebKey

func fixedKeys(public []crypto.PublicKey) fixed {
	all := make(fixed, len(public))
	for i, key := range public {
		all[i].Key = key
	}
	return all
}

func (f fixed) get(context.Context, bool) ([]jose.JSONWebKey, error) { return f, nil }

// keySet are keys that an issuer publishes. It is safe for concurrent use.
type keySet struct {
	fetch  func(ctx context.Context) ([]jose.JSONWebKey, error)
	now    func() time.Time
	flight singleflight.Group

	mu      sync.Mutex
	known   []jose.JSONWebKey
	fetched time.Time // when known was; zero: never
	tried   time.Time // when the issuer was asked last
	failed  error     // what came of that
}

func newKeySet(client *http.Client, issuer, jwksURL string) *keySet {
	p := &provider{client: client, issuer: issuer, fixed: jwksURL}
	return &keySet{fetch: p.keys, now: time.Now}
}

// get implements keys.
func (s *keySet) get(ctx context.Context, anew bool) ([]jose.JSONWebKey, error) {
	s.mu.Lock()
	known, never, age := s.known, s.fetched.IsZero(), s.now().Sub(s.fetched)
	s.mu.Unlock()
	switch {
	case never || age > keyLife || anew:
	case age > keyAge:
		s.refresh(context.WithoutCancel(ctx)) // Nobody waits for it.
		return known, nil
	default:
		return known, nil
	}
	select {
	case r := <-s.refresh(context.WithoutCancel(ctx)):
		known, ok := r.Val.([]jose.JSONWebKey)
		if r.Err != nil || !ok {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, r.Err)
		}
		return known, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// refresh fetches the keys, once for all who ask at the same time, and not at all
// while the issuer rests: then it gives what came of the last time.
func (s *keySet) refresh(ctx context.Context) <-chan singleflight.Result {
	return s.flight.DoChan("", func() (any, error) {
		s.mu.Lock()
		rest := keyRest
		if s.failed != nil {
			rest = outageRest
		}
		rests := !s.tried.IsZero() && s.now().Sub(s.tried) < rest
		known, failed := s.known, s.failed
		s.mu.Unlock()
		if rests {
			return known, failed
		}
		fresh, err := s.fetch(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tried, s.failed = s.now(), err
		if err == nil {
			s.known, s.fetched = fresh, s.tried
		}
		return fresh, err
	})
}

// sets are the keys of the issuers of single tenants. Its zero value but for the
// client is empty. Tenants that share an issuer share its keys.
type sets struct {
	client *http.Client

	mu  sync.Mutex
	all map[[2]string]*keySet
}

// of returns the keys of an issuer, which the registry knows.
func (s *sets) of(issuer, jwksURL string) *keySet {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := [2]string{issuer, jwksURL}
	if set, ok := s.all[name]; ok {
		return set
	}
	if s.all == nil || len(s.all) >= maxSets { // They are fetched again as they are needed.
		s.all = map[[2]string]*keySet{}
	}
	s.all[name] = newKeySet(s.client, issuer, jwksURL)
	return s.all[name]
}
