package identity_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
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

// FuzzToken: nothing but what the issuer has signed is a token, whether it is made
// up as a whole or of a header and claims with a signature of something else, and
// nothing makes the reader of one fail otherwise.
func FuzzToken(f *testing.F) {
	issuer := servicetest.NewIssuer(f)
	good := issuer.Sign(f, jose.EdDSA, servicetest.Claims(acme.String()))
	parts := strings.Split(good, ".")
	for _, seed := range []string{
		good, "", ".", "..", "...", "a.b.c", parts[0] + "." + parts[1] + ".", parts[0] + ".." + parts[2], "." + parts[1] + "." + parts[2],
		"eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "eyJhbGciOiJFZERTQSIsImNyaXQiOlsieCJdfQ.e30.AAAA",
		"eyJhbGciOiJFZERTQSIsImFsZyI6Im5vbmUifQ.e30.", good + "=", good + "\n", strings.Repeat("a.", 100),
	} {
		f.Add(seed, `{"alg":"none"}`, string(decode(f, parts[1])))
	}
	for _, header := range []string{
		string(decode(f, parts[0])), `{"alg":"HS256","kid":"EdDSA"}`, `{"alg":"HS256","kid":"RS256"}`, `{"alg":"RS256","kid":"EdDSA"}`,
		`{"alg":"EdDSA","kid":"EdDSA","b64":false,"crit":["b64"]}`, `{"alg":"EdDSA","jku":"http://127.0.0.1/"}`,
		`{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}`,
	} {
		f.Add(good, header, string(decode(f, parts[1])))
		f.Add(good, header, `{"iss":"https://id.example","aud":"api","sub":"mallory","exp":9999999999,"tenant":"`+acme.String()+`"}`)
	}
	tokens, err := identity.NewTokens(identity.Config{
		Issuer: servicetest.IssuerName, Audience: servicetest.Audience, JWKSURL: issuer.URL, ScopeClaim: "scope",
	})
	if err != nil {
		f.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(issuer.Keys[jose.RS256].Public())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw, header, claims string) {
		signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
		m := hmac.New(sha256.New, public)
		m.Write([]byte(signed))
		for _, token := range []string{raw, signed + "." + parts[2], signed + ".", signed + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))} {
			caller, err := tokens.Verify(t.Context(), token)
			switch {
			case err == nil && (caller.Subject != servicetest.Subject || caller.Tenant != acme):
				t.Errorf("%q is taken for %+v", token, caller)
			case err == nil && !strings.HasPrefix(token, parts[0]+"."+parts[1]+"."):
				t.Errorf("%q is not what was signed", token)
			case err != nil && !errors.Is(err, identity.ErrInvalid):
				t.Errorf("%q: %v", token, err)
			}
		}
	})
}

func decode(f *testing.F, part string) []byte {
	f.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		f.Fatal(err)
	}
	return text
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
