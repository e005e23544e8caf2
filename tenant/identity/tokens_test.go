package identity_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

var acme, globex = tenant.NewID(), tenant.NewID()

// with changes claims; a nil value removes one.
func with(base map[string]any, changes map[string]any) map[string]any {
	changed := maps.Clone(base)
	for name, value := range changes {
		if changed[name] = value; value == nil {
			delete(changed, name)
		}
	}
	return changed
}

func newTokens(t *testing.T, c identity.Config) *identity.Tokens {
	t.Helper()
	tokens, err := identity.NewTokens(c)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// discovered trusts the issuer by its own name, and asks it where its keys are.
func discovered(issuer *servicetest.Issuer) identity.Config {
	return identity.Config{Issuer: issuer.URL, Audience: servicetest.Audience}
}

func claimsOf(issuer *servicetest.Issuer, id tenant.ID) map[string]any {
	return with(servicetest.Claims(id.String()), map[string]any{"iss": issuer.URL})
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	issuer := servicetest.NewIssuer(t)
	tokens := newTokens(t, discovered(issuer))
	for _, alg := range []jose.SignatureAlgorithm{jose.EdDSA, jose.ES256, jose.RS256} {
		got, err := tokens.Verify(t.Context(), issuer.Sign(t, alg, claimsOf(issuer, acme)))
		if err != nil || got.Subject != servicetest.Subject || got.Tenant != acme || time.Since(got.IssuedAt) > time.Minute || got.Scopes != nil {
			t.Errorf("%s: %+v, %v", alg, got, err)
		}
	}
	if n := issuer.Fetches.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
	// An issuer that calls itself otherwise is somebody else's.
	other := newTokens(t, identity.Config{Issuer: issuer.URL + "/", Audience: servicetest.Audience})
	token := issuer.Sign(t, jose.EdDSA, with(claimsOf(issuer, acme), map[string]any{"iss": issuer.URL + "/"}))
	if _, err := other.Verify(t.Context(), token); !errors.Is(err, identity.ErrUnavailable) {
		t.Errorf("discovery of another name: %v", err)
	}
}

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	issuer := servicetest.NewIssuer(t)
	config := discovered(issuer)
	config.Algorithms = []string{"ES256"}
	tokens := newTokens(t, config)
	if _, err := tokens.Verify(t.Context(), issuer.Sign(t, jose.ES256, claimsOf(issuer, acme))); err != nil {
		t.Error(err)
	}
	if _, err := tokens.Verify(t.Context(), issuer.Sign(t, jose.RS256, claimsOf(issuer, acme))); !errors.Is(err, identity.ErrInvalid) {
		t.Errorf("RS256 where ES256 alone is allowed: %v", err)
	}
	for _, name := range []string{"none", "None", "HS256", "HS384", "HS512", "", "es256", "RSA-OAEP", "dir"} {
		config.Algorithms = []string{name}
		if _, err := identity.NewTokens(config); err == nil {
			t.Errorf("%q is allowed", name)
		}
	}
}

func TestClockSkew(t *testing.T) {
	t.Parallel()
	issuer := servicetest.NewIssuer(t)
	config := discovered(issuer)
	config.Skew = time.Minute
	lenient, strict := newTokens(t, config), newTokens(t, discovered(issuer))
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for name, c := range map[string]struct {
		changes         map[string]any
		lenient, strict bool
	}{
		"good":                    {nil, true, true},
		"just expired":            {map[string]any{"exp": at(-30 * time.Second)}, true, false},
		"long expired":            {map[string]any{"exp": at(-2 * time.Minute)}, false, false},
		"no expiry":               {map[string]any{"exp": nil}, false, false},
		"valid in a moment":       {map[string]any{"nbf": at(30 * time.Second)}, true, false},
		"valid later":             {map[string]any{"nbf": at(2 * time.Minute)}, false, false},
		"issued in a moment":      {map[string]any{"iat": at(30 * time.Second)}, true, false},
		"issued later":            {map[string]any{"iat": at(2 * time.Minute)}, false, false},
		"nobody says when issued": {map[string]any{"iat": nil}, true, true},
		"a time as text":          {map[string]any{"exp": "tomorrow"}, false, false},
	} {
		token := issuer.Sign(t, jose.EdDSA, with(claimsOf(issuer, acme), c.changes))
		for i, tokens := range []*identity.Tokens{lenient, strict} {
			_, err := tokens.Verify(t.Context(), token)
			if want := []bool{c.lenient, c.strict}[i]; (err == nil) != want || (err != nil && !errors.Is(err, identity.ErrInvalid)) {
				t.Errorf("%s, verifier %d: %v", name, i, err)
			}
		}
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	issuer := servicetest.NewIssuer(t)
	config := discovered(issuer)
	config.TenantClaim, config.SubjectClaim, config.ScopeClaim = "app.tenant", "https://id.example/email", "scope"
	tokens := newTokens(t, config)
	base := with(claimsOf(issuer, globex), map[string]any{"https://id.example/email": "kim@acme.example", "app": map[string]any{"tenant": acme.String()}})
	for name, c := range map[string]struct {
		changes map[string]any
		tenant  tenant.ID
		scopes  []string
	}{
		"a path":                {nil, acme, []string{}},
		"the name goes first":   {map[string]any{"app.tenant": globex.String()}, globex, []string{}},
		"the name is no tenant": {map[string]any{"app.tenant": "acme"}, tenant.ID{}, []string{}},
		"no object":             {map[string]any{"app": acme.String()}, tenant.ID{}, []string{}},
		"no tenant":             {map[string]any{"app": map[string]any{}}, tenant.ID{}, []string{}},
		"a list of tenants":     {map[string]any{"app": map[string]any{"tenant": []any{acme.String()}}}, tenant.ID{}, []string{}},
		"zero":                  {map[string]any{"app": map[string]any{"tenant": tenant.ID{}.String()}}, tenant.ID{}, []string{}},
		"scopes as a text":      {map[string]any{"scope": "read  write"}, acme, []string{"read", "write"}},
		"scopes as a list":      {map[string]any{"scope": []any{"read", 7, "", "write"}}, acme, []string{"read", "write"}},
		"scopes as a number":    {map[string]any{"scope": 7}, acme, []string{}},
	} {
		got, err := tokens.Verify(t.Context(), issuer.Sign(t, jose.EdDSA, with(base, c.changes)))
		want := identity.Caller{Subject: "kim@acme.example", Tenant: c.tenant, IssuedAt: got.IssuedAt, Scopes: c.scopes}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	for _, subject := range []any{nil, "", 7, []any{"kim@acme.example"}} {
		token := issuer.Sign(t, jose.EdDSA, with(base, map[string]any{"https://id.example/email": subject}))
		if _, err := tokens.Verify(t.Context(), token); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("subject %v: %v", subject, err)
		}
	}
}

// registry are issuers of single tenants.
type registry struct {
	mu   sync.Mutex
	all  map[[2]string]identity.Issuer
	fail error
}

func (r *registry) Issuer(_ context.Context, issuer, audience string) (identity.Issuer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return identity.Issuer{}, r.fail
	}
	found, ok := r.all[[2]string{issuer, audience}]
	if !ok {
		return identity.Issuer{}, &tenant.Error{Code: tenant.CodeNotFound, Err: errors.New("no such issuer")}
	}
	return found, nil
}

