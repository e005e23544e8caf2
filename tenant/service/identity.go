package service

import (
	"context"
	"net/http"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// authenticator finds out which tenant a request is for and whom it comes from, and
// holds the one against the other. Names, routes and their agreement are
// routing's; tokens and keys are credentials'.
type authenticator struct {
	routing     *routing
	credentials *credentials
}

// authenticate is rest.Options.Authenticate. The token comes before the tenant,
// so that whoever has no valid token gets the same answer, after the same work,
// whether the tenant exists or not. With a token, another tenant's host and a
// host without a tenant are the same 403, before any of the tenant's SQL: a token
// does not tell which tenants exist.
func (id *authenticator) authenticate(r *http.Request, op rest.Operation) (context.Context, error) {
	ctx := r.Context()
	if op.Scope == rest.ScopeNone && !op.Secured {
		return ctx, nil
	}
	names, err := id.routing.names(r, op)
	if err != nil {
		return nil, err
	}
	if op.Scope != rest.ScopeTenant && !op.Secured {
		return ctx, nil // Open to all: whether the host has a tenant is nobody's business.
	}
	if !op.Secured {
		route, err := id.routing.route(ctx, names)
		if err != nil {
			return nil, err
		}
		return tenant.NewContext(ctx, route.Tenant), nil
	}
	who, err := id.credentials.verify(r)
	if err != nil {
		return nil, err
	}
	ctx = rest.WithSubject(ctx, who.subject)
	route, err := id.routing.agreed(ctx, id.routing.claimed(names, who.tenant), who.tenant)
	if err != nil {
		return nil, err
	}
	return tenant.NewContext(ctx, route.Tenant), nil
}
