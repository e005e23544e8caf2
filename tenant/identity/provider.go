package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// maxAnswer bounds what an issuer may answer, in bytes.
	maxAnswer = 1 << 20
	// answerTimeout bounds each request to an issuer.
	answerTimeout = 5 * time.Second
	// discoveryAge is for how long an issuer's keys are where discovery said.
	discoveryAge = time.Hour
	// discoveryPath is below the issuer's URL, as of OpenID Connect Discovery.
	discoveryPath = "/.well-known/openid-configuration"
)

// CheckURL tells whether an issuer, or its keys, may be at a URL: whoever can
// change on the way what it answers can make tokens.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname()))) {
		return errors.New("must be an https URL (http only for a loopback address): whoever can change the keys can make tokens")
	}
	return nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && addr.IsLoopback())
}

// newClient asks issuers. A redirect could lead from https to http, or to where
// the keys are somebody else's.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       answerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// provider is where an issuer's keys are found.
type provider struct {
	client *http.Client
	issuer string
	fixed  string // where the keys are, whatever discovery says

	mu         sync.Mutex
	discovered string
	at         time.Time
}

// keys fetches the keys by which the issuer's tokens are verified. What is no
// public key for signatures is left out.
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
	var all []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) == nil && key.Valid() && key.IsPublic() && (key.Use == "" || key.Use == "sig") {
			all = append(all, key)
		}
	}
	return all, nil
}

// url is where the keys are.
func (p *provider) url(ctx context.Context) (string, error) {
	if p.fixed != "" {
		return p.fixed, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.discovered != "" && time.Since(p.at) < discoveryAge {
		return p.discovered, nil
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
	if err := CheckURL(said.JWKSURL); err != nil {
		return "", fmt.Errorf("discovery of issuer %s: jwks_uri %w", p.issuer, err)
	}
	p.discovered, p.at = said.JWKSURL, time.Now()
	return p.discovered, nil
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
