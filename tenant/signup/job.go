package signup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/worker"
)

const (
	// maxPause bounds how long a sign-up waits that could not be made.
	maxPause = 10 * time.Minute
	// keepFor is how long one is kept that has come to its end, for its owner to
	// ask after it.
	keepFor = 30 * 24 * time.Hour
)

// Job makes the tenants of confirmed sign-ups. The pool is the owner role's, and
// so is the catalog. A sign-up is one tenant, however often it is tried: its id
// is the idempotency key of [catalog.Catalog.Create].
func Job(logger *slog.Logger, pool *pgxpool.Pool, c *catalog.Catalog) worker.Job {
	p := &provisioner{logger: logger, pool: pool, catalog: c}
	return worker.Job{Name: "signups", Run: p.run}
}

// Cleaning deletes sign-ups that nobody has confirmed in time, and those that
// came to their end long ago: an address is kept no longer than it is needed.
func Cleaning(pool *pgxpool.Pool) worker.Job {
	return worker.Job{Name: "old signups", Every: time.Hour, Run: func(ctx context.Context) (int, error) {
		_, err := pool.Exec(ctx, `
			DELETE FROM bailiwick.signups WHERE confirmed_at IS NULL AND expires_at < pg_catalog.now()
			OR (tenant_id IS NOT NULL OR error IS NOT NULL) AND confirmed_at < pg_catalog.now() - pg_catalog.make_interval(secs => $1)`,
			keepFor.Seconds())
		return 0, err
	}}
}

type provisioner struct {
	logger  *slog.Logger
	pool    *pgxpool.Pool
	catalog *catalog.Catalog
}

// confirmed is a sign-up whose tenant is to be made.
type confirmed struct {
	id, slug, name, email, plan string
	attempts                    int
}

// run makes the tenant of one sign-up. It holds the row meanwhile: others take
// another one, and when this process dies the row is free again.
func (p *provisioner) run(ctx context.Context) (done int, err error) {
	err = pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		var s confirmed
		err := tx.QueryRow(ctx, `
			SELECT id::text, slug, name, email, coalesce(plan, ''), attempts FROM bailiwick.signups
			WHERE confirmed_at IS NOT NULL AND tenant_id IS NULL AND error IS NULL AND due_at <= pg_catalog.now()
			ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED`).Scan(&s.id, &s.slug, &s.name, &s.email, &s.plan, &s.attempts)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		done = 1
		t, reason, err := p.provision(ctx, s)
		switch {
		case err != nil:
			return p.postpone(ctx, tx, s, err)
		case reason != "":
			p.logger.InfoContext(ctx, "sign-up failed", "signup", s.id, "reason", reason)
			_, err = tx.Exec(ctx, "UPDATE bailiwick.signups SET error = $2 WHERE id = $1::uuid", s.id, reason)
			return err
		}
		p.logger.InfoContext(ctx, "sign-up has its tenant", "signup", s.id, "tenant", t.ID.String())
		_, err = tx.Exec(ctx, "UPDATE bailiwick.signups SET tenant_id = $2::uuid, last_error = NULL WHERE id = $1::uuid", s.id, t.ID.String())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("make the tenant of a sign-up: %w", err)
	}
	return done, nil
}

// provision makes the tenant, or gives the reason why there won't be one.
func (p *provisioner) provision(ctx context.Context, s confirmed) (t tenant.Tenant, reason string, err error) {
	offered, err := offers(ctx, p.pool, s.plan)
	if err != nil || !offered {
		return t, ReasonPlan, err
	}
	t, err = p.catalog.Create(catalog.WithActor(ctx, "signup:"+s.id), catalog.CreateParams{
		Slug: s.slug, Name: s.name, Plan: s.plan, OwnerEmail: s.email, Key: "signup:" + s.id,
	})
	reason = final(err)
	if reason == "" {
		return t, "", err
	}
	p.logger.WarnContext(ctx, "sign-up can't become a tenant", "signup", s.id, "error", err.Error())
	return t, reason, nil
}

// final is the reason of an error that will be the same whenever it is tried again.
// Others have codes like it, such as a project's seed that is wrong for a while: they
// are not the owner's to mend, who has one sign-up, and are none.
func final(err error) (reason string) {
	_, unfit := errors.AsType[*catalog.UnfitError](err)
	refused, ok := errors.AsType[*catalog.RefusedError](err)
	switch {
	case ok && refused.Final:
		return ReasonRefused
	case ok || !unfit:
		return ""
	case tenant.CodeOf(err) == tenant.CodeConflict:
		return ReasonSlugTaken
	}
	return ReasonRefused
}

// postpone has the sign-up tried again later, while others go on. A worker that is
// being stopped says nothing about the sign-up.
func (p *provisioner) postpone(ctx context.Context, tx pgx.Tx, s confirmed, cause error) error {
	if ctx.Err() != nil {
		return cause
	}
	pause := worker.Backoff(s.attempts+1, maxPause)
	if s.attempts == 0 {
		p.logger.WarnContext(ctx, "sign-up has no tenant yet and is tried again", "signup", s.id, "error", cause.Error())
	}
	_, err := tx.Exec(ctx, `
		UPDATE bailiwick.signups SET attempts = attempts + 1, last_error = $2, due_at = pg_catalog.now() + pg_catalog.make_interval(secs => $3)
		WHERE id = $1::uuid`, s.id, cause.Error(), pause.Seconds())
	return err
}
