package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/limit"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

const (
	// watchTimeout is how long a long request or answer waits for the registry,
	// whose answer is remembered for the next time when it comes later, and for the
	// tenant's word on its member.
	watchTimeout = 100 * time.Millisecond
	// admitEvery is how often the tenant is asked, while a request is under way,
	// whether the caller would still be let in: that is a query, and not for each look.
	admitEvery = time.Second
)

// Why a request that is under way is ended.
var (
	errNotServed   = errors.New("the tenant was suspended or offboarded while the request was under way")
	errNotAdmitted = errors.New("the caller was removed, or lost a key or a permission, while the request was under way")
)

// authenticator finds out which tenant a request is for and whom it comes from, and
// holds the one against the other. Names, routes and their agreement are
// routing's; tokens and keys are credentials'.
type authenticator struct {
	routing     *routing
	credentials *credentials
	// opens bounds how often one address may ask tenants for what is open to all.
	opens *limit.Limiter
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
		return id.open(ctx, names)
	}
	who, err := id.credentials.verify(r)
	if err != nil {
		return nil, err
	}
	route, err := id.agreed(ctx, names, who)
	if err != nil {
		return nil, err
	}
	admit := func(ctx context.Context) (context.Context, error) { return id.credentials.admit(ctx, route, who) }
	if ctx, err = admit(ctx); err != nil {
		return nil, err
	}
	gone := forbidden(errNotServed)
	if who.key != nil {
		gone = refused(errNotServed.Error())
	}
	id.watch(ctx, route, gone, func(ctx context.Context) error {
		ctx, err := admit(ctx)
		if err != nil {
			return err
		}
		return op.Permit(ctx)
	})
	return ctx, nil
}

// watch has what let a request in looked at while its body is read and its answer is
// written. It ends when the tenant is not served any more or its credentials from
// before are dead, with gone, or the caller would not be let in again: admit, nil
// where the operation is open to all. What can't be asked now ends nothing: then the
// request's own queries fail.
func (id *authenticator) watch(ctx context.Context, route tenant.Route, gone error, admit func(context.Context) error) {
	admitted := time.Now()
	rest.Recheck(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, watchTimeout)
		defer cancel()
		now, err := id.routing.router.Route(ctx, tenant.Name{ID: route.ID})
		if tenant.CodeOf(err) == tenant.CodeNotFound || err == nil && !now.NotBefore.Equal(route.NotBefore) {
			return gone
		}
		if admit == nil || time.Since(admitted) < admitEvery {
			return nil
		}
		admitted = time.Now()
		if err := admit(ctx); refuses(err) {
			return fmt.Errorf("%w: %w", errNotAdmitted, err)
		}
		return nil
	})
}

// refuses tells whether an error is the answer to a caller, and not that there is none now.
func refuses(err error) bool {
	status, ok := errors.AsType[*rest.StatusError](err)
	return ok && (status.Problem.Status == http.StatusUnauthorized || status.Problem.Status == http.StatusForbidden)
}

// open finds the tenant of an operation that is open to all. Where there is none
// the request is answered as one that finds nothing in a tenant is: not before
// what else is wrong with it. How often is counted for all tenants together, and
// for those that are not there.
func (id *authenticator) open(ctx context.Context, names []tenant.Name) (context.Context, error) {
	if err := id.opens.Take(limit.AddressKey(ctx)); err != nil {
		return nil, err
	}
	route, none, err := id.routing.one(ctx, names)
	switch {
	case err != nil:
		return nil, err
	case none != nil:
		return rest.WithRefusal(ctx, notFound(none)), nil
	}
	id.watch(ctx, route, notFound(errNotServed), nil)
	return inTenant(ctx, route), nil
}

// inTenant is a context for work on behalf of the tenant of a route.
func inTenant(ctx context.Context, route tenant.Route) context.Context {
	return rest.WithNotBefore(tenant.NewContext(ctx, route.Tenant), route.NotBefore)
}

// agreed is the one tenant that the request names and that the credential is for.
// A key does not say whose it is: it is looked up where the request is for, and
// where there is no tenant it is refused as one that is unknown.
func (id *authenticator) agreed(ctx context.Context, names []tenant.Name, who caller) (tenant.Route, error) {
	if who.key == nil {
		return id.routing.agreed(ctx, id.routing.claimed(names, who.Tenant), who.Tenant)
	}
	if len(names) == 0 {
		return tenant.Route{}, refused("an API key where nothing names a tenant")
	}
	route, none, err := id.routing.one(ctx, names)
	if none != nil {
		who.key.For(id.credentials.keys, route.ID) // The same work as for a tenant that is there.
		return tenant.Route{}, refused("an API key where there is no tenant")
	}
	return route, err
}
