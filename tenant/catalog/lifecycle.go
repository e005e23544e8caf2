package catalog

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

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

// step is what take takes.
type step struct {
	action string
	ref    Ref
	// work may refuse the step, and does what there is to do in the database
	// beside the registry, within the transaction. Nil is nothing.
	work func(ctx context.Context, tx pgx.Tx, r Record, at time.Time) error
	// check may refuse the step by what the registry has of the tenant. Nil refuses
	// nothing.
	check func(r Record, at time.Time) error
	// change is what becomes of the tenant. Where the step leads to one state, that
	// is set afterwards.
	change func(r *Record, at time.Time)
	// again is what the step changes of a tenant on which it was taken before. Nil
	// changes nothing.
	again func(r *Record, at time.Time)
}

// take takes a step: hooks are asked, the registry is changed, hooks are told.
func (c *Catalog) take(ctx context.Context, s step) (Record, error) {
	r, err := c.taken(ctx, s)
	if err != nil {
		return Record{}, wrap(notInstalled(err), s.action+" "+s.ref.String())
	}
	return r, nil
}

func (c *Catalog) taken(ctx context.Context, s step) (r Record, err error) {
	if err := c.register(ctx); err != nil {
		return r, err
	}
	if s.ref, err = c.ask(ctx, s); err != nil {
		return r, err
	}
	var changed bool
	err = c.repeat(ctx, func() (err error) {
		r, changed, err = c.commit(ctx, s)
		return err
	})
	if err == nil && changed {
		c.deliverAtOnce(ctx, r.ID)
	}
	return r, err
}

// repeat runs a transaction until it fails for a reason of its own, or for longer than
// the LockTimeout for others': somebody works on the schema, or there was a deadlock.
func (c *Catalog) repeat(ctx context.Context, transaction func() error) error {
	for deadline := time.Now().Add(c.config.LockTimeout); ; {
		err := transaction()
		others := errors.Is(err, errAtWork) || tenant.CodeOf(err) == tenant.CodeSerialization
		if !others || time.Now().After(deadline) {
			return err
		}
		if err := sleep(ctx, atWorkPause); err != nil {
			return err
		}
	}
}

// commit is the transaction of a step.
func (c *Catalog) commit(ctx context.Context, s step) (after Record, changed bool, err error) {
	err = c.inTx(ctx, func(tx pgx.Tx) error {
		before, at, err := lockRecord(ctx, tx, s.ref)
		if err != nil {
			return err
		}
		if after, err = s.outcome(before, at); err != nil || after == before {
			return err
		}
		if s.work != nil {
			if err := s.work(ctx, tx, before, at); err != nil {
				return err
			}
		}
		after.Revision++
		changed = true
		if err := update(ctx, tx, before, after); err != nil {
			return err
		}
		return c.tell(ctx, tx, Event{Action: s.action, Tenant: after, Was: before, At: at})
	})
	return after, changed, err
}

// outcome is what the step makes of a tenant: the same record when it has been
// taken before.
func (s step) outcome(before Record, at time.Time) (Record, error) {
	after := before
	if s.taken(before) {
		if s.again != nil {
			s.again(&after, at)
		}
		return after, nil
	}
	if err := legal(s.action, before); err != nil {
		return Record{}, err
	}
	if s.check != nil {
		if err := s.check(before, at); err != nil {
			return Record{}, err
		}
	}
	s.change(&after, at)
	after.State = cmp.Or(transitions[s.action].to, after.State)
	return after, nil
}

// taken tells whether a tenant is where the step leads. One that was restored is
// suspended if it was so before.
func (s step) taken(r Record) bool {
	if s.action == ActionRestore {
		return r.State == StateActive || r.State == StateSuspended && !r.NotBefore.IsZero()
	}
	return r.State == transitions[s.action].to
}

// ask asks the hooks, and returns the one tenant and the revision of it that they
// were asked about: a slug may be another tenant's by the time of the step. A tenant
// that changes meanwhile is a conflict.
func (c *Catalog) ask(ctx context.Context, s step) (Ref, error) {
	if !c.asks() {
		return s.ref, nil
	}
	was, err := c.Find(ctx, s.ref)
	if err != nil {
		return s.ref, err
	}
	at, err := clock(ctx, c.pool)
	if err != nil {
		return s.ref, err
	}
	pinned := Ref{ID: was.ID, Revision: was.Revision}
	after, err := s.outcome(was, at)
	if err != nil || after == was {
		return pinned, err
	}
	return pinned, c.before(ctx, Event{Action: s.action, Tenant: after, Was: was, At: at})
}

// lockRecord keeps others from changing a tenant until the transaction ends, and
// returns it with the time from which it is locked: what was given out while the
// transaction waited is from before the step.
func lockRecord(ctx context.Context, tx pgx.Tx, ref Ref) (r Record, at time.Time, err error) {
	condition, args, err := ref.condition()
	if err != nil {
		return r, at, err
	}
	// Locked first and read then: who has waited sees what was waited for.
	var id string
	err = tx.QueryRow(ctx, "SELECT t.id::text FROM public.tenants AS t WHERE "+condition+" FOR UPDATE", args...).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, at, failf(tenant.CodeNotFound, "there is no %s", ref)
	}
	if err != nil {
		return r, at, err
	}
	if r, err = readRecord(ctx, tx, "t.id = $1::uuid", id); err != nil {
		return r, at, err
	}
	if at, err = clock(ctx, tx); err != nil {
		return r, at, err
	}
	return r, at, ref.unchanged(r)
}

// clock is the database's, which all times of the registry are by.
func clock(ctx context.Context, q querier) (time.Time, error) {
	rows, err := q.Query(ctx, "SELECT pg_catalog.clock_timestamp()")
	if err != nil {
		return time.Time{}, err
	}
	at, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[time.Time])
	return at.UTC(), err
}

// unchanged compares the revision.
func (r Ref) unchanged(now Record) error {
	if r.Revision != 0 && r.Revision != now.Revision {
		return failf(tenant.CodeConflict, "tenant %s has changed: it is at revision %d, not %d; look at it again", now.Slug, now.Revision, r.Revision)
	}
	return nil
}

// complete checks that a tenant that is to be routed has what it takes.
func complete(ctx context.Context, tx pgx.Tx, r Record, _ time.Time) error {
	var schema, role bool
	err := tx.QueryRow(ctx, `
		SELECT pg_catalog.to_regnamespace($1) IS NOT NULL, pg_catalog.to_regrole($1) IS NOT NULL`, r.Schema).Scan(&schema, &role)
	if err == nil && (!schema || !role) {
		return failf(tenant.CodeSchema, "tenant %s has no schema or no role %s", r.Slug, r.Schema)
	}
	return err
}
