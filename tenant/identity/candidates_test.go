package identity_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// publisher answers as key set whatever was published last.
type publisher struct {
	*httptest.Server

	answer atomic.Value
}

func newPublisher(t *testing.T, answer string) *publisher {
	t.Helper()
	p := &publisher{}
	p.answer.Store(answer)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text, _ := p.answer.Load().(string)
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *publisher) tokens(t *testing.T) *identity.Tokens {
	t.Helper()
	return newTokens(t, identity.Config{Issuer: servicetest.IssuerName, Audience: servicetest.Audience, JWKSURL: p.URL, Algorithms: []string{"EdDSA", "ES256", "RS256", "PS256"}})
}

func setOf(t *testing.T, keys ...jose.JSONWebKey) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func edKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func edKeys(t *testing.T, n int) (private []ed25519.PrivateKey, public []jose.JSONWebKey) {
	t.Helper()
	for range n {
		key := edKey(t)
		private, public = append(private, key), append(public, jose.JSONWebKey{Key: key.Public()})
	}
	return private, public
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key crypto.PrivateKey, kid string) string {
	t.Helper()
	return servicetest.Sign(t, alg, jose.JSONWebKey{Key: key, KeyID: kid}, servicetest.Claims(acme.String()))
}

// An issuer that publishes very many keys, or very much, makes no work: its set is
// refused as a whole, and the error, which the service logs, says so.
func TestKeySetsAreBounded(t *testing.T) {
	t.Parallel()
	private, public := edKeys(t, 51)
	p := newPublisher(t, setOf(t, public...))
	for range 3 {
		_, err := p.tokens(t).Verify(t.Context(), sign(t, jose.EdDSA, private[0], ""))
		if !errors.Is(err, identity.ErrUnavailable) || !strings.Contains(err.Error(), "51 keys, and more than 50 are not looked at") {
			t.Errorf("51 keys: %v", err)
		}
	}
	p.answer.Store(setOf(t, public[:50]...))
	if _, err := p.tokens(t).Verify(t.Context(), sign(t, jose.EdDSA, private[0], "")); err != nil {
		t.Errorf("50 keys: %v", err)
	}
	p.answer.Store(`{"keys":[],"pad":"` + strings.Repeat("x", 256<<10) + `"}`)
	if _, err := p.tokens(t).Verify(t.Context(), sign(t, jose.EdDSA, private[0], "")); !errors.Is(err, identity.ErrUnavailable) || !strings.Contains(err.Error(), "more than 262144 bytes") {
		t.Errorf("a long answer: %v", err)
	}
}

// A token that does not name its key is tried by few, also when the keys were just
// fetched anew; one that does is tried by that one first.
func TestTriesAreBounded(t *testing.T) {
	t.Parallel()
	private, public := edKeys(t, 50)
	public[40].KeyID = "named"
	p := newPublisher(t, setOf(t, public...))
	clock := newClock()
	tokens := p.tokens(t)
	identity.SetClock(tokens, clock.now)
	verify := func(token string) error {
		_, err := tokens.Verify(t.Context(), token)
		return err
	}
	for i, want := range map[int]error{0: nil, 7: nil, 8: identity.ErrInvalid, 49: identity.ErrInvalid} {
		if err := verify(sign(t, jose.EdDSA, private[i], "")); !errors.Is(err, want) {
			t.Errorf("key %d: %v", i, err)
		}
	}
	if err := verify(sign(t, jose.EdDSA, private[40], "named")); err != nil {
		t.Errorf("a key by its name, after many without one: %v", err)
	}
	forged := sign(t, jose.EdDSA, edKey(t), "")
	if err := verify(forged); !errors.Is(err, identity.ErrInvalid) || !strings.Contains(err.Error(), "none of 8 keys") {
		t.Errorf("the set is the same: %v", err)
	}
	clock.add(identity.KeyRest)
	fresh := edKey(t)
	p.answer.Store(setOf(t, append([]jose.JSONWebKey{{Key: fresh.Public()}}, public[:40]...)...))
	if err := verify(forged); !errors.Is(err, identity.ErrInvalid) || !strings.Contains(err.Error(), "none of 9 keys") {
		t.Errorf("the set has one new key: %v", err)
	}
	if err := verify(sign(t, jose.EdDSA, fresh, "")); err != nil {
		t.Errorf("the new key: %v", err)
	}
}

