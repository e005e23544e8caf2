package billing

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// reason begins why tenants are suspended for money, for people. Whose suspension it is
// to lift is [catalog.Record.SuspendedBy]; those of others are left alone.
const reason = "billing: "

// billed says of each subscription why its tenant is not to be served, if it is not.
// One that was canceled is judged by what it was before, too: its period is paid for
// only if it was active then, and a grace that has begun goes on.
const billed = `
	SELECT s.tenant_id, s.plan, s.state, s.current_period_end, CASE
		WHEN s.state = 'canceled' AND s.current_period_end <= pg_catalog.now() THEN 'the subscription has ended'
		WHEN h.was = 'past_due' AND h.since + $1::interval <= pg_catalog.now() THEN 'the payment is overdue'
		WHEN h.was = 'trialing' AND s.trial_ends_on + $1::interval <= pg_catalog.now() THEN 'the trial has ended'
	END AS due
	FROM public.subscriptions AS s, LATERAL (
		SELECT CASE WHEN s.state <> 'canceled' THEN s.state::text ELSE (
				SELECT state FROM bailiwick.subscription_states WHERE subscription = s.external_id ORDER BY at DESC, id DESC LIMIT 1) END AS was,
			coalesce((SELECT min(at) FROM bailiwick.subscription_states WHERE subscription = s.external_id AND state = 'past_due'), s.state_since) AS since
	) AS h`

// unequal finds tenants that are not as their subscription says: the live one, or
// else, of those that have ended, the one that still pays, or ended last. Tenants
// without any are not billed. A project may let tenants and subscriptions have no plan.
const unequal = `
	SELECT t.id::text, t.state::text, coalesce(t.plan, ''), coalesce(s.plan, t.plan, ''), s.state <> 'canceled', coalesce(s.due, '')
	FROM public.tenants AS t
	JOIN (
		SELECT DISTINCT ON (tenant_id) tenant_id, plan, state, due FROM (` + billed + `) AS billed
		ORDER BY tenant_id, state = 'canceled', due IS NOT NULL, current_period_end DESC
	) AS s ON s.tenant_id = t.id
	LEFT JOIN bailiwick.tenants AS life ON life.tenant_id = t.id
	WHERE t.state = 'active' AND s.due IS NOT NULL
	   OR t.state = 'suspended' AND life.suspended_by = $2 AND s.due IS NULL
	   OR t.state IN ('active', 'suspended') AND s.state <> 'canceled' AND t.plan IS DISTINCT FROM coalesce(s.plan, t.plan)
	ORDER BY t.id`

type difference struct {
	id, state, plan, subscribed string
	live                        bool // the subscription
	due                         string
}

// Enforce puts each tenant on the plan that it is subscribed to, suspends those
// whose subscription has ended, or is due for longer than the grace, and resumes
// those that it has suspended once they have paid. It returns how many steps were
// taken. A tenant that can't be changed is logged and does not keep the others.
func (b *Billing) Enforce(ctx context.Context) (steps int, err error) {
	var all []difference
	rows, err := b.pool.Query(ctx, unequal, fmt.Sprintf("%d seconds", int64(b.grace.Seconds())), actor)
	if err == nil {
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d difference, err error) {
			err = row.Scan(&d.id, &d.state, &d.plan, &d.subscribed, &d.live, &d.due)
			return d, err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("compare tenants with their subscriptions: %w", err)
	}
	for _, d := range all {
		n, err := b.align(asBilling(ctx), d)
		steps += n
		if err != nil && ctx.Err() != nil {
			return steps, err
		}
		if err != nil {
			b.logger.WarnContext(ctx, "a tenant can't be brought in line with its subscription", slog.String("tenant", d.id), slog.String("error", err.Error()))
		}
	}
	return steps, nil
}

func (b *Billing) align(ctx context.Context, d difference) (steps int, err error) {
	id, err := tenant.ParseID(d.id)
	if err != nil {
		return 0, err
	}
	take := func(step func() (catalog.Record, error)) {
		if err != nil {
			return
		}
		if _, err = step(); err == nil {
			steps++
		}
	}
	if d.live && d.plan != d.subscribed {
		take(func() (catalog.Record, error) { return b.catalog.SetPlan(ctx, catalog.Ref{ID: id}, d.subscribed) })
	}
	switch {
	case d.due != "" && d.state == catalog.StateActive:
		take(func() (catalog.Record, error) {
			return b.catalog.SuspendFor(ctx, catalog.Ref{ID: id}, actor, reason+d.due) // Nothing, if somebody else has meanwhile.
		})
	case d.due == "" && d.state == catalog.StateSuspended:
		take(func() (catalog.Record, error) { return b.resume(ctx, id) })
	}
	return steps, err
}

// resume resumes a tenant if the suspension is still billing's.
func (b *Billing) resume(ctx context.Context, id tenant.ID) (catalog.Record, error) {
	r, err := b.catalog.Find(ctx, catalog.Ref{ID: id})
	if err != nil || r.SuspendedBy != actor {
		return r, err
	}
	return b.catalog.Resume(ctx, catalog.Ref{ID: id, Revision: r.Revision})
}
