package service

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/devauth"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// maxToken bounds what is parsed before its signature is known.
const maxToken = 8 << 10

// caller is what a valid token says.
type caller struct {
	subject string
	tenant  tenant.ID
}

// tokens verifies bearer tokens. Only signatures by a key pair count, so a
// public key can't be passed off as a shared secret.
type tokens struct {
	verifier *oidc.IDTokenVerifier
	claim    string
}

// newLocalTokens accepts the tokens of the embedded mode's own key.
func newLocalTokens(key ed25519.PublicKey) *tokens {
	return &tokens{
		claim: devauth.TenantClaim,
		verifier: oidc.NewVerifier(devauth.Issuer,
			&oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key}},
			&oidc.Config{ClientID: devauth.Audience, SupportedSigningAlgs: []string{oidc.EdDSA}}),
	}
}

// newRemoteTokens accepts the tokens of an issuer that publishes its keys.
func newRemoteTokens(ctx context.Context, s *settings) *tokens {
	client := &http.Client{
		Timeout:   5 * time.Second,
		Transport: &restingTransport{next: http.DefaultTransport, rest: keySetRest},
		// A redirect could lead from https to http, or to where the keys are somebody else's.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	keys := oidc.NewRemoteKeySet(oidc.ClientContext(ctx, client), s.JWKSURL)
	return &tokens{
		claim: s.TenantClaim,
		verifier: oidc.NewVerifier(s.Issuer, outageKeySet{keys}, &oidc.Config{
			ClientID:             s.Audience,
			SupportedSigningAlgs: []string{oidc.EdDSA, oidc.ES256, oidc.RS256},
		}),
	}
}

// verify answers 401 for everything that is not a valid token, 403 for a valid
// one that names no tenant, and 503 when the issuer's keys can't be had.
func (t *tokens) verify(r *http.Request) (caller, error) {
	raw, err := bearer(r)
	if err != nil {
		return caller{}, unauthorized("Bearer", err)
	}
	var outage error
	token, err := t.verifier.Verify(context.WithValue(r.Context(), outageKey{}, &outage), raw)
	if outage != nil {
		return caller{}, &rest.StatusError{Problem: rest.Problem{Status: http.StatusServiceUnavailable}, Err: outage}
	}
	if err != nil {
		return caller{}, unauthorized(`Bearer error="invalid_token"`, errors.New("the token is not valid")) // The cause may quote the token.
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil || token.Subject == "" {
		return caller{}, unauthorized(`Bearer error="invalid_token"`, errors.New("the token has no subject"))
	}
	text, ok := claims[t.claim].(string)
	if !ok {
		return caller{}, rest.Errorf(http.StatusForbidden, "the token names no tenant")
	}
	id, err := tenant.ParseID(text)
	if err != nil || id.IsZero() {
		return caller{}, rest.Errorf(http.StatusForbidden, "the token names no tenant")
	}
	return caller{subject: token.Subject, tenant: id}, nil
}

func bearer(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", fmt.Errorf("%d Authorization headers instead of one", len(values))
	}
	scheme, raw, _ := strings.Cut(values[0], " ")
	raw = strings.TrimSpace(raw)
	if !strings.EqualFold(scheme, "Bearer") || raw == "" || len(raw) > maxToken {
		return "", errors.New("no bearer token")
	}
	return raw, nil
}

func unauthorized(challenge string, cause error) error {
	return &rest.StatusError{
		Problem: rest.Problem{Status: http.StatusUnauthorized},
		Header:  http.Header{"Www-Authenticate": {challenge}},
		Err:     cause,
	}
}
