package identity_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	issuer := servicetest.NewIssuer(t)
	clock := newClock()
	tokens := newTokens(t, discovered(issuer))
	identity.SetClock(tokens, clock.now)
	verify := func(token string) error {
		_, err := tokens.Verify(t.Context(), token)
		return err
	}
	old := issuer.Sign(t, jose.ES256, claimsOf(issuer, acme))
	if err := verify(old); err != nil {
		t.Fatal(err)
	}
	clock.add(identity.KeyRest)
	issuer.Rotate(t)
	fresh := issuer.Sign(t, jose.ES256, claimsOf(issuer, acme))
	if err := verify(fresh); err != nil {
		t.Errorf("the new key is not fetched at once: %v", err)
	}
	if err := verify(old); !errors.Is(err, identity.ErrInvalid) {
		t.Errorf("the old key after the new ones came: %v", err)
	}
	// Whoever makes tokens up does not make the service ask.
	forged := servicetest.Sign(t, jose.ES256, jose.JSONWebKey{Key: servicetest.NewIssuer(t).Keys[jose.ES256], KeyID: "new"}, claimsOf(issuer, acme))
	for range 20 {
		if err := verify(forged); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("a forged token: %v", err)
		}
	}
	if n := issuer.Fetches.Load(); n != 2 {
		t.Errorf("the keys were fetched %d times", n)
	}
	issuer.Rotate(t) // While it rests, the newest key is not known yet.
	newest := issuer.Sign(t, jose.ES256, claimsOf(issuer, acme))
	if err := verify(newest); !errors.Is(err, identity.ErrInvalid) {
		t.Errorf("a new key while the issuer rests: %v", err)
	}
	clock.add(identity.KeyRest)
	if err := verify(newest); err != nil {
		t.Errorf("a new key after the rest: %v", err)
	}
}

// Keys are looked for where the issuer has them now, whether there are any where
// they were or not.
func TestKeysMove(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]bool{"the old ones are there": false, "the old ones are gone": true} {
		before, after := servicetest.NewIssuer(t), servicetest.NewIssuer(t)
		after.Rotate(t) // So that its keys have other names.
		var keys atomic.Pointer[servicetest.Issuer]
		keys.Store(before)
		var front *httptest.Server
		front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": front.URL, "jwks_uri": keys.Load().URL + "/keys"})
		}))
		t.Cleanup(front.Close)
		tokens, clock := newTokens(t, identity.Config{Issuer: front.URL, Audience: servicetest.Audience}), newClock()
		identity.SetClock(tokens, clock.now)
		for _, issuer := range []*servicetest.Issuer{before, after} {
			keys.Store(issuer)
			before.Down.Store(gone && issuer == after)
			clock.add(identity.KeyRest)
			token := issuer.Sign(t, jose.ES256, with(claimsOf(issuer, acme), map[string]any{"iss": front.URL}))
			if _, err := tokens.Verify(t.Context(), token); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// A key that the issuer has withdrawn does not stay, though no new key is seen.
func TestWithdrawnKeysGo(t *testing.T) {
	t.Parallel()
	issuer := servicetest.NewIssuer(t)
	clock := newClock()
	tokens := newTokens(t, discovered(issuer))
	identity.SetClock(tokens, clock.now)
	old := issuer.Sign(t, jose.ES256, claimsOf(issuer, acme))
	if _, err := tokens.Verify(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	issuer.Rotate(t)
	clock.add(identity.KeyAge + time.Second)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) { // They are fetched beside the requests.
		_, err := tokens.Verify(t.Context(), old)
		if errors.Is(err, identity.ErrInvalid) {
			return
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("the old key is still good: %v", err)
		}
	}
}

func TestOutage(t *testing.T) {
	t.Parallel()
	issuer := servicetest.NewIssuer(t)
	clock := newClock()
	tokens := newTokens(t, discovered(issuer))
	identity.SetClock(tokens, clock.now)
	token := issuer.Sign(t, jose.ES256, claimsOf(issuer, acme))
	issuer.Down.Store(true)
	for range 5 {
		if _, err := tokens.Verify(t.Context(), token); !errors.Is(err, identity.ErrUnavailable) {
			t.Errorf("no keys: %v", err)
		}
	}
	issuer.Down.Store(false)
	clock.add(identity.OutageRest)
	if _, err := tokens.Verify(t.Context(), token); err != nil {
		t.Errorf("after the outage: %v", err)
	}
	issuer.Down.Store(true)
	clock.add(identity.KeyLife - time.Second)
	if _, err := tokens.Verify(t.Context(), token); err != nil {
		t.Errorf("known keys in an outage: %v", err)
	}
	clock.add(2 * time.Second)
	if _, err := tokens.Verify(t.Context(), token); !errors.Is(err, identity.ErrUnavailable) {
		t.Errorf("known keys that are old: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tokens.Verify(ctx, token); err == nil {
		t.Error("verified for nobody")
	}
}
