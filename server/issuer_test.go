package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	testIssuer   = "https://id.example"
	testAudience = "api"
)

// issuer is an identity provider with one key of each allowed algorithm.
type issuer struct {
	*httptest.Server

	keys    map[jose.SignatureAlgorithm]crypto.Signer
	fetches atomic.Int64
	down    atomic.Bool
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	is := &issuer{keys: map[jose.SignatureAlgorithm]crypto.Signer{jose.EdDSA: edKey, jose.ES256: ecKey, jose.RS256: rsaKey}}
	is.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		is.fetches.Add(1)
		if is.down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		var set jose.JSONWebKeySet
		for alg, key := range is.keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: string(alg), Algorithm: string(alg), Use: "sig"})
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(set); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(is.Close)
	return is
}

// claims are those of a valid token of a tenant's user.
func claims(tenantID string) map[string]any {
	return map[string]any{
		"iss": testIssuer, "aud": testAudience, "sub": "alice@example.org", "tenant": tenantID,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
}

// with changes claims; a nil value removes one.
func with(base map[string]any, name string, value any) map[string]any {
	changed := maps.Clone(base)
	changed[name] = value
	if value == nil {
		delete(changed, name)
	}
	return changed
}

func (is *issuer) sign(t *testing.T, alg jose.SignatureAlgorithm, c map[string]any) string {
	t.Helper()
	return sign(t, alg, jose.JSONWebKey{Key: is.keys[alg], KeyID: string(alg)}, c)
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, c map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// unsigned makes a token with "alg": "none".
func unsigned(t *testing.T, c map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode(payload) + "."
}

// confused makes a token whose shared secret is the issuer's public key.
func (is *issuer) confused(t *testing.T, c map[string]any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(is.keys[jose.RS256].Public())
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, jose.HS256, jose.JSONWebKey{Key: der, KeyID: string(jose.RS256)}, c)
}
