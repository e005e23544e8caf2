package identity_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/outbound"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// A tenant's issuer has the service ask nothing but public addresses, whatever its
// name says, its discovery answers, or the registry has as the place of its keys.
// The issuer of the settings may be anywhere.
func TestIssuersOfTenantsArePublic(t *testing.T) {
	t.Parallel()
	own := servicetest.NewIssuer(t)
	var asked atomic.Int64
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(inner.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(inner.URL, "http://"), ":")
	const elsewhere = "https://id.acme.example"
	for name, c := range map[string]struct{ issuer, keys string }{
		"discovered":        {inner.URL, ""},
		"keys on loopback":  {elsewhere, inner.URL},
		"by a name":         {elsewhere, "http://localhost:" + port},
		"in short":          {elsewhere, "https://127.1:" + port},
		"mapped to IPv6":    {elsewhere, "https://[::ffff:127.0.0.1]:" + port},
		"the cloud's":       {elsewhere, "https://169.254.169.254/latest"},
		"a private network": {elsewhere, "https://10.255.255.1/"},
	} {
		tokens := newTokens(t, identity.Config{Issuers: &registry{all: map[[2]string]identity.Issuer{{c.issuer, "acme"}: {Tenant: acme, JWKSURL: c.keys}}}})
		_, err := tokens.Verify(t.Context(), own.Sign(t, jose.EdDSA, with(claimsOf(own, acme), map[string]any{"iss": c.issuer, "aud": "acme"})))
		notFound := strings.Contains(c.keys, "127.1:") && err != nil && strings.Contains(err.Error(), "no such host")
		if !errors.Is(err, identity.ErrUnavailable) || !errors.Is(err, outbound.ErrPrivate) && !notFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the inner service was asked %d times", n)
	}
	reg := &registry{all: map[[2]string]identity.Issuer{{own.URL, "acme"}: {Tenant: acme}}}
	tokens := newTokens(t, identity.Config{PrivateIssuers: true, Issuers: reg})
	if _, err := tokens.Verify(t.Context(), own.Sign(t, jose.EdDSA, with(claimsOf(own, acme), map[string]any{"aud": "acme"}))); err != nil {
		t.Errorf("where they may be private: %v", err)
	}
}

// Discovery leads to no loopback address unless the issuer has one, and nobody is
// redirected.
func TestDiscoveryLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	for issuer, keys := range map[string]string{
		"https://id.acme.example": "http://127.0.0.1/keys", "https://id.example": "http://localhost:9090/v1", "https://10.0.0.1": "https://[::1]/",
		"https://127.0.0.1.acme.example": "https://LOCALHOST./",
	} {
		if err := identity.CheckKeysURL(issuer, keys); err == nil || !strings.Contains(err.Error(), "must not be a loopback address") {
			t.Errorf("%s has its keys at %s: %v", issuer, keys, err)
		}
	}
	for issuer, keys := range map[string]string{"https://id.example": "https://keys.example/", "http://127.0.0.1:8080": "http://localhost:8081/keys"} {
		if err := identity.CheckKeysURL(issuer, keys); err != nil {
			t.Errorf("%s has its keys at %s: %v", issuer, keys, err)
		}
	}
	var asked atomic.Int64
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(inner.Close)
	var outer *httptest.Server
	outer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			http.Redirect(w, r, inner.URL, http.StatusFound)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": outer.URL, "jwks_uri": outer.URL + "/keys"})
	}))
	t.Cleanup(outer.Close)
	own := servicetest.NewIssuer(t)
	tokens := newTokens(t, identity.Config{Issuer: outer.URL, Audience: servicetest.Audience})
	_, err := tokens.Verify(t.Context(), own.Sign(t, jose.EdDSA, with(claimsOf(own, acme), map[string]any{"iss": outer.URL})))
	if !errors.Is(err, identity.ErrUnavailable) || !strings.Contains(err.Error(), "answers 302") || asked.Load() != 0 {
		t.Errorf("a redirect: %v, %d", err, asked.Load())
	}
}
