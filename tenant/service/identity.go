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

// resolver finds an active tenant by its slug; an error of CodeNotFound says
// that there is none.
type resolver interface {
	BySlug(ctx context.Context, slug string) (tenant.Tenant, error)
}

// identity finds out which tenant a request is for and whom it comes from. The
// host alone names the tenant; the token must agree. No other header, no cookie
// and no parameter has a say.
type identity struct {
	base     string
	proxies  []netip.Prefix
	tokens   *tokens
	resolver resolver
}

// authenticate is rest.Options.Authenticate. The token comes before the tenant,
// so that whoever has no valid token gets the same answer, after the same work,
// whether the tenant exists or not. With a token, another tenant's host and a
// host without a tenant are the same 403, before any of the tenant's SQL: a token
// does not tell which tenants exist.
func (id *identity) authenticate(r *http.Request, op rest.Operation) (context.Context, error) {
	ctx := r.Context()
	if op.Scope == rest.ScopeNone && !op.Secured {
		return ctx, nil
	}
	slug, err := id.slug(r, op)
	if err != nil {
		return nil, err
	}
	if op.Scope != rest.ScopeTenant && !op.Secured {
		return ctx, nil // Open to all: whether the host has a tenant is nobody's business.
	}
	var who caller
	if op.Secured {
		if who, err = id.tokens.verify(r); err != nil {
			return nil, err
		}
		ctx = rest.WithSubject(ctx, who.subject)
	}
	if slug == "" {
		return ctx, nil
	}
	t, err := id.resolver.BySlug(ctx, slug)
	unknown := tenant.CodeOf(err) == tenant.CodeNotFound
	switch {
	case err != nil && !unknown:
		return nil, fmt.Errorf("resolve the tenant: %w", err)
	case op.Secured && unknown:
		return nil, forbidden(fmt.Errorf("token of tenant %s at a host without one: no active tenant has the slug %q", who.tenant, slug))
	case op.Secured && who.tenant != t.ID:
		return nil, forbidden(fmt.Errorf("token of tenant %s at the host of %q", who.tenant, slug))
	case unknown:
		return nil, notFound(err)
	}
	return tenant.NewContext(ctx, t), nil
}

// slug takes the tenant's slug from the host. It is empty at the base domain
// itself, where operations of the public scope live.
func (id *identity) slug(r *http.Request, op rest.Operation) (string, error) {
	host, err := id.host(r)
	if err != nil {
		return "", err
	}
	slug, err := tenant.SubdomainSlug(host, id.base)
	if err == nil {
		return slug, nil
	}
	if name, parseErr := tenant.CanonicalHost(host); op.Scope != rest.ScopeTenant && parseErr == nil && name == id.base {
		return "", nil
	}
	return "", notFound(err)
}

// host is the Host header, or X-Forwarded-Host where a configured proxy sends
// it. A target in absolute form is refused: net/http would let it override the
// Host header, and only proxies are spoken to that way. Two Host headers never
// get here, net/http refuses them.
func (id *identity) host(r *http.Request) (string, error) {
	if r.URL.Host != "" {
		return "", rest.Errorf(http.StatusMisdirectedRequest, "this server is not a proxy")
	}
	forwarded := r.Header.Values("X-Forwarded-Host")
	if len(forwarded) == 0 || !id.fromProxy(r) {
		return r.Host, nil
	}
	if len(forwarded) > 1 || strings.Contains(forwarded[0], ",") {
		return "", rest.Errorf(http.StatusBadRequest, "X-Forwarded-Host must name one host")
	}
	return forwarded[0], nil
}

func (id *identity) fromProxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap().WithZone("")
	for _, network := range id.proxies {
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
