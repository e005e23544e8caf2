package signup

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/limit"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// State is how far a sign-up is.
type State string

// The states of a sign-up.
const (
	// Pending waits to be confirmed.
	Pending State = "pending"
	// Provisioning is confirmed, and its tenant is being made.
	Provisioning State = "provisioning"
	// Ready has its tenant.
	Ready State = "ready"
	// Failed will not have one; the Reason says why.
	Failed State = "failed"
)

// Why a sign-up fails.
const (
	// ReasonSlugTaken: somebody else was faster.
	ReasonSlugTaken = "slug-taken"
	// ReasonPlan: the plan is not on offer any more.
	ReasonPlan = "plan-unavailable"
	// ReasonRefused: a tenant can't be like that, or a hook has refused it for good.
	ReasonRefused = "refused"
)

// Signup is a sign-up, for whoever has its token.
type Signup struct {
	ID    tenant.ID
	Slug  string
	State State
	// Host is where a ready tenant is; empty otherwise, and when that is out of
	// service.
	Host string
	// Reason is that of a failed one.
	Reason string
}

// querier is what the runtime role and the owner role are asked by.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Confirm takes a token as the proof that the address is its bearer's, and has the
// tenant made. A token that is wrong, expired or used is 404. A slug that is taken
// is 409; the token stays good, in case the slug becomes free.
func (d *Desk) Confirm(ctx context.Context, token string) (Signup, error) {
	if d == nil {
		return Signup{}, notFound()
	}
	if err := d.perToken.Take(limit.AddressKey(ctx)); err != nil {
		return Signup{}, err
	}
	s := Signup{State: Provisioning}
	err := d.config.DB.Public().InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenant.PublicQuerier) error {
		var id string
		err := tx.QueryRow(ctx, `
			SELECT id::text, slug FROM bailiwick.signups
			WHERE token_hash = ANY ($1) AND confirmed_at IS NULL AND expires_at > pg_catalog.now() FOR UPDATE`,
			d.config.Keys.Hashes(purpose, []byte(token))).Scan(&id, &s.Slug)
		if errors.Is(err, pgx.ErrNoRows) {
			return notFound()
		}
		if err != nil {
			return err
		}
		if s.ID, err = tenant.ParseID(id); err != nil {
			return err
		}
		if err := free(ctx, tx, s.Slug); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE bailiwick.signups SET confirmed_at = pg_catalog.now(), due_at = pg_catalog.now() WHERE id = $1::uuid", id)
		return err
	})
	if err != nil {
		return Signup{}, fmt.Errorf("confirm the sign-up: %w", err)
	}
	if d.config.Wake != nil {
		d.config.Wake()
	}
	return s, nil
}

// free is nil when a tenant can have the slug, as far as that can be known before
// it is made.
func free(ctx context.Context, q querier, slug string) error {
	var taken bool
	err := q.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM public.tenants WHERE slug = $1) OR EXISTS (
			SELECT FROM bailiwick.signups
			WHERE slug = $1 AND confirmed_at IS NOT NULL AND tenant_id IS NULL AND error IS NULL)`, slug).Scan(&taken)
	if err != nil {
		return err
	}
	if taken {
		return rest.Errorf(http.StatusConflict, "the slug is taken: sign up with another one")
	}
	return nil
}

// Look tells how far a sign-up is. A token that is not its own, or has expired
// unconfirmed, is 404.
func (d *Desk) Look(ctx context.Context, id tenant.ID, token string) (Signup, error) {
	if d == nil {
		return Signup{}, notFound()
	}
	if err := d.perToken.Take(limit.AddressKey(ctx)); err != nil {
		return Signup{}, err
	}
	s := Signup{ID: id}
	var confirmed, made bool
	var now *string
	err := d.config.DB.Public().QueryRow(ctx, `
		SELECT s.slug, s.confirmed_at IS NOT NULL, s.tenant_id IS NOT NULL, coalesce(s.error, ''), t.slug
		FROM bailiwick.signups AS s
		LEFT JOIN public.tenants AS t ON t.id = s.tenant_id AND t.state = 'active'
		WHERE s.id = $1::uuid AND s.token_hash = ANY ($2) AND (s.confirmed_at IS NOT NULL OR s.expires_at > pg_catalog.now())`,
		id.String(), d.config.Keys.Hashes(purpose, []byte(token))).Scan(&s.Slug, &confirmed, &made, &s.Reason, &now)
	if errors.Is(err, pgx.ErrNoRows) {
		return Signup{}, notFound()
	}
	if err != nil {
		return Signup{}, fmt.Errorf("look for the sign-up: %w", err)
	}
	switch {
	case s.Reason != "":
		s.State = Failed
	case made:
		s.State = Ready
	case confirmed:
		s.State = Provisioning
	default:
		s.State = Pending
	}
	if now != nil {
		s.Slug, s.Host = *now, *now+"."+d.config.BaseDomain
	}
	return s, nil
}
