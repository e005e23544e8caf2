package catalog

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/singleflight"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

const (
	// unknownTTL is for how long it is remembered that a name is nobody's, where
	// nothing tells when that changes. It is shorter than the making of a tenant
	// takes, so that nobody who has just made one is told that there is none, and
	// long enough that a flood of requests for one name is a few queries a second;
	// those at the same time are one anyway.
	unknownTTL = 50 * time.Millisecond
	// deafTTL is for how long an answer is good that is neither newer than that nor
	// confirmed by a listener within that time. With the time of a lookup on top it
	// is the bound on how long a suspended tenant is served: less than a second.
	deafTTL = 500 * time.Millisecond
	// lookupTimeout is for a lookup, which outlives the request that began it
	// for the sake of the others that wait for it.
	lookupTimeout = 5 * time.Second
)

// Resolver finds the tenant that a name stands for, and remembers it for a while.
// It works as the runtime role. It is safe for concurrent use.
//
// Where [Resolver.Listen] runs, changes of tenants are heard of and take effect at
// once. While it hears nothing, answers are good for half a second.
type Resolver struct {
	db     *tenant.DB
	ttl    time.Duration
	flight singleflight.Group

	// tenants and unknown are apart: whoever asks for names at random pushes out
	// no tenant.
	tenants, unknown *table
	issuers          atomic.Pointer[issuers]
	// epoch counts what has been forgotten: a lookup that began before does not
	// remember its answer.
	epoch atomic.Int64
	// listens tells that Listen has been called, and heard when it was last sure to
	// have heard everything.
	listens atomic.Bool
	heard   atomic.Int64 // a [moment]
}

// NewResolver returns a Resolver that may give answers as old as ttl: for so
// long, unless Listen runs, a suspended tenant can still be routed. Zero
// remembers nothing.
func NewResolver(db *tenant.DB, ttl time.Duration) *Resolver {
	return &Resolver{db: db, ttl: ttl, tenants: newTable(tenantSlots), unknown: newTable(unknownSlots)}
}

// Route returns the active tenant that a name stands for. There being none, or it
// not being active, is CodeNotFound.
func (r *Resolver) Route(ctx context.Context, name tenant.Name) (tenant.Route, error) {
	arrived := now()
	if e := r.remembered(name, arrived); e != nil {
		return e.answer(name)
	}
	if _, err := tenant.ParseSlug(name.Slug); name.Slug != "" && err != nil {
		name = tenant.Name{Slug: tenant.Nobody} // It is looked up all the same, and so are empty names.
	}
	for {
		e, err := r.join(ctx, name)
		if err != nil {
			return tenant.Route{}, err
		}
		// A lookup that was under way when the request came may tell of what has
		// changed since. If anything has, its answer was not remembered.
		if e.asked >= arrived || r.remembered(name, now()) == e {
			return e.answer(name)
		}
	}
}

// join asks, or waits for who is asking for the same name.
func (r *Resolver) join(ctx context.Context, name tenant.Name) (*entry, error) {
	answers := r.flight.DoChan(name.String(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		if e := r.remembered(name, now()); e != nil {
			return e, nil // Somebody else was just done.
		}
		return r.lookup(ctx, name)
	})
	select {
	case a := <-answers:
		e, ok := a.Val.(*entry)
		if a.Err != nil || !ok {
			return nil, a.Err
		}
		return e, nil
	case <-ctx.Done():
		return nil, wrap(context.Cause(ctx), "find the tenant of "+name.String())
	}
}

// lookup asks the registry, and remembers the answer. An error that says nothing
// about the tenant is no answer.
func (r *Resolver) lookup(ctx context.Context, name tenant.Name) (*entry, error) {
	e := &entry{name: name, asked: now()}
	epoch := r.epoch.Load()
	var err error
	switch e.route, err = r.ask(ctx, name); {
	case tenant.CodeOf(err) == tenant.CodeNotFound:
		e.unknown = true
	case err != nil:
		return nil, err
	}
	r.remember(e, epoch)
	return e, nil
}

