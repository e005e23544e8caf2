package attack

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"time"
)

const want401 = "401"

var encoding = base64.RawURLEncoding

// parts reads a JWT without checking it; ok is false for other tokens.
func parts(token string) (header, claims map[string]any, ok bool) {
	split := strings.Split(token, ".")
	if len(split) != 3 {
		return nil, nil, false
	}
	for i, to := range []*map[string]any{&header, &claims} {
		text, err := encoding.DecodeString(split[i])
		if err != nil || json.Unmarshal(text, to) != nil {
			return nil, nil, false
		}
	}
	return header, claims, true
}

// tenantOf is the id of a party's tenant, as its token says; empty when it does not.
func (c *campaign) tenantOf(p Party) string {
	_, claims, _ := parts(p.Token)
	text, _ := claims[c.TenantClaim].(string)
	return text
}

// jwt puts a token together, with whatever signature.
func jwt(header, claims map[string]any, sign func(text string) []byte) string {
	part := func(v map[string]any) string {
		text, _ := json.Marshal(v) //nolint:errchkjson // It was JSON before.
		return encoding.EncodeToString(text)
	}
	text := part(header) + "." + part(claims)
	return text + "." + encoding.EncodeToString(sign(text))
}

func with(of map[string]any, name string, value any) map[string]any {
	changed := maps.Clone(of)
	if changed[name] = value; value == nil {
		delete(changed, name)
	}
	return changed
}

func unsigned(string) []byte { return nil }

