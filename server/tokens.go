package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/bailiwick-dev/bailiwick/tenant/devauth"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

const (
	// maxToken bounds what is parsed before its signature is known.
	maxToken = 8 << 10
	// maxKeySet bounds the issuer's answer.
	maxKeySet = 1 << 20
	// keySetRest is how long the issuer's keys are taken as they are. go-oidc
	// fetches them again for every token that does not verify, so without a
	// rest anybody could make the service hammer the issuer.
	keySetRest = 10 * time.Second
)

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

type outageKey struct{}

// outageKeySet tells a token that can't be verified now from one that is wrong;
// the verifier's own error does not.
type outageKeySet struct{ oidc.KeySet }

// VerifySignature implements oidc.KeySet.
func (k outageKeySet) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, raw)
	if outage, ok := ctx.Value(outageKey{}).(*error); ok && err != nil && strings.HasPrefix(err.Error(), "fetching keys") {
		*outage = err
	}
	return payload, err // The verifier does.
}

// restingTransport repeats a good answer for a while instead of asking again.
// It serves one URL.
type restingTransport struct {
	next http.RoundTripper
	rest time.Duration

	mu      sync.Mutex
	fetched time.Time
	header  http.Header
	body    []byte
}

// RoundTrip implements http.RoundTripper.
func (t *restingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.fetched.IsZero() && time.Since(t.fetched) < t.rest {
		return t.answer(r), nil
	}
	res, err := t.next.RoundTrip(r)
	if err != nil || res.StatusCode != http.StatusOK {
		return res, err // A RoundTripper's errors are passed on as they are.
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the issuer's keys: %w", err)
	}
	if len(body) > maxKeySet {
		return nil, fmt.Errorf("the issuer's keys are more than %d bytes", maxKeySet)
	}
	t.fetched, t.header, t.body = time.Now(), res.Header, body
	return t.answer(r), nil
}

func (t *restingTransport) answer(r *http.Request) *http.Response {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: t.header.Clone(), Body: io.NopCloser(bytes.NewReader(t.body)), ContentLength: int64(len(t.body)), Request: r,
	}
}
