package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// router finds an active tenant by what a request calls it; an error of
// CodeNotFound says that there is none.
type router interface {
	Route(ctx context.Context, name tenant.Name) (tenant.Route, error)
}

// routing finds out which tenant a request is for. What names it is the choice of
// TENANT_FROM; no other header, no cookie and no parameter has a say. Where several
// names come together, they must be one tenant's.
type routing struct {
	hosts  tenant.Hosts
	from   sources
	named  []tenant.Resolver
	router router
}

func newRouting(s *settings, r router) *routing {
	ro := &routing{
		hosts:  tenant.Hosts{Base: s.BaseDomain, Own: s.APIHosts, Proxies: tenant.Proxies(s.TrustedProxies)},
		from:   s.TenantFrom,
		router: r,
	}
	ro.named = []tenant.Resolver{ro.byHost()}
	if ro.from.header {
		ro.named = append(ro.named, tenant.Header(s.TenantHeader, ro.hosts.Proxies))
	}
	if ro.from.path {
		ro.named = append(ro.named, tenant.PathPrefix(s.TenantPath))
	}
	return ro
}

// byHost looks at the host. Where hosts name tenants, one that is neither a
// tenant's nor the service's own is nobody's; else any host is as good as another.
func (ro *routing) byHost() tenant.Resolver {
	var ways []tenant.Resolver
	if ro.from.subdomain {
		ways = append(ways, ro.hosts.Subdomain())
	}
	if ro.from.domain {
		ways = append(ways, ro.hosts.CustomDomain())
	}
	return tenant.ResolverFunc(func(r *http.Request) (tenant.Name, error) {
		host, err := ro.hosts.Of(r)
		if err != nil || len(ways) == 0 {
			return tenant.Name{}, err
		}
		for _, way := range ways {
			if name, err := way.Resolve(r); err != nil || !name.IsZero() {
				return name, err
			}
		}
		if !ro.hosts.IsOwn(host) {
			return tenant.Name{}, &tenant.Error{Code: tenant.CodeNotFound, Err: fmt.Errorf("host %q is neither a tenant's nor the service's own", host)}
		}
		return tenant.Name{}, nil
	})
}

// names are what the request calls its tenant. There are none where operations of
// the public scope live, at the service's own hosts, and where the token alone
// says for whom it is.
func (ro *routing) names(r *http.Request, op rest.Operation) ([]tenant.Name, error) {
	names, err := tenant.Names(r, ro.named...)
	switch {
	case errors.Is(err, tenant.ErrNotProxy):
		return nil, rest.Errorf(http.StatusMisdirectedRequest, "%w", tenant.ErrNotProxy)
	case tenant.CodeOf(err) == tenant.CodeNotFound:
		return nil, notFound(err)
	case err != nil:
		return nil, &rest.StatusError{
			Problem: rest.Problem{Status: http.StatusBadRequest, Detail: "a proxy's header must have one value"}, Err: err,
		}
	case len(names) == 0 && op.Scope == rest.ScopeTenant && (!ro.from.token || !op.Secured):
		return nil, notFound(errors.New("nothing in the request names a tenant"))
	}
	return names, nil
}

// claimed are the names with what a token says where nothing else names a tenant:
// a token is for a tenant that is served, wherever it is shown.
func (ro *routing) claimed(names []tenant.Name, claim tenant.ID) []tenant.Name {
	if len(names) == 0 {
		return []tenant.Name{{ID: claim}}
	}
	return names
}

// agreed is the one tenant that all names stand for and that a token is for. All
// else is the same 403: a token does not tell which tenants exist.
func (ro *routing) agreed(ctx context.Context, names []tenant.Name, claim tenant.ID) (tenant.Route, error) {
	route, none, err := ro.one(ctx, names)
	switch {
	case err != nil:
		return tenant.Route{}, err
	case none != nil:
		return tenant.Route{}, forbidden(fmt.Errorf("token of tenant %s where there is no tenant: %w", claim, none))
	case route.ID != claim:
		return tenant.Route{}, forbidden(fmt.Errorf("token of tenant %s where the tenant is %q", claim, route.Slug))
	}
	return route, nil
}

// one looks up all names, so that the work is the same whatever comes out. none
// tells why they stand for no one tenant.
func (ro *routing) one(ctx context.Context, names []tenant.Name) (route tenant.Route, none, err error) {
	for i, name := range names {
		next, err := ro.router.Route(ctx, name)
		switch {
		case tenant.CodeOf(err) == tenant.CodeNotFound:
			none = errors.Join(none, fmt.Errorf("no active tenant has the %s", name))
		case err != nil:
			return tenant.Route{}, nil, fmt.Errorf("resolve the tenant: %w", err)
		case i > 0 && next.ID != route.ID && none == nil:
			none = fmt.Errorf("%s is not the tenant of %s", name, names[0])
		default:
			route = next
		}
	}
	return route, none, nil
}

// forbidden is the one answer to a token where its tenant is not served: at another
// one's host, where there is none, and where its own is suspended or gone. It is
// true of all of them, for a token may outlive the membership of who shows it.
func forbidden(cause error) error {
	return &rest.StatusError{
		Problem: rest.Problem{Status: http.StatusForbidden, Detail: "the token is for no tenant that is served here"},
		Err:     cause,
	}
}

// notFound is the one answer for every host without a tenant.
func notFound(cause error) error {
	return &rest.StatusError{Problem: rest.Problem{Status: http.StatusNotFound}, Err: cause}
}