func byKey(key string) func(string) []byte {
	return func(text string) []byte {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
}

// tokens is attack 4 where no operation matters, and attack 5.
func (c *campaign) tokens(ctx context.Context) error {
	header, claims, isJWT := parts(c.B.Token)
	if !isJWT {
		c.skip(5, "forged tokens", "B's token is no JWT")
		return nil
	}
	signature := c.B.Token[strings.LastIndex(c.B.Token, ".")+1:]
	old := func(string) []byte { sum, _ := encoding.DecodeString(signature); return sum }
	// A's claims with B's tenant: what A would like to have signed.
	_, mine, _ := parts(c.A.Token)
	stolen := with(mine, "jti", "stolen")
	for name, value := range claims {
		if text, ok := value.(string); ok && text != "" && mine[name] != value && name != "sub" && name != "jti" {
			stolen[name] = value
		}
	}
	for _, forged := range []struct{ name, token string }{
		{"alg none", jwt(map[string]any{"alg": "none", "typ": "JWT"}, claims, unsigned)},
		{"alg None, with a signature", jwt(with(header, "alg", "None"), claims, old)},
		{"no signature", jwt(header, claims, unsigned)},
		{"another token's signature", jwt(header, stolen, old)},
		{"HS256 by an empty key", jwt(with(header, "alg", "HS256"), claims, byKey(""))},
		{"HS256 by the key's name", jwt(with(header, "alg", "HS256"), claims, byKey(fmtKey(header["kid"])))},
		{"HS256, no kid", jwt(map[string]any{"alg": "HS256", "typ": "JWT"}, claims, byKey("secret"))},
		{"kid with a path", jwt(with(with(header, "alg", "HS256"), "kid", "../../dev/null"), claims, byKey(""))},
		{"a later expiry under the old signature", jwt(header, with(claims, "exp", time.Now().Add(8760*time.Hour).Unix()), old)},
		{"no token but its text", "Bearer"}, {"two dots", ".."}, {"a very long one", strings.Repeat("a", 1<<15)},
	} {
		c.refused(ctx, 5, forged.name, c.B.Host, forged.token)
	}
	if err := c.confusion(ctx, header, claims); err != nil {
		return err
	}
	if c.Sign == nil {
		c.skip(5, "signed tokens for another audience, issuer, time", "needs a way to sign tokens: Target.Sign")
		c.skip(4, "a token without the tenant's claim", "needs a way to sign tokens: Target.Sign")
		return nil
	}
	return c.signed(ctx, claims)
}

func fmtKey(kid any) string { text, _ := kid.(string); return text }

// signed sends tokens that the issuer signed, but not for this.
func (c *campaign) signed(ctx context.Context, claims map[string]any) error {
	slug, _, _ := strings.Cut(c.B.Host, ".")
	for _, s := range []struct {
		attack int
		name   string
		claims map[string]any
	}{
		{5, "another audience", with(claims, "aud", "https://other.example")},
		{5, "no audience", with(claims, "aud", nil)},
		{5, "another issuer", with(claims, "iss", "https://evil.example")},
		{5, "expired", with(claims, "exp", time.Now().Add(-time.Hour).Unix())},
		{5, "no expiry", with(claims, "exp", nil)},
		{5, "not valid yet", with(claims, "nbf", time.Now().Add(time.Hour).Unix())},
		{5, "no subject", with(claims, "sub", nil)},
		{4, "no tenant", with(claims, c.TenantClaim, nil)},
		{4, "the zero tenant", with(claims, c.TenantClaim, "00000000-0000-0000-0000-000000000000")},
		{4, "the tenant's slug for its id", with(claims, c.TenantClaim, slug)},
		{4, "a list of tenants", with(claims, c.TenantClaim, []any{claims[c.TenantClaim], c.tenantOf(c.A)})},
	} {
		token, err := c.Sign(s.claims)
		if err != nil {
			return err
		}
		c.refused(ctx, s.attack, "a signed token: "+s.name, c.B.Host, token)
	}
	return nil
}

// refused sends a token that must not be taken: 401, or 403 for one that is valid
// but for nobody here.
func (c *campaign) refused(ctx context.Context, attack int, name, host, token string) {
	r := request{path: c.witness.target(nil), host: host, token: token}
	got := c.send(ctx, r)
	safe, want := got.is(401), want401
	if attack != 5 {
		safe, want = got.is(401, 403), "401 or 403"
	}
	c.judge(attack, name, r.String(), got.String(), safe, want)
}

// members is attack 6: tokens and keys are good as long as their member is.
func (c *campaign) members(ctx context.Context) error {
	for _, who := range []struct{ name, token, needs string }{
		{"a valid token of no member", c.A.Removed, "needs a token of somebody who is no member: Target.A.Removed"},
		{"a revoked API key", c.A.RevokedKey, "needs an API key that was revoked: Target.A.RevokedKey"},
	} {
		if who.token == "" {
			c.skip(6, who.name, who.needs)
			continue
		}
		c.refused(ctx, 6, who.name, c.A.Host, who.token)
	}
	return c.apiKeys(ctx)
}

// apiKeys shows B's key at A's host, and keys that are made from it.
func (c *campaign) apiKeys(ctx context.Context) error {
	const needs = "needs a good API key of B's: Target.B.Key"
	if c.B.Key == "" {
		c.skip(4, "B's API key at A's host", needs)
		c.skip(5, "API keys that are made up", needs)
		return nil
	}
	if got := c.send(ctx, request{path: c.witness.target(nil), host: c.B.Host, token: c.B.Key}); got.is(401) {
		return errors.New("B's API key, Target.B.Key, is not taken at B's host: " + got.String())
	}
	c.refused(ctx, 4, "B's API key at A's host", c.A.Host, c.B.Key)
	last := c.B.Key[len(c.B.Key)-1]
	for _, made := range []struct{ name, key string }{
		{"an API key with another secret", otherSecret(c.B.Key)},
		{"an API key that is cut off", strings.TrimSuffix(c.B.Key, string(last))},
		{"an API key with more behind it", c.B.Key + "A"},
		{"an API key with another prefix", "x" + c.B.Key},
	} {
		c.refused(ctx, 5, made.name, c.B.Host, made.key)
	}
	return nil
}

// otherSecret changes letters in the second half of a key, where its secret is, and
// keeps its form.
func otherSecret(key string) string {
	changed := []byte(key)
	for i := len(key) * 3 / 4; i < len(key)*3/4+4; i++ {
		if changed[i]++; changed[i] > 'y' || changed[i] < 'a' {
			changed[i] = 'b'
		}
	}
	return string(changed)
}
