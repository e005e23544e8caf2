package catalog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/singleflight"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

const (
	// maxTenants bounds the answers that are kept.
	maxTenants = 10_000
	// maxUnknown bounds the slugs that are known to be nobody's. They are
	// kept apart: whoever asks for names at random pushes out no tenant.
	maxUnknown = 1_000
	// unknownTTL is shorter than the making of a tenant takes, so that nobody
	// who has just made one is told that there is none, and long enough that a
	// flood of requests for one slug is a few queries a second; those at the
	// same time are one anyway.
	unknownTTL = 50 * time.Millisecond
	// lookupTimeout is for a lookup, which outlives the request that began it
	// for the sake of the others that wait for it.
	lookupTimeout = 5 * time.Second
)

// Resolver finds the tenant that a slug names, and remembers it for a while. It
// works as the runtime role. It is safe for concurrent use.
type Resolver struct {
	db     *tenant.DB
	ttl    time.Duration
	flight singleflight.Group

	mu      sync.Mutex
	tenants bounded[tenant.Tenant]
	unknown bounded[struct{}]
}

// NewResolver returns a Resolver that may give answers as old as ttl: for so
// long a suspended tenant can still be routed. Zero remembers nothing.
func NewResolver(db *tenant.DB, ttl time.Duration) *Resolver {
	return &Resolver{
		db: db, ttl: ttl,
		tenants: bounded[tenant.Tenant]{size: maxTenants},
		unknown: bounded[struct{}]{size: maxUnknown},
	}
}

// BySlug returns the active tenant with a slug. There being none, or it not
// being active, is CodeNotFound.
func (r *Resolver) BySlug(ctx context.Context, slug string) (tenant.Tenant, error) {
	slug, err := tenant.ParseSlug(slug)
	if err != nil {
		return tenant.Tenant{}, failf(tenant.CodeNotFound, "no tenant: %w", err)
	}
	if t, known, err := r.remembered(slug); known {
		return t, err
	}
	answers := r.flight.DoChan(slug, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		t, err := r.lookup(ctx, slug)
		r.remember(slug, t, err)
		return t, err
	})
	select {
	case a := <-answers:
		t, ok := a.Val.(tenant.Tenant)
		if a.Err != nil || !ok {
			return tenant.Tenant{}, a.Err
		}
		return t, nil
	case <-ctx.Done():
		return tenant.Tenant{}, wrap(context.Cause(ctx), "find tenant "+slug)
	}
}

// Route returns the active tenant that a name stands for. There being none, or it
// not being active, is CodeNotFound.
func (r *Resolver) Route(ctx context.Context, name tenant.Name) (tenant.Route, error) {
	if name.Slug == "" {
		return tenant.Route{}, notFound("tenant by " + name.String())
	}
	t, err := r.BySlug(ctx, name.Slug)
	return tenant.Route{Tenant: t}, err
}

// Forget drops what is remembered of a slug.
func (r *Resolver) Forget(slug string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tenants.remove(slug)
	r.unknown.remove(slug)
}

// ForgetAll drops whatever is remembered.
func (r *Resolver) ForgetAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tenants.entries, r.unknown.entries = nil, nil
}

// Locate asks the registry where a tenant lives now and which version its schema
// has, whatever is remembered, and remembers the answer. It is what [tenant.Config] wants for its field of that name. The tenant not being
// there, or not being active, is CodeNotFound.
func (r *Resolver) Locate(ctx context.Context, t tenant.Tenant) (tenant.Tenant, error) {
	r.Forget(t.Slug) // It may have another one now.
	now, err := r.ask(ctx, "tenant "+t.ID.String(), "id = $1::uuid", t.ID.String())
	if err == nil {
		r.remember(now.Slug, now, nil)
	}
	return now, err
}

func (r *Resolver) lookup(ctx context.Context, slug string) (tenant.Tenant, error) {
	return r.ask(ctx, fmt.Sprintf("tenant %q", slug), "slug = $1", slug)
}

// ask reads one row of the registry; what names the tenant in errors.
func (r *Resolver) ask(ctx context.Context, what, condition string, arg any) (t tenant.Tenant, err error) {
	var id string
	err = r.db.Public().QueryRow(ctx, `
		SELECT id::text, slug, schema_fingerprint, node FROM public.tenants
		WHERE state = 'active' AND `+condition, arg).Scan(&id, &t.Slug, &t.Version, &t.Node)
	if errors.Is(err, pgx.ErrNoRows) {
		return tenant.Tenant{}, notFound(what)
	}
	if err != nil {
		return tenant.Tenant{}, wrap(err, "find "+what)
	}
	t.ID, err = tenant.ParseID(id)
	return t, err
}

func notFound(what string) error {
	return failf(tenant.CodeNotFound, "there is no active %s: %w", what, pgx.ErrNoRows)
}

func (r *Resolver) remembered(slug string) (t tenant.Tenant, known bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if t, ok := r.tenants.get(slug, now); ok {
		return t, true, nil
	}
	if _, ok := r.unknown.get(slug, now); ok {
		return tenant.Tenant{}, true, notFound(fmt.Sprintf("tenant %q", slug))
	}
	return tenant.Tenant{}, false, nil
}

// remember keeps an answer. An error that says nothing about the tenant is no answer.
func (r *Resolver) remember(slug string, t tenant.Tenant, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	switch {
	case r.ttl <= 0:
	case err == nil:
		r.unknown.remove(slug)
		r.tenants.put(slug, t, now.Add(r.ttl), now)
	case tenant.CodeOf(err) == tenant.CodeNotFound:
		r.tenants.remove(slug)
		r.unknown.put(slug, struct{}{}, now.Add(min(r.ttl, unknownTTL)), now)
	}
}

// bounded is a map of at most size entries that expire. Its zero size holds nothing.
type bounded[V any] struct {
	size    int
	entries map[string]entry[V]
}

type entry[V any] struct {
	value   V
	expires time.Time
}

func (b *bounded[V]) get(key string, now time.Time) (V, bool) {
	e, ok := b.entries[key]
	if !ok || !now.Before(e.expires) {
		var none V
		return none, false
	}
	return e.value, true
}

func (b *bounded[V]) put(key string, value V, expires, now time.Time) {
	if b.entries == nil {
		b.entries = map[string]entry[V]{}
	}
	if _, ok := b.entries[key]; !ok && len(b.entries) >= b.size {
		b.makeRoom(now)
	}
	b.entries[key] = entry[V]{value: value, expires: expires}
}

// makeRoom removes one entry: of some that the map happens to give first, one
// that has expired, or else the one that will do so next.
func (b *bounded[V]) makeRoom(now time.Time) {
	const look = 8
	var victim string
	var soonest time.Time
	seen := 0
	for key, e := range b.entries {
		if seen == 0 || e.expires.Before(soonest) {
			victim, soonest = key, e.expires
		}
		if seen++; seen == look || !now.Before(e.expires) {
			break
		}
	}
	delete(b.entries, victim)
}

func (b *bounded[V]) remove(key string) { delete(b.entries, key) }
