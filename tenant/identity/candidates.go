package identity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Whoever publishes keys decides how much work a bad token is. These bound it.
const (
	// maxKeys is how many keys an issuer may publish.
	maxKeys = 50
	// maxTries is by how many keys one token is tried.
	maxTries = 8
	// minModulus and maxModulus bound RSA keys, in bits: a shorter one can be
	// broken, a longer one takes too long.
	minModulus, maxModulus = 2048, 8192
)

// readKey reads a published key. It tells whether it is one that verifies
// signatures; an issuer may publish others as well.
func readKey(raw json.RawMessage) (key jose.JSONWebKey, ok bool) {
	var said struct {
		Operations []string `json:"key_ops"`
	}
	if json.Unmarshal(raw, &said) != nil || key.UnmarshalJSON(raw) != nil || !key.Valid() || !key.IsPublic() {
		return key, false
	}
	if public, isRSA := key.Key.(*rsa.PublicKey); isRSA && (public.N.BitLen() < minModulus || public.N.BitLen() > maxModulus) {
		return key, false
	}
	return key, (key.Use == "" || key.Use == "sig") && (said.Operations == nil || slices.Contains(said.Operations, "verify")) &&
		slices.ContainsFunc(algorithms, func(alg jose.SignatureAlgorithm) bool { return fits(key, string(alg)) })
}

// fits tells whether a key can verify signatures of an algorithm.
func fits(key jose.JSONWebKey, alg string) bool {
	if key.Algorithm != "" && key.Algorithm != alg {
		return false
	}
	curves := map[elliptic.Curve]jose.SignatureAlgorithm{elliptic.P256(): jose.ES256, elliptic.P384(): jose.ES384, elliptic.P521(): jose.ES512}
	switch public := key.Key.(type) {
	case ed25519.PublicKey:
		return alg == string(jose.EdDSA)
	case *ecdsa.PublicKey:
		return alg == string(curves[public.Curve])
	case *rsa.PublicKey:
		return slices.Contains([]string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, alg)
	}
	return false
}

// candidates are the keys that a token may be signed by: those of its key's id
// before those where one of the two has none, and not more than maxTries.
func candidates(all []jose.JSONWebKey, header jose.Header) []jose.JSONWebKey {
	var named, nameless []jose.JSONWebKey
	for _, key := range all {
		switch {
		case !fits(key, header.Algorithm):
		case key.KeyID == header.KeyID:
			named = append(named, key)
		case key.KeyID == "" || header.KeyID == "":
			nameless = append(nameless, key)
		}
	}
	found := slices.Concat(named, nameless)
	return found[:min(len(found), maxTries)]
}

// verify reads the claims of a token by the keys of its source. A token that none
// of them has signed may be by a new one: then they are fetched anew, unless they
// just were, and those that are new are tried.
func verify(ctx context.Context, from keys, token *jwt.JSONWebToken, claims ...any) error {
	if len(token.Headers) != 1 {
		return ErrInvalid
	}
	var tried []jose.JSONWebKey
	published := 0
	for _, anew := range []bool{false, true} {
		all, err := from.get(ctx, anew)
		if err != nil {
			return err
		}
		published = len(all)
		for _, key := range candidates(all, token.Headers[0]) {
			if slices.ContainsFunc(tried, func(t jose.JSONWebKey) bool { return same(t, key) }) {
				continue
			}
			tried = append(tried, key)
			if token.Claims(key.Key, claims...) == nil {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: none of %d keys that were tried has signed it, of %d usable ones", ErrInvalid, len(tried), published)
}

func same(a, b jose.JSONWebKey) bool {
	public, ok := a.Key.(interface {
		Equal(other crypto.PublicKey) bool
	})
	return ok && public.Equal(b.Key)
}
