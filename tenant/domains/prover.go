// Package domains finds out whether somebody has control of a host name: by a TXT
// record in DNS, or by a page that the host answers over HTTP.
//
// Whoever wants to be found at app.acme.example is told a token. The name is theirs
// once either of these shows it:
//
//	_bailiwick.app.acme.example. TXT "<token>"
//	http://app.acme.example/.well-known/bailiwick/<token>
//
// A host that points at the service already can only be proven by DNS at first: the
// service answers the second for names that are proven and for no others, since it
// would otherwise prove to anybody who asks first that the name is theirs. From then
// on that answer shows that the name has not been pointed elsewhere.
//
// It imports the standard library and package tenant/outbound.
package domains

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// Label is put in front of a host for the TXT record.
	Label = "_bailiwick"
	// Path is where a host answers with the token, which stands behind it.
	Path = "/.well-known/bailiwick/"

	defaultTimeout = 10 * time.Second
	// maxAnswer is more than a token and a line's end, in bytes.
	maxAnswer = 512
	// maxHops is how often a host may redirect to itself.
	maxHops = 3
)

// ErrNotProven is for a host that was looked at and does not show the token. Any
// other error says that nobody could look.
var ErrNotProven = errors.New("the host does not show the token")

// Prover looks whether hosts show tokens. Its zero value asks the system's resolver
// and connects to public addresses only. It is safe for concurrent use.
type Prover struct {
	// Resolver is the address of a DNS server, such as 192.0.2.53:53. Empty means
	// the system's.
	Resolver string
	// Private allows hosts whose addresses are not public: private, loopback, of
	// the link. It is for a service whose customers are in its own network; else
	// a customer could have this process ask what only it can reach.
	Private bool
	// Port is the TCP port of HTTP. Zero means 80.
	Port int
	// Timeout bounds each of the two looks. Zero means 10 seconds.
	Timeout time.Duration
}

// Prove looks whether a host, in its canonical form, shows the token. It looks in
// DNS first. It fails with ErrNotProven when neither shows it.
func (p *Prover) Prove(ctx context.Context, host, token string) error {
	byDNS := p.look(ctx, host, token, p.byDNS)
	if byDNS == nil {
		return nil
	}
	byHTTP := p.look(ctx, host, token, p.byHTTP)
	if byHTTP == nil {
		return nil
	}
	err := fmt.Errorf("DNS: %w; HTTP: %w", byDNS, byHTTP)
	if temporary(byDNS) {
		return err // Who can't be asked has not said no. A host that does not answer has.
	}
	return fmt.Errorf("%w: %w", ErrNotProven, err)
}

// ProveDNS looks in DNS alone, which only who owns the name now can write to. It fails
// with ErrNotProven when DNS has other texts or none, and with something else when it
// could not be asked.
func (p *Prover) ProveDNS(ctx context.Context, host, token string) error {
	err := p.look(ctx, host, token, p.byDNS)
	if err == nil || temporary(err) {
		return err
	}
	return fmt.Errorf("%w: DNS: %w", ErrNotProven, err)
}

func (p *Prover) look(ctx context.Context, host, token string, by func(ctx context.Context, host, token string) error) error {
	timeout := p.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return by(ctx, host, token)
}

func (p *Prover) byDNS(ctx context.Context, host, token string) error {
	name := Label + "." + host
	texts, err := p.resolver().LookupTXT(ctx, name+".")
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return fmt.Errorf("%s has no TXT record", name)
	}
	if err != nil {
		return fmt.Errorf("look up %s: %w", name, err)
	}
	if !slices.ContainsFunc(texts, func(text string) bool { return strings.TrimSpace(text) == token }) {
		return fmt.Errorf("no TXT record of %s is the token", name)
	}
	return nil
}

// temporary tells that DNS could not be asked.
func temporary(err error) bool {
	_, ok := errors.AsType[*net.DNSError](err)
	return ok
}

func (p *Prover) resolver() *net.Resolver {
	if p.Resolver == "" {
		return net.DefaultResolver
	}
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, p.Resolver)
		},
	}
}

// Answer answers Path for those who ask whether a host shows a token: with the
// token, when shows says so, and else with what absent answers.
func Answer(shows func(r *http.Request, token string) bool, absent http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.URL.Path, Path)
		if r.Method != http.MethodGet || !isToken(token) || !shows(r, token) {
			absent.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(token + "\n")) //nolint:gosec // Letters and digits, as text. Who has gone misses nothing.
	})
}

// isToken tells whether a text can be a token, of those that NewToken makes.
func isToken(text string) bool {
	return len(text) == tokenLength && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz234567") == ""
}
