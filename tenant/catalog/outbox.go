package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

const (
	// hookTimeout is how long a hook may take.
	hookTimeout = time.Minute
	// hookLease is how long nobody else tells a hook of the same event. A process
	// that dies meanwhile has told it or not: it is told again.
	hookLease = hookTimeout + 30*time.Second
	// firstRetry and longestRetry are between two attempts.
	firstRetry   = 2 * time.Second
	longestRetry = time.Hour
	// keepDelivered is how long what was delivered can still be looked at.
	keepDelivered = 30 * 24 * time.Hour
	// cleanEvery is how often a process deletes what is older.
	cleanEvery = time.Hour
)

// checkHooks refuses hooks that can't be told apart.
func checkHooks(hooks []Hook) error {
	var names []string
	for _, h := range hooks {
		if h.Name == "" || slices.Contains(names, h.Name) {
			return failf(tenant.CodeInvalid, "hook %q: each needs a name of its own", h.Name)
		}
		names = append(names, h.Name)
	}
	return nil
}

// asks tells whether any hook wants to be asked.
func (c *Catalog) asks() bool {
	return slices.ContainsFunc(c.config.Hooks, func(h Hook) bool { return h.Before != nil })
}

// before asks the hooks whether a step may be taken.
func (c *Catalog) before(ctx context.Context, e Event) error {
	e.Actor, e.Run = c.actor(ctx), runOf(ctx)
	for _, h := range c.config.Hooks {
		if h.Before == nil {
			continue
		}
		if err := h.Before(ctx, e); err != nil {
			return stopped(ctx, h.Name, err)
		}
	}
	return nil
}

// told are the names of the hooks that this process can tell something.
func (c *Catalog) told() (names []string) {
	for _, h := range c.config.Hooks {
		if h.After != nil {
			names = append(names, h.Name)
		}
	}
	return names
}

// register makes the hooks of this process known, so that whoever takes a step
// leaves word for them.
func (c *Catalog) register(ctx context.Context) error {
	names := c.told()
	if len(names) == 0 || c.registered.Load() {
		return nil
	}
	_, err := c.pool.Exec(ctx, `
		INSERT INTO bailiwick.hooks (name) SELECT unnest($1::text[]) ORDER BY 1
		ON CONFLICT (name) DO NOTHING`, names)
	if err != nil {
		return wrap(notInstalled(err), "register the hooks")
	}
	c.registered.Store(true)
	return nil
}

// Deliver tells this process's hooks of the steps that they have not heard of yet
// and are due, and returns how many it told of. It may be called by several
// processes at once, and is to be called again and again by one of them, the
// worker. The errors of hooks are joined; those are tried again later, each time
// after a longer while, and [Catalog.Doctor] shows them.
func (c *Catalog) Deliver(ctx context.Context) (int, error) {
	c.registered.Store(false) // Another process may have forgotten it.
	if err := c.register(ctx); err != nil {
		return 0, err
	}
	if err := c.cleanOutbox(ctx); err != nil {
		return 0, wrap(notInstalled(err), "deliver events")
	}
	n, err := c.deliver(ctx, nil)
	return n, wrap(err, "deliver events")
}

// cleanOutbox deletes what was delivered long ago, once an hour.
func (c *Catalog) cleanOutbox(ctx context.Context) error {
	last, now := c.cleaned.Load(), time.Now()
	if last != nil && now.Sub(*last) < cleanEvery {
		return nil
	}
	_, err := c.pool.Exec(ctx, "DELETE FROM bailiwick.outbox WHERE done_at < pg_catalog.now() - pg_catalog.make_interval(secs => $1)", keepDelivered.Seconds())
	if err == nil {
		c.cleaned.Store(&now)
	}
	return err
}

// deliverAtOnce tells the hooks of what has just happened to a tenant. What fails
// is in the outbox, where Deliver finds it.
func (c *Catalog) deliverAtOnce(ctx context.Context, id tenant.ID) {
	if len(c.told()) == 0 {
		return
	}
	_, _ = c.deliver(ctx, &id) // The step is taken, whatever hooks say to that.
}

