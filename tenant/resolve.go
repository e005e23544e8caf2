package tenant

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// headerForwardedHost is how a proxy tells the host that it was asked for.
const headerForwardedHost = "X-Forwarded-Host"

// ErrNotProxy is for a request whose target is in absolute form: net/http would let
// that override the Host header, and only proxies are spoken to that way.
var ErrNotProxy = errors.New("this server is not a proxy")

// ResolverFunc makes a function a [Resolver].
type ResolverFunc func(r *http.Request) (Name, error)

// Resolve implements Resolver.
func (f ResolverFunc) Resolve(r *http.Request) (Name, error) { return f(r) }

// Names asks all resolvers, and gives each name once. It is empty where none says
// anything. Whoever looks the names up has to hold the tenants that come out
// against one another: a request is for one tenant or for none. An error of one
// resolver counts, whatever the others say.
func Names(r *http.Request, resolvers ...Resolver) ([]Name, error) {
	var names []Name
	for _, resolver := range resolvers {
		name, err := resolver.Resolve(r)
		if err != nil {
			return nil, err
		}
		if !name.IsZero() && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// Proxies are the networks of the proxies in front of a service. What others send
// in the headers that proxies set is ignored.
type Proxies []netip.Prefix

// Sent tells whether a proxy sent the request.
func (p Proxies) Sent(r *http.Request) bool {
	if len(p) == 0 {
		return false
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(addr) })
}

// one is the value of a header that proxies set; found is false where there is
// none, or where no proxy sent it. More than one value is CodeInvalid: proxies in
// a row have not agreed.
func (p Proxies) one(r *http.Request, header string) (value string, found bool, err error) {
	values := r.Header.Values(header)
	if len(values) == 0 || !p.Sent(r) {
		return "", false, nil
	}
	if len(values) > 1 || strings.Contains(values[0], ",") {
		return "", false, errorf(CodeInvalid, "", "%s must have one value", header)
	}
	return values[0], true, nil
}

// Hosts tell which tenant the host of a request names.
type Hosts struct {
	// Base is the domain below which tenants are, in its canonical form.
	Base string
	// Own are hosts that name no tenant, beside Base, in their canonical form.
	Own []string
	// Proxies are those whose X-Forwarded-Host counts.
	Proxies Proxies
}

// Of gives the host that a request is for, as it was sent: the Host header, or
// X-Forwarded-Host where a proxy sends it. It fails with ErrNotProxy and with
// CodeInvalid. Two Host headers never get here: net/http refuses them.
func (h Hosts) Of(r *http.Request) (string, error) {
	if r.URL.Host != "" || r.URL.Scheme != "" { // As in http:/v1/scans, which names no host.
		return "", &Error{Code: CodeInvalid, Err: ErrNotProxy}
	}
	forwarded, found, err := h.Proxies.one(r, headerForwardedHost)
	if err != nil || found {
		return forwarded, err
	}
	return r.Host, nil
}

// IsOwn tells whether a host, in any form, is one of the service's own, which name no tenant.
func (h Hosts) IsOwn(host string) bool {
	name, err := CanonicalHost(host)
	return err == nil && h.owns(name)
}

func (h Hosts) owns(name string) bool { return name == h.Base || slices.Contains(h.Own, name) }

// Subdomain names a tenant by the label that a host has below Base. Hosts
// elsewhere say nothing. Those deeper below Base can be no tenant's: CodeNotFound.
func (h Hosts) Subdomain() Resolver {
	suffix := "." + h.Base
	return ResolverFunc(func(r *http.Request) (Name, error) {
		host, err := h.canonical(r)
		if err != nil || h.owns(host) {
			return Name{}, err
		}
		label, below := strings.CutSuffix(host, suffix)
		switch {
		case !below:
			return Name{}, nil
		case strings.Contains(label, "."):
			return Name{}, errorf(CodeNotFound, "", "host %q is not one label below %s", host, h.Base)
		}
		return slugName(label), nil
	})
}

// CustomDomain names a tenant by a host of its own. Base and what is below it is
// nobody's own, and says nothing.
func (h Hosts) CustomDomain() Resolver {
	suffix := "." + h.Base
	return ResolverFunc(func(r *http.Request) (Name, error) {
		host, err := h.canonical(r)
		if err != nil || h.owns(host) || strings.HasSuffix(host, suffix) {
			return Name{}, err
		}
		return Name{Domain: host}, nil
	})
}

// canonical is the canonical form of the request's host; what has none is CodeNotFound.
func (h Hosts) canonical(r *http.Request) (string, error) {
	host, err := h.Of(r)
	if err != nil {
		return "", err
	}
	name, err := CanonicalHost(host)
	if err != nil {
		return "", &Error{Code: CodeNotFound, Err: err}
	}
	return name, nil
}

// Header names a tenant by the slug in a header that only proxies may send. They
// must take it away from what clients send, or set it always. An empty one says nothing.
func Header(name string, proxies Proxies) Resolver {
	return ResolverFunc(func(r *http.Request) (Name, error) {
		value, found, err := proxies.one(r, name)
		if err != nil || !found || value == "" {
			return Name{}, err
		}
		return slugName(value), nil
	})
}

// Nobody stands for all that can't be a slug, and is too odd or too long to be kept
// as it is, in lookups and in what is remembered of them. It is none itself.
const Nobody = "-"

// slugName is the name for what stands where a slug should. What is no slug is
// looked up like one that is nobody's: that one is not, and the other is, would
// show in the answer or in its time.
func slugName(label string) Name {
	if !isLabel(label) {
		label = Nobody
	}
	return Name{Slug: label}
}
