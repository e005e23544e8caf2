package service_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

func TestTenantAndSubjectReachTheHandler(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	for _, alg := range []jose.SignatureAlgorithm{jose.EdDSA, jose.ES256, jose.RS256} {
		for i, host := range []string{"acme.app.example", "GLOBEX.App.Example.:8443"} {
			res, body := g.ask(t, "/whoami", host, g.issuer.Sign(t, alg, servicetest.Claims(g.Tenants[i].ID.String())), nil)
			if res.StatusCode != http.StatusOK || !strings.Contains(body, g.Tenants[i].Schema()) || !strings.Contains(body, "alice@example.org") {
				t.Errorf("%s at %s: %d %s", alg, host, res.StatusCode, body)
			}
		}
	}
}

// Attack 4: a token is good at its own tenant's host only; refused before any tenant's SQL.
func TestAttack4TokenOfAnotherTenant(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	a, b := g.Tenants[0], g.Tenants[1]
	for name, c := range map[string]struct {
		host   string
		claims map[string]any
	}{
		"A at B":          {"globex.app.example", servicetest.Claims(a.ID.String())},
		"B at A":          {"acme.app.example", servicetest.Claims(b.ID.String())},
		"no claim":        {"acme.app.example", with(servicetest.Claims(""), "tenant", nil)},
		"empty claim":     {"acme.app.example", servicetest.Claims("")},
		"the slug":        {"acme.app.example", servicetest.Claims("acme")},
		"zero":            {"acme.app.example", servicetest.Claims(tenant.ID{}.String())},
		"the schema":      {"acme.app.example", servicetest.Claims(a.Schema())},
		"a list of both":  {"acme.app.example", with(servicetest.Claims(""), "tenant", []string{a.ID.String(), b.ID.String()})},
		"a number":        {"acme.app.example", with(servicetest.Claims(""), "tenant", 1)},
		"an object":       {"acme.app.example", with(servicetest.Claims(""), "tenant", map[string]string{"id": a.ID.String()})},
		"in another case": {"acme.app.example", with(with(servicetest.Claims(""), "tenant", nil), "Tenant", a.ID.String())},
	} {
		res, body := g.ask(t, "/whoami", c.host, g.issuer.Sign(t, jose.EdDSA, c.claims), nil)
		if res.StatusCode != http.StatusForbidden || res.Header.Get("Content-Type") != rest.ContentType {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
		for _, secret := range []string{a.ID.String(), b.ID.String(), a.Schema(), b.Schema()} {
			if strings.Contains(body, secret) {
				t.Errorf("%s: the answer names %s: %s", name, secret, body)
			}
		}
	}
	if n, _ := g.counter.counts(); n != 0 {
		t.Errorf("%d statements of tenants", n)
	}
}

// Attack 5: what is not a valid token is 401, before any SQL at all.
func TestAttack5InvalidTokens(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	good := servicetest.Claims(g.Tenants[0].ID.String())
	stranger := servicetest.NewIssuer(t)
	signed := g.issuer.Sign(t, jose.EdDSA, good)
	otherPayload := strings.Split(g.issuer.Sign(t, jose.EdDSA, servicetest.Claims(g.Tenants[1].ID.String())), ".")
	parts := strings.Split(signed, ".")
	for name, token := range map[string]string{
		"none":             unsigned(t, good),
		"none, signed":     strings.TrimSuffix(unsigned(t, good), ".") + "." + parts[2],
		"public key as HS": confused(t, g.issuer, good),
		"issuer":           g.issuer.Sign(t, jose.EdDSA, with(good, "iss", "https://evil.example")),
		"no issuer":        g.issuer.Sign(t, jose.EdDSA, with(good, "iss", nil)),
		"audience":         g.issuer.Sign(t, jose.EdDSA, with(good, "aud", "other")),
		"no audience":      g.issuer.Sign(t, jose.EdDSA, with(good, "aud", nil)),
		"expired":          g.issuer.Sign(t, jose.EdDSA, with(good, "exp", time.Now().Add(-time.Minute).Unix())),
		"no expiry":        g.issuer.Sign(t, jose.EdDSA, with(good, "exp", nil)),
		"not yet":          g.issuer.Sign(t, jose.EdDSA, with(good, "nbf", time.Now().Add(time.Hour).Unix())),
		"no subject":       g.issuer.Sign(t, jose.EdDSA, with(good, "sub", nil)),
		"other key":        stranger.Sign(t, jose.EdDSA, good),
		"other algorithm":  servicetest.Sign(t, jose.PS256, jose.JSONWebKey{Key: g.issuer.Keys[jose.RS256], KeyID: "RS256"}, good),
		"swapped payload":  parts[0] + "." + otherPayload[1] + "." + parts[2],
		"no signature":     parts[0] + "." + parts[1] + ".",
		"not a token":      "hello",
		"long":             strings.Repeat("a", service.MaxToken+1),
		"none at all":      "",
	} {
		res, body := g.ask(t, "/whoami", "acme.app.example", token, nil)
		if res.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
	for name, values := range map[string][]string{
		"two":    {"Bearer " + signed, "Bearer " + signed},
		"basic":  {"Basic " + signed},
		"scheme": {signed},
		"blank":  {"Bearer "},
	} {
		res, body := g.ask(t, "/whoami", "acme.app.example", "", func(r *http.Request) { r.Header["Authorization"] = values })
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
	if tenants, public := g.counter.counts(); tenants != 0 || public != 0 {
		t.Errorf("%d statements of tenants, %d of the shared schema", tenants, public)
	}
	if n := g.issuer.Fetches.Load(); n != 1 {
		t.Errorf("the issuer was asked %d times for its keys", n)
	}
}

func TestUnreachableIssuerIs503(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	g.issuer.Down.Store(true)
	res, body := g.ask(t, "/whoami", "acme.app.example", g.valid(t, 0), nil)
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	g.issuer.Down.Store(false)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) { // It is not asked at each request.
		res, body := g.ask(t, "/whoami", "acme.app.example", g.valid(t, 0), nil)
		if res.StatusCode == http.StatusOK {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
	}
}

// Attack 25: without a token nobody learns whether a tenant exists, not even by the work done.
func TestAttack25NoTokenLearnsNothing(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	for _, path := range []string{"/whoami", "/account", "/plans", "/version", "/nothing"} {
		res, body := g.ask(t, path, "acme.app.example", "", nil)
		other, otherBody := g.ask(t, path, "nobody.app.example", "", nil)
		res.Header.Del("X-Request-ID")
		other.Header.Del("X-Request-ID")
		if res.StatusCode != other.StatusCode || body != otherBody || len(res.Header) != len(other.Header) {
			t.Errorf("%s: %d %s %v and %d %s %v", path, res.StatusCode, body, res.Header, other.StatusCode, otherBody, other.Header)
		}
	}
	if tenants, public := g.counter.counts(); tenants != 0 || public != 0 {
		t.Errorf("%d statements of tenants, %d of the shared schema", tenants, public)
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	token := g.valid(t, 0)
	for name, c := range map[string]struct {
		path, host, token string
		status            int
	}{
		"none needs no host":          {"/version", "127.0.0.1", "", 200},
		"public at the base domain":   {"/plans", "app.example", "", 200},
		"public at a tenant":          {"/plans", "acme.app.example", "", 200},
		"public elsewhere":            {"/plans", "127.0.0.1", "", 404},
		"secured public, no token":    {"/account", "app.example", "", 401},
		"secured public":              {"/account", "app.example", token, 200},
		"secured public, own tenant":  {"/account", "acme.app.example", token, 200},
		"secured public, other":       {"/account", "globex.app.example", token, 403},
		"tenant's at the base domain": {"/whoami", "app.example", token, 404},
	} {
		if res, body := g.ask(t, c.path, c.host, c.token, nil); res.StatusCode != c.status {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
}

func TestOnlyActiveTenantsAreServed(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	for _, state := range []string{"suspended", "provisioning", "offboarding", "purged", "active"} {
		execOwner(t, g.DB, "UPDATE public.tenants SET state = $1 WHERE slug = 'acme'", state)
		want := 403
		if state == "active" {
			want = 200
		}
		if res, body := g.ask(t, "/whoami", "acme.app.example", g.valid(t, 0), nil); res.StatusCode != want {
			t.Errorf("%s: %d %s", state, res.StatusCode, body)
		}
	}
}

// Attack 12: a tenant whose schema is gone gets an error, never another's rows.
func TestAttack12MissingSchema(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	execOwner(t, g.DB, "DROP SCHEMA "+g.Tenants[0].Schema()+" CASCADE")
	execOwner(t, g.DB, "CREATE TABLE public.scans (id bigint)")
	execOwner(t, g.DB, "GRANT SELECT ON public.scans TO PUBLIC")
	q := g.Bind(t, 0)
	if _, err := q.Exec(t.Context(), "SELECT id FROM scans"); tenant.CodeOf(err) != tenant.CodeSchema {
		t.Errorf("%v", err)
	}
}

func TestProbes(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		if res, body := g.ask(t, path, "10.0.0.7:8080", "", nil); res.StatusCode != http.StatusOK || !strings.Contains(body, "ok") {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
	g.DB.DB.Close()
	if res, _ := g.ask(t, "/healthz", "10.0.0.7", "", nil); res.StatusCode != http.StatusOK {
		t.Errorf("healthz without a database: %d", res.StatusCode)
	}
	if res, body := g.ask(t, "/readyz", "10.0.0.7", "", nil); res.StatusCode != http.StatusServiceUnavailable || strings.Contains(body, "closed") {
		t.Errorf("readyz without a database: %d %s", res.StatusCode, body)
	}
}
