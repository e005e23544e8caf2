package domains

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
)

// tokenLength is that of a token, in characters of five bits.
const tokenLength = 26

// NewToken makes a token that nobody can guess.
func NewToken() string { return strings.ToLower(rand.Text()) }

var (
	errPrivate   = errors.New("the address is not public")
	errElsewhere = errors.New("the host redirects elsewhere")
)

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
		dialer.ControlContext = onlyPublic
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

// onlyPublic sees the address that is connected to, after DNS has had its say, so
// that no second answer of DNS can lead elsewhere.
func onlyPublic(_ context.Context, _, address string, _ syscall.RawConn) error {
	peer, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(peer.Addr()) {
		return fmt.Errorf("%w: %s", errPrivate, peer.Addr())
	}
	return nil
}

// special are networks that Go's own predicates do not know: shared and protocol
// addresses, benchmarks, examples, those that embed IPv4 addresses, what is reserved.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("::/96"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("fec0::/10"), netip.MustParsePrefix("3fff::/20"), netip.MustParsePrefix("5f00::/16"),
}

func isPublic(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	for _, network := range special {
		if network.Contains(addr) {
			return false
		}
	}
	return true
}
