package catalog

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Ref says which tenant is meant, by its slug, its id, or both.
type Ref struct {
	Slug string
	ID   tenant.ID
	// Revision is [Record.Revision] as the caller has seen it: a tenant that has
	// changed since is CodeConflict. Zero takes the tenant as it is.
	Revision int64
}

func (r Ref) String() string {
	switch {
	case r.ID.IsZero():
		return "tenant " + r.Slug
	case r.Slug == "":
		return "tenant " + r.ID.String()
	}
	return "tenant " + r.Slug + " (" + r.ID.String() + ")"
}

// condition is the part of a WHERE clause on public.tenants, as t, that the
// tenant is found by.
func (r Ref) condition() (sql string, args []any, err error) {
	switch {
	case r.ID.IsZero() && r.Slug == "":
		return "", nil, failf(tenant.CodeInvalid, "no tenant is named: give its slug or its id")
	case r.ID.IsZero():
		return "t.slug = $1", []any{r.Slug}, nil
	case r.Slug == "":
		return "t.id = $1::uuid", []any{r.ID.String()}, nil
	}
	return "t.id = $1::uuid AND t.slug = $2", []any{r.ID.String(), r.Slug}, nil
}

// OffboardParams say how a tenant leaves.
type OffboardParams struct {
	// Grace is how long the tenant can be restored before it may be purged. Zero
	// lets it be purged at once.
	Grace time.Duration
	// Reason is for people, and kept in the audit.
	Reason string
}

// The methods below take one step each, in one transaction with the row of the
// audit and what hooks are to be told. A step that is not possible in the
// tenant's state, or that a hook refuses ([RefusedError]), is CodeConflict; one whose outcome is there already changes
// nothing and returns the tenant as it is, so that each can be repeated. To suspend
// or offboard for another reason, or with another grace, is a change.

// Rename gives a tenant another slug, which is its host name. The schema stays
// where it is, and the old slug is free at once. A slug that is taken, or looks
// like another tenant's, is CodeConflict.
func (c *Catalog) Rename(ctx context.Context, ref Ref, slug string) (Record, error) {
	if _, err := tenant.ParseNewSlug(slug); err != nil {
		return Record{}, err
	}
	return c.take(ctx, step{action: ActionRename, ref: ref, change: func(r *Record, _ time.Time) { r.Slug = slug }})
}

// SetName gives a tenant another name for people.
func (c *Catalog) SetName(ctx context.Context, ref Ref, name string) (Record, error) {
	if strings.TrimSpace(name) == "" {
		return Record{}, failf(tenant.CodeInvalid, "the name of a tenant can't be empty")
	}
	if err := checkText("name", name); err != nil {
		return Record{}, err
	}
	return c.take(ctx, step{action: ActionSetName, ref: ref, change: func(r *Record, _ time.Time) { r.Name = name }})
}

// SetPlan puts a tenant on another plan, one of public.plans. A shared schema in
// which tenants have no plan is CodeInvalid.
func (c *Catalog) SetPlan(ctx context.Context, ref Ref, plan string) (Record, error) {
	if plan == "" {
		return Record{}, failf(tenant.CodeInvalid, "the plan of a tenant can't be empty")
	}
	if err := checkText("plan", plan); err != nil {
		return Record{}, err
	}
	return c.take(ctx, step{action: ActionSetPlan, ref: ref, change: func(r *Record, _ time.Time) { r.Plan = plan }})
}

// Offboard takes a tenant out of service for good: it is not routed any more, and
// tokens and keys from before are dead, also when it is restored. Its data stay
// until they are purged. Of a tenant that is offboarded it changes the reason and
// the grace, which counts from the first time.
func (c *Catalog) Offboard(ctx context.Context, ref Ref, p OffboardParams) (Record, error) {
	if p.Grace < 0 {
		return Record{}, failf(tenant.CodeInvalid, "a grace of %s: it can't be negative", p.Grace)
	}
	if err := checkText("reason", p.Reason); err != nil {
		return Record{}, err
	}
	return c.take(ctx, step{
		action: ActionOffboard, ref: ref,
		change: func(r *Record, at time.Time) {
			if r.State == StateSuspended {
				r.LeftState, r.LeftReason = r.State, r.Reason
			}
			r.Reason, r.NotBefore = p.Reason, at
			r.grace(at, p.Grace)
		},
		again: func(r *Record, at time.Time) {
			r.Reason, r.NotBefore = cmp.Or(p.Reason, r.Reason), cmp.Or(r.NotBefore, at)
			r.grace(cmp.Or(r.OffboardedAt, at), p.Grace) // Unset where another hand has set the state.
		},
	})
}

// grace sets from when and for how long a tenant is offboarded.
func (r *Record) grace(from time.Time, grace time.Duration) {
	r.OffboardedAt, r.PurgeAfter = from, from.Add(grace).Truncate(time.Microsecond)
}

// Restore brings back an offboarded tenant that is not purged, into service or, if
// it was suspended, into that, with the reason that it had. What was given out while
// it was away is dead as well, so its people have to sign in anew, by the issuer's
// clock. A tenant that has missed rollouts needs `bailiwick schema apply`; until then
// its requests are answered with 503 where its schema does not fit.
func (c *Catalog) Restore(ctx context.Context, ref Ref) (Record, error) {
	return c.take(ctx, step{
		action: ActionRestore, ref: ref, work: complete,
		change: func(r *Record, at time.Time) {
			r.State, r.Reason = cmp.Or(r.LeftState, StateActive), r.LeftReason
			r.NotBefore, r.OffboardedAt, r.PurgeAfter = at, time.Time{}, time.Time{}
			r.LeftState, r.LeftReason = "", ""
		},
	})
}