func TestIssuersOfTenants(t *testing.T) {
	t.Parallel()
	shared, own := servicetest.NewIssuer(t), servicetest.NewIssuer(t)
	reg := &registry{all: map[[2]string]identity.Issuer{
		{own.URL, "acme-api"}:              {Tenant: acme},
		{own.URL, "globex-api"}:            {Tenant: globex, JWKSURL: own.URL + "/keys"},
		{shared.URL, servicetest.Audience}: {Tenant: globex}, // It does not stand in for the shared one.
	}}
	config := discovered(shared)
	config.Issuers, config.PrivateIssuers = reg, true
	tokens := newTokens(t, config)
	base := with(claimsOf(own, acme), map[string]any{"tenant": nil, "aud": "acme-api"})
	for name, c := range map[string]struct {
		signer  *servicetest.Issuer
		changes map[string]any
		want    tenant.ID
		err     error
	}{
		"no claim is needed":         {own, nil, acme, nil},
		"a claim may stand there":    {own, map[string]any{"tenant": acme.String()}, acme, nil},
		"another tenant's claim":     {own, map[string]any{"tenant": globex.String()}, tenant.ID{}, nil},
		"a claim that is none":       {own, map[string]any{"tenant": "acme"}, tenant.ID{}, nil},
		"the other audience":         {own, map[string]any{"aud": "globex-api"}, globex, nil},
		"one of two audiences":       {own, map[string]any{"aud": []any{"other", "acme-api"}}, acme, nil},
		"both tenants' audiences":    {own, map[string]any{"aud": []any{"acme-api", "globex-api"}}, tenant.ID{}, identity.ErrInvalid},
		"an unknown audience":        {own, map[string]any{"aud": "other"}, tenant.ID{}, identity.ErrInvalid},
		"no audience":                {own, map[string]any{"aud": nil}, tenant.ID{}, identity.ErrInvalid},
		"many audiences":             {own, map[string]any{"aud": []any{"1", "2", "3", "4", "5", "6", "7", "8", "acme-api"}}, tenant.ID{}, identity.ErrInvalid},
		"an unknown issuer":          {own, map[string]any{"iss": "https://evil.example"}, tenant.ID{}, identity.ErrInvalid},
		"the shared issuer's key":    {shared, nil, tenant.ID{}, identity.ErrInvalid},
		"its key as the shared one":  {own, map[string]any{"iss": shared.URL, "aud": servicetest.Audience, "tenant": acme.String()}, tenant.ID{}, identity.ErrInvalid},
		"the shared one":             {shared, map[string]any{"iss": shared.URL, "aud": servicetest.Audience, "tenant": acme.String()}, acme, nil},
		"the shared one, no claim":   {shared, map[string]any{"iss": shared.URL, "aud": servicetest.Audience}, tenant.ID{}, nil},
		"the shared one's other aud": {shared, map[string]any{"iss": shared.URL}, tenant.ID{}, identity.ErrInvalid},
	} {
		got, err := tokens.Verify(t.Context(), c.signer.Sign(t, jose.ES256, with(base, c.changes)))
		if !errors.Is(err, c.err) || got.Tenant != c.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	reg.fail = &tenant.Error{Code: tenant.CodeUnavailable, Err: errors.New("down")}
	if _, err := tokens.Verify(t.Context(), own.Sign(t, jose.ES256, base)); !errors.Is(err, identity.ErrUnavailable) {
		t.Errorf("no registry: %v", err)
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"https://id.example", "https://id.example/realms/x/", "http://127.0.0.1:8080", "http://localhost/keys", "http://[::1]:80/"} {
		if err := identity.CheckURL(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"", "id.example", "http://id.example", "ftp://id.example", "https://", "http://localhost.evil.example", "file:///etc/keys", "https:id.example", "http://127.0.0.1.evil.example/", "https://user:pass@id.example/"} {
		if err := identity.CheckURL(url); err == nil || !strings.Contains(err.Error(), "must be an https URL") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// clock is one that is set by the test.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
