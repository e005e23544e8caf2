package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	// maxKeySet bounds the issuer's answer.
	maxKeySet = 1 << 20
	// keySetRest is how long the issuer's keys are taken as they are. go-oidc
	// fetches them again for every token that does not verify, so without a
	// rest anybody could make the service hammer the issuer.
	keySetRest = 10 * time.Second
)

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
