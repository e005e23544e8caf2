package servicetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// What the tokens of an [Issuer] say of themselves, and whose they are.
const (
	IssuerName = "https://id.example"
	Audience   = "api"
	Subject    = "alice@example.org"
	// ScopeClaim is what to set SCOPE_CLAIM to for tokens with scopes.
	ScopeClaim = "scope"
)

// rsaKey is the RSA key of every issuer of this process: making one takes as long
// as a small test.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// Issuer is an identity provider with one key of each algorithm that a service
// accepts. Its URL is where the public keys are, for JWKS_URL, and what it calls
// itself where it is discovered.
type Issuer struct {
	*httptest.Server

	// Keys are the private keys. The name of an algorithm is its key's id. The
	// RSA key is the same for all issuers of a process.
	Keys map[jose.SignatureAlgorithm]crypto.Signer
	// mu guards Keys and old from [Issuer.Rotate] on.
	mu  sync.Mutex
	old int // how often the keys were rotated
	// Fetches counts how often the public keys were asked for.
	Fetches atomic.Int64
	// Down makes it answer with an error.
	Down atomic.Bool
}

// NewIssuer starts an identity provider. It ends with the test.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	is := &Issuer{Keys: map[jose.SignatureAlgorithm]crypto.Signer{jose.EdDSA: edKey, jose.ES256: ecKey, jose.RS256: rsaKey}}
	is.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := is.discovery()
		if r.URL.Path != discoveryPath {
			is.Fetches.Add(1)
			answer = is.keySet()
		}
		if is.Down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(is.Close)
	return is
}

const discoveryPath = "/.well-known/openid-configuration"

func (is *Issuer) discovery() any {
	return map[string]string{"issuer": is.URL, "jwks_uri": is.URL + "/keys"}
}

func (is *Issuer) keySet() any {
	is.mu.Lock()
	defer is.mu.Unlock()
	var set jose.JSONWebKeySet
	for alg, key := range is.Keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: is.kid(alg), Algorithm: string(alg), Use: "sig"})
	}
	return set
}

// kid is the id of the key of an algorithm.
func (is *Issuer) kid(alg jose.SignatureAlgorithm) string {
	return string(alg) + strings.Repeat("'", is.old)
}

// Rotate puts a new key of ECDSA in the place of the old one, and gives the others
// new ids.
func (is *Issuer) Rotate(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	is.mu.Lock()
	defer is.mu.Unlock()
	is.Keys[jose.ES256] = key
	is.old++
}

// Settings are the variables by which a service accepts the issuer's tokens.
func (is *Issuer) Settings() []string {
	return []string{"ISSUER=" + IssuerName, "AUDIENCE=" + Audience, "JWKS_URL=" + is.URL}
}

// Claims are those of a valid token of [Subject]; the tenant is one's id.
func Claims(tenantID string) map[string]any {
	return map[string]any{
		"iss": IssuerName, "aud": Audience, "sub": Subject, "tenant": tenantID,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
}

// Token signs a token of a tenant's user, valid for an hour. Scopes stand in
// [ScopeClaim], which only a service with SCOPE_CLAIM reads; what the user may do is
// otherwise for the project's Members to say.
func (is *Issuer) Token(t testing.TB, of tenant.Tenant, subject string, scopes ...string) string {
	t.Helper()
	claims := Claims(of.ID.String())
	claims["sub"] = subject
	if len(scopes) > 0 {
		claims[ScopeClaim] = strings.Join(scopes, " ")
	}
	return is.Sign(t, jose.ES256, claims)
}

// Sign signs any claims by the key of an algorithm.
func (is *Issuer) Sign(t testing.TB, alg jose.SignatureAlgorithm, claims map[string]any) string {
	t.Helper()
	is.mu.Lock()
	key := jose.JSONWebKey{Key: is.Keys[alg], KeyID: is.kid(alg)}
	is.mu.Unlock()
	return Sign(t, alg, key, claims)
}

// Sign signs any claims by any key, as an attacker would.
func Sign(t testing.TB, alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}