// deliver tells all that is due, of one tenant or of all.
func (c *Catalog) deliver(ctx context.Context, of *tenant.ID) (n int, err error) {
	var failed []error
	for {
		d, err := c.claim(ctx, of)
		if errors.Is(err, pgx.ErrNoRows) {
			return n, errors.Join(failed...)
		}
		if err != nil {
			return n, errors.Join(append(failed, err)...)
		}
		told := c.tellHook(ctx, d)
		if told == nil {
			n++
		} else {
			failed = append(failed, fmt.Errorf("hook %s, %s of tenant %s, attempt %d: %w", d.hook.Name, d.event.Action, d.event.Tenant.Slug, d.attempts, told))
		}
		if err := c.settleDelivery(ctx, d, told); err != nil {
			return n, errors.Join(append(failed, err)...)
		}
	}
}

// delivery is a row of the outbox in this process's hands.
type delivery struct {
	event    Event
	hook     Hook
	attempts int
}

// claim takes one row that is due, for as long as the lease lasts. What a hook has
// not heard yet of a tenant comes first, so that it hears all in order.
func (c *Catalog) claim(ctx context.Context, of *tenant.ID) (d delivery, err error) {
	condition, args := "", []any{c.told(), hookLease.Seconds()}
	if of != nil {
		condition, args = "AND o.tenant_id = $3::uuid", append(args, of.String())
	}
	var name, event string
	var id int64
	err = c.pool.QueryRow(ctx, `
		UPDATE bailiwick.outbox SET attempts = attempts + 1, due_at = pg_catalog.now() + pg_catalog.make_interval(secs => $2)
		WHERE id = (
			SELECT o.id FROM bailiwick.outbox AS o
			WHERE o.done_at IS NULL AND o.due_at <= pg_catalog.now() AND o.hook = ANY ($1) `+condition+`
			  AND NOT EXISTS (
				SELECT FROM bailiwick.outbox AS e
				WHERE e.done_at IS NULL AND e.tenant_id = o.tenant_id AND e.hook = o.hook AND e.id < o.id)
			ORDER BY o.due_at, o.id LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING id, hook, event::text, attempts`, args...).Scan(&id, &name, &event, &d.attempts)
	if err != nil {
		return d, err
	}
	for _, h := range c.config.Hooks {
		if h.Name == name {
			d.hook = h
		}
	}
	err = json.Unmarshal([]byte(event), &d.event)
	d.event.ID = id
	return d, err
}

// tellHook tells a hook of an event. A panic is an error like others: the step is
// taken, and whoever took it has nothing to do with what hooks do.
func (c *Catalog) tellHook(ctx context.Context, d delivery) (err error) {
	ctx, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return d.hook.After(ctx, d.event)
}

// settleDelivery writes down how it went, also when ctx has ended meanwhile.
func (c *Catalog) settleDelivery(ctx context.Context, d delivery, told error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.LockTimeout)
	defer cancel()
	if told == nil {
		_, err := c.pool.Exec(ctx, "UPDATE bailiwick.outbox SET done_at = pg_catalog.now(), error = NULL WHERE id = $1", d.event.ID)
		return err
	}
	wait := min(firstRetry<<min(d.attempts-1, 20), longestRetry)
	_, err := c.pool.Exec(ctx, `
		UPDATE bailiwick.outbox SET error = $2, due_at = pg_catalog.now() + pg_catalog.make_interval(secs => $3)
		WHERE id = $1 AND done_at IS NULL`, d.event.ID, told.Error(), wait.Seconds())
	return err
}

// ForgetHook takes a hook out of the registry, with what it has not heard yet. It
// is for hooks that no process has any more.
func (c *Catalog) ForgetHook(ctx context.Context, name string) error {
	err := c.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "DELETE FROM bailiwick.hooks WHERE name = $1", name)
		if err == nil && tag.RowsAffected() == 0 {
			return failf(tenant.CodeNotFound, "there is no hook %q", name)
		}
		if err == nil {
			_, err = tx.Exec(ctx, "DELETE FROM bailiwick.outbox WHERE hook = $1 AND done_at IS NULL", name)
		}
		if err == nil {
			err = c.Note(ctx, tx, ActionForgetHook, tenant.ID{}, map[string]string{"hook": name})
		}
		return err
	})
	return wrap(notInstalled(err), "forget hook "+name)
}