// Of what an issuer publishes only keys that verify signatures count.
func TestUsableKeys(t *testing.T) {
	t.Parallel()
	key := edKey(t)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	huge := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 8192, 1), E: 65537}
	good := setOf(t, jose.JSONWebKey{Key: key.Public()})
	for name, c := range map[string]struct {
		set   string
		alg   jose.SignatureAlgorithm
		key   crypto.PrivateKey
		tried bool
	}{
		"good":                  {good, jose.EdDSA, key, true},
		"for signatures":        {setOf(t, jose.JSONWebKey{Key: key.Public(), Use: "sig"}), jose.EdDSA, key, true},
		"for encryption":        {setOf(t, jose.JSONWebKey{Key: key.Public(), Use: "enc"}), jose.EdDSA, key, false},
		"to verify":             {strings.Replace(good, `{"kty"`, `{"key_ops":["verify"],"kty"`, 1), jose.EdDSA, key, true},
		"to wrap keys":          {strings.Replace(good, `{"kty"`, `{"key_ops":["wrapKey"],"kty"`, 1), jose.EdDSA, key, false},
		"of another algorithm":  {setOf(t, jose.JSONWebKey{Key: ec.Public(), Algorithm: "ES384"}), jose.ES256, ec, false},
		"of its algorithm":      {setOf(t, jose.JSONWebKey{Key: ec.Public(), Algorithm: "ES256"}), jose.ES256, ec, true},
		"of 1024 bits":          {setOf(t, jose.JSONWebKey{Key: short.Public()}), jose.RS256, short, false},
		"with the private part": {setOf(t, jose.JSONWebKey{Key: key}), jose.EdDSA, key, false},
	} {
		p := newPublisher(t, c.set)
		_, err := p.tokens(t).Verify(t.Context(), sign(t, c.alg, c.key, ""))
		if (err == nil) != c.tried || (err != nil && !strings.Contains(err.Error(), "none of 0 keys")) {
			t.Errorf("a key %s: %v", name, err)
		}
	}
	issuer := servicetest.NewIssuer(t)
	p := newPublisher(t, setOf(t, jose.JSONWebKey{Key: huge}))
	if _, err := p.tokens(t).Verify(t.Context(), sign(t, jose.RS256, issuer.Keys[jose.RS256], "")); !errors.Is(err, identity.ErrInvalid) || !strings.Contains(err.Error(), "none of 0 keys") {
		t.Errorf("a key of 8193 bits: %v", err)
	}
}

// An issuer that publishes no key any more has withdrawn those that were known.
func TestEmptySetWithdrawsKeys(t *testing.T) {
	t.Parallel()
	key := edKey(t)
	p := newPublisher(t, setOf(t, jose.JSONWebKey{Key: key.Public(), KeyID: "1"}))
	clock := newClock()
	tokens := p.tokens(t)
	identity.SetClock(tokens, clock.now)
	token := sign(t, jose.EdDSA, key, "1")
	verify := func(token string) error {
		_, err := tokens.Verify(t.Context(), token)
		return err
	}
	if err := verify(token); err != nil {
		t.Fatal(err)
	}
	for _, broken := range []string{`{}`, `{"keys":null}`, `{"keys":{}}`, `{"error":"try later"}`, `not JSON`} {
		p.answer.Store(broken)
		clock.add(identity.KeyRest)
		if err := verify(sign(t, jose.EdDSA, edKey(t), "2")); !errors.Is(err, identity.ErrUnavailable) {
			t.Errorf("%s is an answer: %v", broken, err)
		}
		if err := verify(token); err != nil {
			t.Errorf("%s withdraws keys: %v", broken, err)
		}
	}
	p.answer.Store(`{"keys":[]}`)
	clock.add(identity.KeyRest)
	if err := verify(sign(t, jose.EdDSA, edKey(t), "2")); !errors.Is(err, identity.ErrInvalid) {
		t.Errorf("a token while there are no keys: %v", err)
	}
	if err := verify(token); !errors.Is(err, identity.ErrInvalid) {
		t.Errorf("a token by the withdrawn key: %v", err)
	}
	p.answer.Store(setOf(t, jose.JSONWebKey{Key: key.Public(), KeyID: "1"}))
	clock.add(identity.KeyRest + time.Second)
	if err := verify(token); err != nil {
		t.Errorf("the key is back: %v", err)
	}
}
