package service

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// router finds an active tenant by what a request calls it; an error of
// CodeNotFound says that there is none.
type router interface {
	Route(ctx context.Context, name tenant.Name) (tenant.Route, error)
}

// routing finds out which tenant a request is for. The host alone names it. No
// other header, no cookie and no parameter has a say.
type routing struct {
	base    string
	proxies []netip.Prefix
	router  router
}

// names are what the request calls its tenant. There are none at the base domain
// itself, where operations of the public scope live.
func (ro *routing) names(r *http.Request, op rest.Operation) ([]tenant.Name, error) {
	host, err := ro.host(r)
	if err != nil {
		return nil, err
	}
	slug, err := tenant.SubdomainSlug(host, ro.base)
	if err == nil {
		return []tenant.Name{{Slug: slug}}, nil
	}
	if name, parseErr := tenant.CanonicalHost(host); op.Scope != rest.ScopeTenant && parseErr == nil && name == ro.base {
		return nil, nil
	}
	return nil, notFound(err)
}

// route is the one tenant that all names stand for; there being none is 404.
func (ro *routing) route(ctx context.Context, names []tenant.Name) (tenant.Route, error) {
	route, err := ro.router.Route(ctx, names[0])
	switch {
	case tenant.CodeOf(err) == tenant.CodeNotFound:
		return tenant.Route{}, notFound(err)
	case err != nil:
		return tenant.Route{}, fmt.Errorf("resolve the tenant: %w", err)
	}
	return route, nil
}

// agreed is the one tenant that all names stand for and that a token is for. All
// else is the same 403: a token does not tell which tenants exist.
func (ro *routing) agreed(ctx context.Context, names []tenant.Name, claim tenant.ID) (tenant.Route, error) {
	route, err := ro.router.Route(ctx, names[0])
	switch {
	case tenant.CodeOf(err) == tenant.CodeNotFound:
		return tenant.Route{}, forbidden(fmt.Errorf("token of tenant %s at a host without one: no active tenant has the %s", claim, names[0]))
	case err != nil:
		return tenant.Route{}, fmt.Errorf("resolve the tenant: %w", err)
	case route.ID != claim:
		return tenant.Route{}, forbidden(fmt.Errorf("token of tenant %s at the host of %q", claim, route.Slug))
	}
	return route, nil
}

// host is the Host header, or X-Forwarded-Host where a configured proxy sends
// it. A target in absolute form is refused: net/http would let it override the
// Host header, and only proxies are spoken to that way. Two Host headers never
// get here, net/http refuses them.
func (ro *routing) host(r *http.Request) (string, error) {
	if r.URL.Host != "" {
		return "", rest.Errorf(http.StatusMisdirectedRequest, "this server is not a proxy")
	}
	forwarded := r.Header.Values("X-Forwarded-Host")
	if len(forwarded) == 0 || !ro.fromProxy(r) {
		return r.Host, nil
	}
	if len(forwarded) > 1 || strings.Contains(forwarded[0], ",") {
		return "", rest.Errorf(http.StatusBadRequest, "X-Forwarded-Host must name one host")
	}
	return forwarded[0], nil
}

func (ro *routing) fromProxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap().WithZone("")
	for _, network := range ro.proxies {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// forbidden is the one answer to a token at a host that is not its tenant's.
func forbidden(cause error) error {
	return &rest.StatusError{
		Problem: rest.Problem{Status: http.StatusForbidden, Detail: "the token is not for this host"},
		Err:     cause,
	}
}

// notFound is the one answer for every host without a tenant.
func notFound(cause error) error {
	return &rest.StatusError{Problem: rest.Problem{Status: http.StatusNotFound}, Err: cause}
}
