package service

import (
	"context"
	"net/http"
	"net/url"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/domains"
	"github.com/bailiwick-dev/bailiwick/tenant/limit"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// asksAtOnce is how many questions of a proxy are looked up at a time. Whoever
// connects to the proxy under names at random makes it ask, and each name that is not
// remembered is a query on connections that tenants need.
const asksAtOnce = 2

// tlsAllowed is where a proxy asks whether it may get a certificate for a host.
const tlsAllowed = domains.Path + "tls-allowed"

// domainConfig says how custom domains are proven.
func (s *settings) domainConfig() catalog.DomainConfig {
	return catalog.DomainConfig{
		Base:   s.BaseDomain,
		Prover: &domains.Prover{Resolver: s.DomainResolver, Private: s.DomainPrivate},
	}
}

// registry is what routing and custom domains ask.
type registry interface {
	router
	Shows(ctx context.Context, host, token string) (bool, error)
}

// withProofs shows the tokens of custom domains that are proven, so that they can
// be proven anew. Since anybody may ask, and each time is a query, an address may be
// wrong only so often, and right so often for each host: what one asks in vain, or
// of another host, takes nothing from who proves a domain.
func (ro *routing) withProofs(r registry, asked *limit.Limiter, api http.Handler) http.Handler {
	shows := func(req *http.Request, token string) bool {
		ctx := req.Context()
		name, err := ro.hosts.CustomDomain().Resolve(req)
		if err != nil || name.Domain == "" {
			return false
		}
		address := limit.AddressKey(ctx)
		right := address + " " + name.Domain
		if asked.Take(address) != nil {
			return false
		}
		if asked.Take(right) != nil {
			asked.Return(address)
			return false
		}
		if shown, err := r.Shows(ctx, name.Domain, token); err != nil || !shown {
			asked.Return(right)
			return false
		}
		asked.Return(address)
		return true
	}
	proofs := limit.Addresses(ro.hosts.Proxies, domains.Answer(shows, api))
	mux := http.NewServeMux()
	mux.Handle("GET "+domains.Path+"{token}", proofs)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, pattern := mux.Handler(r); pattern != "" {
			h.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// tlsAsk tells a proxy for which hosts it may get certificates: 200 for those that
// are routed at this moment, and for the service's own, 404 for all others. It
// answers whoever asks, and so belongs on a listener that only the proxy can reach:
// on the public one it would tell which tenants exist. Questions wait for each other:
// a limit in a while would have who asks at random refuse certificates to others.
func (ro *routing) tlsAsk() http.Handler {
	mux := http.NewServeMux()
	asks := make(chan struct{}, asksAtOnce)
	mux.HandleFunc("GET "+tlsAllowed, func(w http.ResponseWriter, r *http.Request) {
		select {
		case asks <- struct{}{}:
			defer func() { <-asks }()
		case <-r.Context().Done():
			return
		}
		allowed, err := ro.routed(r.Context(), r.URL.Query().Get("domain"))
		switch {
		case err != nil:
			rest.WriteError(w, r, err)
		case !allowed:
			rest.WriteError(w, r, notFound(nil))
		default:
			w.WriteHeader(http.StatusOK)
		}
	})
	return mux
}

// routed tells whether requests for a host would be served.
func (ro *routing) routed(ctx context.Context, host string) (bool, error) {
	if ro.hosts.IsOwn(host) {
		return true, nil
	}
	name, err := ro.byHost().Resolve(&http.Request{Host: host, URL: &url.URL{}})
	if err != nil || name.IsZero() {
		return false, nil //nolint:nilerr // What can't be a tenant's host is not one.
	}
	if _, err = ro.router.Route(ctx, name); tenant.CodeOf(err) == tenant.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}
