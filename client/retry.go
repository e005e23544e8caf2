package client

import (
	"cmp"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

const idempotencyKey = "Idempotency-Key"

// retried are the statuses that say nothing of the request itself: it was too
// early, or did not reach the service.
var retried = []int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// idempotent are the methods whose effect is the same when they arrive twice.
var idempotent = []string{
	http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete,
}

// transport sends requests again for which that is safe.
type transport struct {
	options Options
	next    http.RoundTripper
}

func newTransport(o Options, next http.RoundTripper) *transport {
	o.MaxAttempts = cmp.Or(o.MaxAttempts, DefaultMaxAttempts)
	o.MaxTime = cmp.Or(o.MaxTime, DefaultMaxTime)
	o.MinBackoff = cmp.Or(o.MinBackoff, DefaultMinBackoff)
	o.MaxBackoff = max(cmp.Or(o.MaxBackoff, DefaultMaxBackoff), o.MinBackoff)
	if next == nil {
		next = http.DefaultTransport
	}
	return &transport{options: o, next: next}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !repeatable(req) {
		return t.next.RoundTrip(req)
	}
	again, err := repeat(req)
	if err != nil {
		return nil, err
	}
	a := &attempts{options: t.options, began: time.Now()}
	sender := &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport: t.next,
			// Redirects are the outer client's business.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax:     t.options.MaxAttempts - 1,
		CheckRetry:   a.another,
		Backoff:      func(time.Duration, time.Duration, int, *http.Response) time.Duration { return a.wait },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	return sender.Do(again)
}

// repeatable tells whether a request may arrive twice and can be sent twice.
func repeatable(req *http.Request) bool {
	if !slices.Contains(idempotent, req.Method) && req.Header.Get(idempotencyKey) == "" {
		return false
	}
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// repeat makes the request one that reads its body anew each time, from where
// it comes: retryablehttp itself would read it into memory.
func repeat(req *http.Request) (*retryablehttp.Request, error) {
	clone := req.Clone(req.Context())
	if req.GetBody == nil || req.Body == nil || req.Body == http.NoBody {
		return &retryablehttp.Request{Request: clone}, nil
	}
	clone.Body = nil
	again := &retryablehttp.Request{Request: clone}
	err := again.SetBody(retryablehttp.ReaderFunc(func() (io.Reader, error) { return req.GetBody() }))
	again.ContentLength = req.ContentLength // SetBody has forgotten it.
	return again, err
}

// attempts are those of one request.
type attempts struct {
	options Options
	began   time.Time
	made    int
	wait    time.Duration // before the next attempt
}

// another decides after each attempt whether there is to be another one. What
// is not sent again is the caller's: the last answer, or the last error.
func (a *attempts) another(ctx context.Context, res *http.Response, err error) (bool, error) {
	a.made++
	if !mayPass(ctx, res, err) {
		return false, nil
	}
	a.wait = a.backoff()
	if res != nil {
		if wait, ok := retryAfter(res.Header.Get("Retry-After"), time.Now()); ok {
			a.wait = wait
		}
	}
	next := time.Now().Add(a.wait)
	if deadline, ok := ctx.Deadline(); ok && next.After(deadline) {
		return false, nil // The caller learns now what it would learn too late.
	}
	return a.made < a.options.MaxAttempts && next.Sub(a.began) <= a.options.MaxTime, nil
}

// mayPass tells whether the next attempt may fare better. With a wrong scheme
// or certificate it would not.
func mayPass(ctx context.Context, res *http.Response, err error) bool {
	if err == nil {
		return ctx.Err() == nil && slices.Contains(retried, res.StatusCode)
	}
	again, _ := retryablehttp.DefaultRetryPolicy(ctx, nil, err)
	return again
}

// backoff doubles with each attempt. Half of it is chance, so that clients
// that failed together do not come back together.
func (a *attempts) backoff() time.Duration {
	wait := a.options.MaxBackoff
	if shift := a.made - 1; shift < 32 {
		if doubled := a.options.MinBackoff << shift; doubled > 0 {
			wait = min(wait, doubled)
		}
	}
	return wait/2 + rand.N(wait/2+1)
}

// retryAfter reads the header's two forms: seconds and a date. A date in the
// past is no wait.
func retryAfter(value string, now time.Time) (time.Duration, bool) {
	const most = 1 << 31 // What is more seconds than this is no wait that anybody waits for.
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		return time.Duration(min(seconds, most)) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(at.Sub(now), 0), true
}
