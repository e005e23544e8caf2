package catalog

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
)

// What the audit calls the changes of a tenant's issuers.
const (
	ActionAddIssuer    = "add-issuer"
	ActionRemoveIssuer = "remove-issuer"
)

// Issuer is an issuer of tokens that speaks for one tenant alone: a token with
// its iss and aud is for that tenant, and for no other, whatever it claims.
type Issuer struct {
	TenantID tenant.ID `json:"tenant_id"`
	// Issuer and Audience are iss and aud of the tokens. Together they are unique.
	Issuer   string `json:"issuer"`
	Audience string `json:"audience"`
	// JWKSURL is where the issuer's keys are. Empty means where its discovery says.
	JWKSURL   string    `json:"jwks_url,omitempty"`
	CreatedAt time.Time `json:"created_at"`
}

// AddIssuer lets an issuer speak for a tenant. Of the Issuer its TenantID and
// CreatedAt are not looked at. Adding what is there already changes nothing; an
// issuer that speaks for another tenant with the same audience, or for this one
// with other keys, is CodeConflict, and so is a tenant that is on its way out.
func (c *Catalog) AddIssuer(ctx context.Context, ref Ref, i Issuer) (Issuer, error) {
	if err := i.check(); err != nil {
		return Issuer{}, err
	}
	err := c.inTx(ctx, func(tx pgx.Tx) error {
		r, err := lockLiving(ctx, tx, ref)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			INSERT INTO bailiwick.issuers (tenant_id, issuer, audience, jwks_url) VALUES ($1::uuid, $2, $3, nullif($4, ''))
			ON CONFLICT (issuer, audience) DO NOTHING`, r.ID.String(), i.Issuer, i.Audience, i.JWKSURL)
		if err != nil {
			return err
		}
		there, err := readIssuers(ctx, tx, "issuer = $1 AND audience = $2", i.Issuer, i.Audience)
		if err != nil {
			return err
		}
		if len(there) != 1 || there[0].TenantID != r.ID || there[0].JWKSURL != i.JWKSURL {
			return failf(tenant.CodeConflict, "issuer %s with audience %q speaks for another tenant, or has its keys elsewhere; remove it first", i.Issuer, i.Audience)
		}
		i = there[0]
		if tag.RowsAffected() == 0 {
			return nil
		}
		return c.Note(ctx, tx, ActionAddIssuer, r.ID, i)
	})
	return i, wrap(notInstalled(err), "add an issuer to "+ref.String())
}

// RemoveIssuer ends that an issuer speaks for a tenant: its tokens are refused as
// soon as the servers have heard of it. There being none is CodeNotFound.
func (c *Catalog) RemoveIssuer(ctx context.Context, ref Ref, issuer, audience string) error {
	err := c.inTx(ctx, func(tx pgx.Tx) error {
		r, _, err := lockRecord(ctx, tx, ref)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, "DELETE FROM bailiwick.issuers WHERE tenant_id = $1::uuid AND issuer = $2 AND audience = $3", r.ID.String(), issuer, audience)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return failf(tenant.CodeNotFound, "the tenant has no issuer %s with audience %q", issuer, audience)
		}
		return c.Note(ctx, tx, ActionRemoveIssuer, r.ID, Issuer{TenantID: r.ID, Issuer: issuer, Audience: audience})
	})
	return wrap(notInstalled(err), "remove an issuer of "+ref.String())
}

// Issuers lists the issuers that speak for a tenant, by name and audience.
func (c *Catalog) Issuers(ctx context.Context, ref Ref) ([]Issuer, error) {
	r, err := c.Find(ctx, ref)
	if err != nil {
		return nil, err
	}
	all, err := readIssuers(ctx, c.pool, "tenant_id = $1::uuid", r.ID.String())
	return all, wrap(notInstalled(err), "list the issuers of "+ref.String())
}

func (i Issuer) check() error {
	if err := identity.CheckURL(i.Issuer); err != nil {
		return failf(tenant.CodeInvalid, "the issuer %q %w", i.Issuer, err)
	}
	if i.Audience == "" {
		return failf(tenant.CodeInvalid, "an audience is needed: tokens that the issuer makes for other services must not count here")
	}
	if i.JWKSURL == "" {
		return nil
	}
	if err := identity.CheckKeysURL(i.Issuer, i.JWKSURL); err != nil {
		return failf(tenant.CodeInvalid, "the address of its keys %q %w", i.JWKSURL, err)
	}
	return nil
}

func readIssuers(ctx context.Context, q querier, condition string, args ...any) ([]Issuer, error) {
	rows, err := q.Query(ctx, `
		SELECT tenant_id::text, issuer, audience, coalesce(jwks_url, ''), created_at FROM bailiwick.issuers
		WHERE `+condition+` ORDER BY issuer, audience`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (i Issuer, err error) {
		var id string
		if err = row.Scan(&id, &i.Issuer, &i.Audience, &i.JWKSURL, &i.CreatedAt); err == nil {
			i.CreatedAt = i.CreatedAt.UTC()
			i.TenantID, err = tenant.ParseID(id)
		}
		return i, err
	})
}

// issuers are all issuers of single tenants. Whoever sends tokens of made-up
// issuers is answered from what is in memory.
type issuers struct {
	all   map[[2]string]identity.Issuer // by iss and aud
	asked int64
	epoch int64
}

// Issuer implements identity.Issuers: it finds whom tokens with iss and aud speak
// for. It remembers all issuers as it remembers tenants, and forgets them with
// any of these.
func (r *Resolver) Issuer(ctx context.Context, issuer, audience string) (identity.Issuer, error) {
	arrived, known := now(), r.issuers.Load()
	for known == nil || known.asked < arrived && !r.current(known) {
		var err error
		if known, err = r.joinIssuers(ctx); err != nil {
			return identity.Issuer{}, err
		}
	}
	found, ok := known.all[[2]string{issuer, audience}]
	if !ok {
		return identity.Issuer{}, failf(tenant.CodeNotFound, "no tenant has this issuer: %w", pgx.ErrNoRows)
	}
	return found, nil
}

// current tells whether what was known of all issuers is so still.
func (r *Resolver) current(known *issuers) bool {
	return known.epoch == r.epoch.Load() && r.good(&entry{asked: known.asked}, now())
}

// joinIssuers asks, or waits for who is asking.
func (r *Resolver) joinIssuers(ctx context.Context) (*issuers, error) {
	answers := r.flight.DoChan("issuers", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		return r.askIssuers(ctx)
	})
	select {
	case a := <-answers:
		known, ok := a.Val.(*issuers)
		if a.Err != nil || !ok {
			return nil, a.Err
		}
		return known, nil
	case <-ctx.Done():
		return nil, wrap(context.Cause(ctx), "find an issuer")
	}
}

// askIssuers reads the registry. In a database that has no ledger yet no tenant
// has an issuer.
func (r *Resolver) askIssuers(ctx context.Context) (*issuers, error) {
	known := &issuers{all: map[[2]string]identity.Issuer{}, asked: now(), epoch: r.epoch.Load()}
	list, err := readIssuers(ctx, r.db.Public(), "true")
	if missing := stateOf(err); err != nil && missing != undefinedTable && missing != undefinedSchema {
		return nil, wrap(err, "find an issuer")
	}
	for _, i := range list {
		known.all[[2]string{i.Issuer, i.Audience}] = identity.Issuer{Tenant: i.TenantID, JWKSURL: i.JWKSURL}
	}
	r.issuers.Store(known)
	return known, nil
}

var _ identity.Issuers = (*Resolver)(nil)
