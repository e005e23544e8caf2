package catalog

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

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
