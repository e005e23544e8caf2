package catalog

import (
	"cmp"
	"context"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// ByOperator is who holds a suspension that nothing but a person's word lifts.
const ByOperator = "operator"

// Suspend takes a tenant out of service until Resume. Its tokens and keys live. Of
// a tenant that is suspended it changes the reason, when it has another one. A
// suspension that a part of the software holds ([Catalog.SuspendFor]) is held by
// operators from then on, for the reason that is given, if any.
func (c *Catalog) Suspend(ctx context.Context, ref Ref, reason string) (Record, error) {
	return c.suspend(ctx, ref, ByOperator, reason)
}

// SuspendFor is Suspend for a part of the software, such as billing, that is to resume
// the tenant by itself: by whom, which is a name for it, is in [Record.SuspendedBy]. Of
// a tenant whose suspension another one holds it changes nothing, so that is what to
// look at before Resume, with the revision that was looked at.
func (c *Catalog) SuspendFor(ctx context.Context, ref Ref, by, reason string) (Record, error) {
	if by == "" {
		return Record{}, failf(tenant.CodeInvalid, "a suspension has to be held by somebody")
	}
	if err := checkText("holder of a suspension", by); err != nil {
		return Record{}, err
	}
	return c.suspend(ctx, ref, by, reason)
}

func (c *Catalog) suspend(ctx context.Context, ref Ref, by, reason string) (Record, error) {
	if err := checkText("reason", reason); err != nil {
		return Record{}, err
	}
	return c.take(ctx, step{
		action: ActionSuspend, ref: ref,
		change: func(r *Record, _ time.Time) { r.SuspendedBy, r.Reason = by, reason },
		again: func(r *Record, _ time.Time) {
			switch {
			case r.SuspendedBy == by:
				r.Reason = cmp.Or(reason, r.Reason)
			case by == ByOperator:
				r.SuspendedBy, r.Reason = by, reason
			}
		},
	})
}

// Resume puts a suspended tenant back into service, whoever holds the suspension, or
// one in provisioning that is complete.
func (c *Catalog) Resume(ctx context.Context, ref Ref) (Record, error) {
	return c.take(ctx, step{
		action: ActionResume, ref: ref, work: complete,
		change: func(r *Record, _ time.Time) { r.SuspendedBy, r.Reason = "", "" },
	})
}
