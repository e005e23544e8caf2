// Package client is what a generated API client stands on: it sends requests
// again where that is safe, makes errors of problem documents, and walks
// through pages and lines.
//
// A project's own client is generated (`client: gen/client` in bailiwick.yaml)
// and has the constructor; programs need this package for [Options] and for
// [Problem]. It imports the standard library and go-retryablehttp, and nothing
// of the runtime: a consumer of an API links no database driver.
package client

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// The defaults of [Options].
const (
	DefaultMaxAttempts = 4
	DefaultMaxTime     = time.Minute
	DefaultMinBackoff  = 200 * time.Millisecond
	DefaultMaxBackoff  = 10 * time.Second
)

// GeneratedV1 is the handshake of generated clients with this package: a file of
// a later generation names a constant that an older package does not have.
const GeneratedV1 = 1

// Options are how requests are sent. Nil and the zero value stand for the defaults.
type Options struct {
	// HTTP is the client that requests go through; nil is one without a
	// timeout of its own: bound requests by their context. It is copied.
	HTTP *http.Client
	// MaxAttempts is how often a request is sent at most; 1 is never again.
	MaxAttempts int
	// MaxTime is how long after the first attempt the last one may begin.
	MaxTime time.Duration
	// MinBackoff is the longest wait before the second attempt; it doubles with
	// each further one, up to MaxBackoff. Half of a wait is chance. A service
	// that says Retry-After is obeyed.
	MinBackoff, MaxBackoff time.Duration
	// UserAgent is sent with every request that does not have one.
	UserAgent string
}

// Client sends requests. It has the method that generated code calls, is safe
// for concurrent use, and must be made by [New].
type Client struct {
	http      *http.Client
	userAgent string
}

// New returns a client for the service at baseURL, such as https://acme.example.com.
func New(baseURL string, options *Options) (*Client, error) {
	if err := checkURL(baseURL); err != nil {
		return nil, err
	}
	var o Options
	if options != nil {
		o = *options
	}
	c := &Client{http: &http.Client{}, userAgent: o.UserAgent}
	if o.HTTP != nil {
		inner := *o.HTTP
		c.http = &inner
	}
	c.http.Transport = newTransport(o, c.http.Transport)
	return c, nil
}

func checkURL(baseURL string) error {
	u, err := url.Parse(baseURL)
	switch {
	case err != nil:
		return fmt.Errorf("the base URL can't be read; write one such as https://acme.example.com: %w", err)
	case (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return fmt.Errorf("the base URL %q is not absolute; write one such as https://acme.example.com", baseURL)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("the base URL %q has a query or a fragment; leave it out", baseURL)
	}
	return nil
}

// Do sends a request. Unlike http.Client's, it answers statuses of 400 and more
// with a [*Problem] as the error.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	if c.userAgent != "" && req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", c.userAgent)
	}
	res, err := c.http.Do(req) //nolint:gosec // Where to is what the caller says.
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= http.StatusBadRequest {
		return nil, problemOf(req, res)
	}
	return res, nil
}

// Bearer returns a request editor that authorizes by a token. Without a token
// it leaves requests as they are.
func Bearer(token string) func(context.Context, *http.Request) error {
	return func(_ context.Context, req *http.Request) error {
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		return nil
	}
}

// Accept returns a request editor that asks for a media type.
func Accept(mediaType string) func(context.Context, *http.Request) error {
	return func(_ context.Context, req *http.Request) error {
		req.Header.Set("Accept", mediaType)
		return nil
	}
}

// IdempotencyKey returns a request editor for one call of an operation that
// takes an Idempotency-Key: with it the request may be sent again, and takes
// effect once. A call that is made again after an error, for the same effect,
// needs the same editor.
func IdempotencyKey() func(context.Context, *http.Request) error {
	key := rand.Text()
	return func(_ context.Context, req *http.Request) error {
		if req.Header.Get(idempotencyKey) == "" {
			req.Header.Set(idempotencyKey, key)
		}
		return nil
	}
}
