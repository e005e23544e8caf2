package domains

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant/outbound"
)

// tokenLength is that of a token, in characters of five bits.
const tokenLength = 26

// NewToken makes a token that nobody can guess.
func NewToken() string { return strings.ToLower(rand.Text()) }

var errElsewhere = errors.New("the host redirects elsewhere")

func (p *Prover) byHTTP(ctx context.Context, host, token string) error {
	authority := host
	if p.Port != 0 {
		authority = net.JoinHostPort(host, strconv.Itoa(p.Port))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+authority+Path+token, http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("User-Agent", "bailiwick-domain-check")
	client := p.client(host)
	defer client.CloseIdleConnections()
	res, err := client.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // Its own text holds the whole address, token and all.
		}
		return fmt.Errorf("ask %s: %w", host, err)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return fmt.Errorf("read the answer of %s: %w", host, err)
	}
	switch {
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("%s answers %d", host, res.StatusCode)
	case len(body) > maxAnswer || strings.TrimSpace(string(body)) != token:
		return fmt.Errorf("what %s answers is not the token", host)
	}
	return nil
}

// client asks one host, past any proxy, and follows redirects to the same host,
// such as those to https, on the standard ports.
func (p *Prover) client(host string) *http.Client {
	dialer := &net.Dialer{Resolver: p.resolver()}
	if !p.Private {
		dialer.ControlContext = outbound.OnlyPublic
	}
	return &http.Client{
		Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			to := next.URL
			if len(via) > maxHops || !strings.EqualFold(to.Hostname(), host) || to.User != nil || !p.standard(to) {
				return errElsewhere
			}
			return nil
		},
	}
}

// standard tells whether an address has the port that its scheme stands for.
func (p *Prover) standard(u *url.URL) bool {
	switch u.Scheme {
	case "https":
		return u.Port() == "" || u.Port() == "443"
	case "http":
		return u.Port() == "" || u.Port() == "80" || u.Port() == strconv.Itoa(p.Port)
	}
	return false
}
