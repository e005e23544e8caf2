package identity_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// FuzzToken: nothing but what the issuer has signed is a token, and nothing makes
// the reader of one fail otherwise.
func FuzzToken(f *testing.F) {
	issuer := servicetest.NewIssuer(f)
	good := issuer.Sign(f, jose.EdDSA, servicetest.Claims(acme.String()))
	parts := strings.Split(good, ".")
	for _, seed := range []string{
		good, "", ".", "..", "...", "a.b.c", parts[0] + "." + parts[1] + ".", parts[0] + ".." + parts[2], "." + parts[1] + "." + parts[2],
		"eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "eyJhbGciOiJFZERTQSIsImNyaXQiOlsieCJdfQ.e30.AAAA",
		"eyJhbGciOiJFZERTQSIsImFsZyI6Im5vbmUifQ.e30.", good + "=", good + "\n", strings.Repeat("a.", 100),
	} {
		f.Add(seed)
	}
	tokens, err := identity.NewTokens(identity.Config{
		Issuer: servicetest.IssuerName, Audience: servicetest.Audience, JWKSURL: issuer.URL, ScopeClaim: "scope",
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		caller, err := tokens.Verify(t.Context(), raw)
		switch {
		case err == nil && (caller.Subject != servicetest.Subject || caller.Tenant != acme):
			t.Errorf("%q is taken for %+v", raw, caller)
		case err == nil && strings.Split(raw, ".")[1] != parts[1]:
			t.Errorf("%q is not what was signed", raw)
		case err != nil && !errors.Is(err, identity.ErrInvalid):
			t.Errorf("%q: %v", raw, err)
		}
	})
}

// FuzzClaim: a path finds nothing that is not there.
func FuzzClaim(f *testing.F) {
	for _, name := range []string{"tenant", "app.tenant", "app.", ".", "", "app..tenant", "a.b.c", "https://id.example/tenant"} {
		f.Add(name)
	}
	all := map[string]any{"tenant": "1", "app": map[string]any{"tenant": "2", "": map[string]any{"x": "3"}}, "a.b": map[string]any{"c": "4"}, "list": []any{"5"}}
	f.Fuzz(func(t *testing.T, name string) {
		value, found := identity.Claim(all, name).(string)
		if want := map[string]string{"tenant": "1", "app.tenant": "2", "app..x": "3"}; found && want[name] != value {
			t.Errorf("%q finds %q", name, value)
		}
	})
}

// FuzzBearer: whatever the header, a credential has no white space and is in it.
func FuzzBearer(f *testing.F) {
	for _, seed := range []string{"Bearer x", "bearer x", "Bearer  x ", "Basic x", "Bearer", "Bearer ", "Bearer a b", "Bearer\tx", "Bearer x, Bearer y", "x", ""} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, value string, twice bool) {
		r := &http.Request{Header: http.Header{"Authorization": {value}}}
		if twice {
			r.Header.Add("Authorization", value)
		}
		raw, ok := identity.Bearer(r)
		if !ok {
			return
		}
		if twice || raw == "" || len(raw) > identity.MaxToken || strings.ContainsAny(raw, " \t") || !strings.HasSuffix(strings.TrimSpace(value), raw) || !strings.EqualFold(value[:6], "bearer") {
			t.Errorf("%q gives %q", value, raw)
		}
	})
}

// FuzzAPIKey: what is read as a key is written as it was, and none is one of ours.
func FuzzAPIKey(f *testing.F) {
	ring := parseRing(f, keyring.Generate("k1"))
	good := identity.NewAPIKey(ring, acme).String()
	for _, seed := range []string{"", "bw_", "bw_.", "bw_acme0001.secret", good[:20], strings.ToUpper(good), good + ".", "eyJhbGciOiJub25lIn0.e30."} {
		f.Add(seed)
	}
	f.Add("bw_aaaaaaaaaaaaaaaaaaaaaaaaaa." + strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, text string) {
		key, ok := identity.ParseAPIKey(text)
		if ok && key.String() != text {
			t.Errorf("%q is read as %q", text, key)
		}
		if key.Minted(ring) || key.For(ring, acme) || key.For(ring, tenant.ID{}) {
			t.Errorf("%q passes for one of ours", text)
		}
	})
}
