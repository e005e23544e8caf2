package billing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// Apply applies the events that are due, each in a transaction of its own with the
// note that it is done, and returns how many. One that can't be applied, such as
// for a tenant that there is not, stays with its error and is tried again later,
// each time after twice as long, an hour at most, and when a subscription of the
// tenant ends.
func (b *Billing) Apply(ctx context.Context) (applied int, err error) {
	for {
		more, err := b.applyNext(ctx)
		if err != nil || !more {
			return applied, err
		}
		applied++
	}
}

// applyNext takes one event. Others may take others at the same time.
func (b *Billing) applyNext(ctx context.Context) (more bool, err error) {
	err = pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		var id string
		var payload []byte
		err := tx.QueryRow(ctx, `
			SELECT id, payload FROM bailiwick.inbox
			WHERE source = $1 AND done_at IS NULL AND due_at <= pg_catalog.now()
			ORDER BY received_at, id LIMIT 1 FOR UPDATE SKIP LOCKED`, source).Scan(&id, &payload)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		more = true
		cause := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return b.apply(ctx, tx, payload) })
		if cause != nil && ctx.Err() != nil {
			return cause
		}
		return b.settle(ctx, tx, id, cause)
	})
	if err != nil {
		return false, fmt.Errorf("apply the events of billing: %w", err)
	}
	return more, nil
}

// settle notes what became of an event.
func (b *Billing) settle(ctx context.Context, tx pgx.Tx, id string, cause error) error {
	if cause == nil {
		_, err := tx.Exec(ctx, `
			UPDATE bailiwick.inbox SET done_at = pg_catalog.now(), error = NULL, attempts = attempts + 1
			WHERE source = $1 AND id = $2`, source, id)
		return err
	}
	b.logger.WarnContext(ctx, "an event of billing can't be applied; it is tried again", slog.String("event", id), slog.String("error", cause.Error()))
	_, err := tx.Exec(ctx, `
		UPDATE bailiwick.inbox
		SET error = $3, attempts = attempts + 1,
		    due_at = pg_catalog.now() + LEAST('1 second'::interval * pg_catalog.power(2, LEAST(attempts, 12)), '1 hour')
		WHERE source = $1 AND id = $2`, source, id, cause.Error())
	return err
}

func (b *Billing) apply(ctx context.Context, tx pgx.Tx, payload []byte) error {
	c, ok, err := read(payload)
	if err != nil {
		return err
	}
	if !ok {
		b.logger.InfoContext(ctx, "an event of billing changes nothing: the subscription has not begun, or its status is not known",
			slog.String("subscription", c.external), slog.String("status", c.state))
		return nil
	}
	var found bool
	// The tenant's row is the lock: two events of one tenant are applied one after the other.
	err = tx.QueryRow(ctx, "SELECT true FROM public.tenants WHERE id = $1::uuid FOR UPDATE", c.tenant.String()).Scan(&found)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("there is no tenant %s", c.tenant)
	}
	if err != nil {
		return err
	}
	if err := c.remember(ctx, tx); err != nil {
		return err
	}
	changed, err := c.update(ctx, tx)
	if err == nil && changed && c.state == stateCanceled {
		err = c.retry(ctx, tx)
	}
	if err != nil || changed {
		return explain(err, c)
	}
	var holder string
	err = tx.QueryRow(ctx, "SELECT tenant_id::text FROM public.subscriptions WHERE external_id = $1", c.external).Scan(&holder)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return explain(c.insert(ctx, tx), c)
	case err != nil:
		return err
	case holder != c.tenant.String():
		return fmt.Errorf("subscription %s is tenant %s's, and is said to be tenant %s's", c.external, holder, c.tenant)
	}
	return nil // What is stored is newer.
}

// remember notes what a subscription was that has not ended, also when that is told
// after its end: a period that nobody has paid for is not served because of the end.
// What was before it was last paid, or tried, is forgotten.
func (c change) remember(ctx context.Context, tx pgx.Tx) error {
	if c.state == stateCanceled {
		return nil
	}
	_, err := tx.Exec(ctx, "INSERT INTO bailiwick.subscription_states (subscription, state, at) VALUES ($1, $2, $3)", c.external, c.state, c.at)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		DELETE FROM bailiwick.subscription_states
		WHERE subscription = $1 AND (at, id) < (
			SELECT h.at, h.id FROM bailiwick.subscription_states AS h
			WHERE h.subscription = $1 AND h.state <> 'past_due' ORDER BY h.at DESC, h.id DESC LIMIT 1)`, c.external)
	return err
}

// update changes the subscription that the event is about, or adopts one of ours
// that the provider has not known, such as the trial that a tenant began with: not
// when all that the event tells is an end. It changes nothing when that has been
// changed by a later event, or has ended.
func (c change) update(ctx context.Context, tx pgx.Tx) (changed bool, err error) {
	tag, err := tx.Exec(ctx, `
		UPDATE public.subscriptions SET
			external_id = $1, plan = $3, seats = $5, trial_ends_on = $8::timestamptz::date,
			current_period_start = $6, current_period_end = $7, canceled_at = $9, event_at = $10,
			state_since = CASE WHEN state::text = $4 THEN state_since ELSE $10 END,
			state = $4::public.subscription_state
		WHERE tenant_id = $2::uuid AND (external_id = $1 OR external_id IS NULL AND $4 <> 'canceled') AND state <> 'canceled'
		  AND (event_at IS NULL OR event_at <= $10)`, c.args()...)
	return tag.RowsAffected() > 0, err
}

// retry makes the tenant's events due that could not be applied: its next subscription
// may have waited for the end of this one. Whoever has one in hand waits for the
// tenant, and sees the end.
func (c change) retry(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		UPDATE bailiwick.inbox SET due_at = pg_catalog.now() WHERE (source, id) IN (
			SELECT source, id FROM bailiwick.inbox
			WHERE source = $1 AND done_at IS NULL AND error IS NOT NULL AND lower(payload #>> '{data,object,metadata,tenant}') = $2
			FOR UPDATE SKIP LOCKED)`, source, c.tenant.String())
	return err
}

func (c change) insert(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO public.subscriptions (
			external_id, tenant_id, plan, state, seats, current_period_start, current_period_end,
			trial_ends_on, canceled_at, event_at, state_since)
		VALUES ($1, $2::uuid, $3, $4::public.subscription_state, $5, $6, $7, $8::timestamptz::date, $9, $10, $10)`, c.args()...)
	return err
}

func (c change) args() []any {
	return []any{c.external, c.tenant.String(), c.plan, c.state, c.seats, c.start, c.end, c.trialEnd, c.canceledAt, c.at}
}

// explain says what is wrong where the database says which rule was broken.
func explain(err error, c change) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ok && pg.Code == "23503":
		return fmt.Errorf("there is no plan %q: %w", c.plan, err)
	case ok && pg.Code == "23505":
		return fmt.Errorf("tenant %s has another subscription that has not ended: %w", c.tenant, err)
	}
	return err
}

// asBilling is the context in which tenants are changed.
func asBilling(ctx context.Context) context.Context { return catalog.WithActor(ctx, actor) }
