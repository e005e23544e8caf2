package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bailiwick-dev/bailiwick/tenant/outbound"
)

const (
	// maxAnswer bounds what an issuer may answer, in bytes.
	maxAnswer = 256 << 10
	// answerTimeout bounds each request to an issuer.
	answerTimeout = 5 * time.Second
	// maxHeader bounds the header of such an answer, in bytes.
	maxHeader = 16 << 10
	// idleTimeout is how long a connection to an issuer is kept.
	idleTimeout = 30 * time.Second
	// discoveryPath is below the issuer's URL, as of OpenID Connect Discovery.
	discoveryPath = "/.well-known/openid-configuration"
)

// CheckURL tells whether an issuer, or its keys, may be at a URL: whoever can
// change on the way what it answers can make tokens.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname()))) {
		return errors.New("must be an https URL without a user (http only for a loopback address): whoever can change the keys can make tokens")
	}
	return nil
}

// CheckKeysURL is CheckURL for the keys of an issuer. They are on this machine only
// if the issuer is: else it could have the service ask what is for this machine alone.
func CheckKeysURL(issuer, text string) error {
	if err := CheckURL(text); err != nil {
		return err
	}
	if onLoopback(text) && !onLoopback(issuer) {
		return errors.New("must not be a loopback address, since the issuer is at none")
	}
	return nil
}

func onLoopback(text string) bool {
	u, err := url.Parse(text)
	return err == nil && loopback(u.Hostname())
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || (err == nil && addr.Unmap().IsLoopback())
}

// newClient asks issuers. A redirect could lead from https to http, or to where
// the keys are somebody else's.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       answerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// newPublicClient asks issuers whose addresses others have chosen. It goes past
// any proxy, which would connect in its place to whatever it is told.
func newPublicClient() *http.Client {
	client := newClient()
	client.Transport = &http.Transport{
		DialContext:            (&net.Dialer{ControlContext: outbound.OnlyPublic}).DialContext,
		TLSHandshakeTimeout:    answerTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2:      true,
	}
	return client
}

// provider is where an issuer's keys are found.
type provider struct {
	client *http.Client
	issuer string
	fixed  string // where the keys are, whatever discovery says
}

// keys fetches the keys by which the issuer's tokens are verified; there may be
// none. What is no such key is left out.
func (p *provider) keys(ctx context.Context) ([]jose.JSONWebKey, error) {
	from, err := p.url(ctx)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := p.get(ctx, from, &set); err != nil {
		return nil, fmt.Errorf("keys of issuer %s: %w", p.issuer, err)
	}
	switch {
	case set.Keys == nil:
		return nil, fmt.Errorf("keys of issuer %s: what %s answers is no set of keys", p.issuer, from)
	case len(set.Keys) > maxKeys:
		return nil, fmt.Errorf("keys of issuer %s: %s answers %d keys, and more than %d are not looked at", p.issuer, from, len(set.Keys), maxKeys)
	}
	all := []jose.JSONWebKey{}
	for _, raw := range set.Keys {
		if key, ok := readKey(raw); ok {
			all = append(all, key)
		}
	}
	return all, nil
}

// url is where the keys are now: an issuer may move them, and what is there from
// before need not be gone.
func (p *provider) url(ctx context.Context) (string, error) {
	if p.fixed != "" {
		return p.fixed, nil
	}
	var said struct {
		Issuer  string `json:"issuer"`
		JWKSURL string `json:"jwks_uri"`
	}
	if err := p.get(ctx, strings.TrimSuffix(p.issuer, "/")+discoveryPath, &said); err != nil {
		return "", fmt.Errorf("discovery of issuer %s: %w", p.issuer, err)
	}
	if said.Issuer != p.issuer {
		return "", fmt.Errorf("discovery of issuer %s: it calls itself %q", p.issuer, said.Issuer)
	}
	if err := CheckKeysURL(p.issuer, said.JWKSURL); err != nil {
		return "", fmt.Errorf("discovery of issuer %s: jwks_uri %w", p.issuer, err)
	}
	return said.JWKSURL, nil
}

// get asks for a JSON document.
func (p *provider) get(ctx context.Context, from string, into any) (err error) {
	if err := CheckURL(from); err != nil {
		return fmt.Errorf("%s %w", from, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	res, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", from, res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return err
	}
	if len(body) > maxAnswer {
		return fmt.Errorf("%s answers more than %d bytes", from, maxAnswer)
	}
	return json.Unmarshal(body, into)
}
