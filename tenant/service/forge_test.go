package service_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// with changes claims; a nil value removes one.
func with(base map[string]any, name string, value any) map[string]any {
	changed := maps.Clone(base)
	changed[name] = value
	if value == nil {
		delete(changed, name)
	}
	return changed
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
func confused(t *testing.T, is *servicetest.Issuer, c map[string]any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(is.Keys[jose.RS256].Public())
	if err != nil {
		t.Fatal(err)
	}
	return servicetest.Sign(t, jose.HS256, jose.JSONWebKey{Key: der, KeyID: string(jose.RS256)}, c)
}