// ForgetTenant drops whatever is remembered of a tenant, under whichever name, and
// of names that were nobody's, one of which may be the tenant's now.
func (r *Resolver) ForgetTenant(id tenant.ID) {
	r.forget(func(e *entry) bool { return e.unknown || e.route.ID == id })
}

// ForgetAll drops whatever is remembered.
func (r *Resolver) ForgetAll() {
	r.forget(func(*entry) bool { return true })
}

func (r *Resolver) forget(which func(*entry) bool) {
	r.epoch.Add(1) // First: what is remembered from here on knows that it has to look again.
	r.tenants.remove(which)
	r.unknown.remove(which)
}

// Locate asks the registry where a tenant lives now and which version its schema
// has, whatever is remembered, and remembers the answer. It is what
// [tenant.Config] wants for its field of that name. The tenant not being there, or
// not being active, is CodeNotFound.
func (r *Resolver) Locate(ctx context.Context, t tenant.Tenant) (tenant.Tenant, error) {
	r.ForgetTenant(t.ID)
	e, err := r.lookup(ctx, tenant.Name{ID: t.ID})
	if err != nil {
		return tenant.Tenant{}, err
	}
	route, err := e.answer(e.name)
	return route.Tenant, err
}

// What is read of the registry, from where, and the condition that names one row.
// Not every project has plans, and not every database has the ledger yet.
const (
	routeColumns = `SELECT t.id::text, t.slug, t.schema_fingerprint, t.node, coalesce(pg_catalog.to_jsonb(t) ->> 'plan', ''), `
	withLife     = `l.not_before FROM public.tenants t LEFT JOIN bailiwick.tenants l ON l.tenant_id = t.id WHERE t.state = 'active' AND `
	withoutLife  = `NULL::timestamptz FROM public.tenants t WHERE t.state = 'active' AND `

	bySlug   = `t.slug = $1`
	byID     = `t.id = $1::uuid`
	byDomain = `t.id = (SELECT d.tenant_id FROM bailiwick.domains d WHERE d.host = $1 AND d.verified_at IS NOT NULL)`
)

// ask reads one row of the registry. In a database that an earlier version has
// installed and that has no ledger yet, no tenant has a domain or was offboarded.
func (r *Resolver) ask(ctx context.Context, name tenant.Name) (tenant.Route, error) {
	condition, arg := bySlug, name.Slug
	switch {
	case name.Domain != "":
		condition, arg = byDomain, name.Domain
	case !name.ID.IsZero():
		condition, arg = byID, name.ID.String()
	}
	route, err := r.read(ctx, routeColumns+withLife+condition, arg)
	if missing := stateOf(err); (missing == undefinedTable || missing == undefinedSchema) && name.Domain == "" {
		route, err = r.read(ctx, routeColumns+withoutLife+condition, arg)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return tenant.Route{}, notFound(name)
	}
	return route, wrap(err, "find the tenant of "+name.String())
}

func (r *Resolver) read(ctx context.Context, query, arg string) (route tenant.Route, err error) {
	var id string
	var notBefore *time.Time
	err = r.db.Public().QueryRow(ctx, query, arg).Scan(&id, &route.Slug, &route.Version, &route.Node, &route.Plan, &notBefore)
	if err != nil {
		return tenant.Route{}, err
	}
	if notBefore != nil {
		route.NotBefore = *notBefore
	}
	route.ID, err = tenant.ParseID(id)
	return route, err
}

// Shows tells whether a token is that of a host's proven claim, of a tenant that is
// served or suspended: who has left has no claim to prove anew. It asks each time.
func (r *Resolver) Shows(ctx context.Context, host, token string) (bool, error) {
	var shown bool
	err := r.db.Public().QueryRow(ctx, `SELECT EXISTS (
		SELECT FROM bailiwick.domains d JOIN public.tenants t ON t.id = d.tenant_id
		WHERE d.host = $1 AND d.token = $2 AND d.verified_at IS NOT NULL AND t.state IN ('active', 'suspended'))`, host, token).Scan(&shown)
	return shown, wrap(err, "look for the claim to "+host)
}

func notFound(name fmt.Stringer) error {
	return failf(tenant.CodeNotFound, "there is no active tenant of %s: %w", name, pgx.ErrNoRows)
}
