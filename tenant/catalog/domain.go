package catalog

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/domains"
)

// What is done with custom domains, in the audit.
const (
	ActionAddDomain     = "add-domain"
	ActionVerifyDomain  = "verify-domain"
	ActionRemoveDomain  = "remove-domain"
	ActionReleaseDomain = "release-domain"
)

// Prover looks whether a host shows a token. It fails with [domains.ErrNotProven]
// when the host does not, and with something else when nobody could look.
type Prover interface {
	Prove(ctx context.Context, host, token string) error
}

// DNSProver is a Prover that can look in DNS alone. With it a host that has changed
// hands follows its owner; with another Prover it stays until it is released.
type DNSProver interface {
	Prover
	ProveDNS(ctx context.Context, host, token string) error
}

// Domain is a tenant's claim to a host name of its own. It counts, and the host
// leads to the tenant, once it is verified. Several tenants may claim a host, and
// the first to prove it has it.
type Domain struct {
	Tenant tenant.ID `json:"tenant"`
	// Host is in its canonical form, see [tenant.CanonicalHost].
	Host string `json:"host"`
	// Token is what the host has to show, see package domains.
	Token     string    `json:"token"`
	CreatedAt time.Time `json:"created_at"`
	// VerifiedAt is zero as long as nobody has proven the claim.
	VerifiedAt time.Time `json:"verified_at,omitzero"`
	// CheckedAt is when it was last looked, whatever was seen. Looks at a verified
	// domain by hand that fail leave it, so that they put off no release.
	CheckedAt time.Time `json:"checked_at,omitzero"`
	// Failures are the looks in a row that did not see the token.
	Failures int `json:"failures,omitempty"`
	// Error is what was wrong at the last look.
	Error string `json:"error,omitempty"`
}

const domainColumns = `tenant_id::text, host, token, created_at, verified_at, checked_at, failures, coalesce(error, '')`

func scanDomain(row pgx.CollectableRow) (d Domain, err error) {
	var id string
	var verified, checked *time.Time
	if err := row.Scan(&id, &d.Host, &d.Token, &d.CreatedAt, &verified, &checked, &d.Failures, &d.Error); err != nil {
		return d, err
	}
	d.CreatedAt, d.VerifiedAt, d.CheckedAt = d.CreatedAt.UTC(), orZero(verified), orZero(checked)
	d.Tenant, err = tenant.ParseID(id)
	return d, err
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// AddDomain claims a host for a tenant. To claim it again changes nothing. The base
// domain and what is below it can't be claimed, nor can a name without a dot; names
// in other alphabets are given in their xn-- form.
func (c *Catalog) AddDomain(ctx context.Context, ref Ref, host string) (Domain, error) {
	host, err := c.claimable(host)
	if err != nil {
		return Domain{}, err
	}
	var d Domain
	err = c.inTx(ctx, func(tx pgx.Tx) error {
		r, err := lockLiving(ctx, tx, ref)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `INSERT INTO bailiwick.domains (tenant_id, host, token) VALUES ($1::uuid, $2, $3)
			ON CONFLICT (tenant_id, host) DO NOTHING`, r.ID.String(), host, domains.NewToken())
		if err != nil {
			return err
		}
		if d, err = readDomain(ctx, tx, r.ID, host); err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return c.noteDomain(ctx, tx, ActionAddDomain, d)
	})
	return d, wrap(notInstalled(err), "add domain "+host)
}

// VerifyDomain looks whether the host shows the token, and routes it to the tenant
// from then on. Without the proof it fails with CodeInvalid, and with CodeConflict
// when another tenant has proven the host before; both change nothing. Another tenant
// whose token DNS shows no more, where it shows this one's, loses the host.
func (c *Catalog) VerifyDomain(ctx context.Context, ref Ref, host string) (Domain, error) {
	d, err := c.claimOf(ctx, ref, host)
	if err != nil {
		return Domain{}, wrap(notInstalled(err), "verify domain "+host)
	}
	proof := c.config.Domains.Prover.Prove(ctx, d.Host, d.Token)
	var former Domain
	var outlived bool
	if proof == nil {
		if former, outlived, err = c.outlived(ctx, d); err != nil {
			return d, wrap(notInstalled(err), "verify domain "+host)
		}
	}
	err = c.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := lockLiving(ctx, tx, Ref{ID: d.Tenant, Revision: ref.Revision}); err != nil {
			return err
		}
		if outlived {
			if err := c.release(ctx, tx, former); err != nil {
				return err
			}
		}
		was := d.VerifiedAt
		if d, err = settleDomain(ctx, tx, d, proof, false); err != nil || was.Equal(d.VerifiedAt) {
			return err
		}
		return c.noteDomain(ctx, tx, ActionVerifyDomain, d)
	})
	switch {
	case err != nil:
	case errors.Is(proof, domains.ErrNotProven):
		err = failf(tenant.CodeInvalid, "%w; set the TXT record %s.%s to %s, or answer with it at http://%s%s%s",
			proof, domains.Label, d.Host, d.Token, d.Host, domains.Path, d.Token)
	case proof != nil:
		err = failf(tenant.CodeUnavailable, "%w", proof)
	}
	return d, wrap(notInstalled(err), "verify domain "+host)
}

// RemoveDomain gives up a tenant's claim to a host, which is not routed to it any more.
func (c *Catalog) RemoveDomain(ctx context.Context, ref Ref, host string) error {
	name, err := tenant.CanonicalHost(host)
	if err != nil {
		return err
	}
	err = c.inTx(ctx, func(tx pgx.Tx) error {
		r, _, err := lockRecord(ctx, tx, ref)
		if err != nil {
			return err
		}
		d, err := readDomain(ctx, tx, r.ID, name)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM bailiwick.domains WHERE tenant_id = $1::uuid AND host = $2", r.ID.String(), name); err != nil {
			return err
		}
		return c.noteDomain(ctx, tx, ActionRemoveDomain, d)
	})
	return wrap(notInstalled(err), "remove domain "+name)
}

// Domains lists a tenant's claims by host; with the zero Ref those of all tenants.
func (c *Catalog) Domains(ctx context.Context, ref Ref) ([]Domain, error) {
	query, args := "SELECT "+domainColumns+" FROM bailiwick.domains ORDER BY host, tenant_id", []any(nil)
	if ref != (Ref{}) {
		r, err := c.Find(ctx, ref)
		if err != nil {
			return nil, err
		}
		query, args = "SELECT "+domainColumns+" FROM bailiwick.domains WHERE tenant_id = $1::uuid ORDER BY host", []any{r.ID.String()}
	}
	rows, err := c.pool.Query(ctx, query, args...)
	if err == nil {
		var all []Domain
		if all, err = pgx.CollectRows(rows, scanDomain); err == nil {
			return all, nil
		}
	}
	return nil, wrap(notInstalled(err), "list domains")
}

// claimable is the canonical form of a host that may be claimed.
func (c *Catalog) claimable(host string) (string, error) {
	name, err := tenant.CanonicalHost(host)
	if err != nil {
		return "", err
	}
	base := c.config.Domains.Base
	switch {
	case strings.Contains(host, ":"):
		return "", failf(tenant.CodeInvalid, "domain %q: give it without a port", host)
	case !strings.Contains(name, "."):
		return "", failf(tenant.CodeInvalid, "domain %q has no dot: it is nobody's to prove", name)
	case base != "" && (name == base || strings.HasSuffix(name, "."+base)):
		return "", failf(tenant.CodeInvalid, "domain %q belongs to the base domain %s, whose names are given by slug", name, base)
	}
	return name, nil
}

// claimOf finds a tenant's claim.
func (c *Catalog) claimOf(ctx context.Context, ref Ref, host string) (Domain, error) {
	name, err := c.claimable(host)
	if err != nil {
		return Domain{}, err
	}
	r, err := c.Find(ctx, ref)
	if err != nil {
		return Domain{}, err
	}
	return readDomain(ctx, c.pool, r.ID, name)
}

func readDomain(ctx context.Context, db querier, id tenant.ID, host string) (Domain, error) {
	rows, err := db.Query(ctx, "SELECT "+domainColumns+" FROM bailiwick.domains WHERE tenant_id = $1::uuid AND host = $2", id.String(), host)
	if err != nil {
		return Domain{}, err
	}
	d, err := pgx.CollectExactlyOneRow(rows, scanDomain)
	if errors.Is(err, pgx.ErrNoRows) {
		err = failf(tenant.CodeNotFound, "the tenant has not claimed domain %s", host)
	}
	return d, err
}

// settleDomain writes what a look has shown. Whether a failure counts towards the
// release of a verified domain is for the caller to say: one that does not must not
// put off the next look that does. A claim that was removed meanwhile is CodeNotFound.
func settleDomain(ctx context.Context, tx pgx.Tx, d Domain, proof error, counts bool) (Domain, error) {
	text, failed := "", 0
	if proof != nil {
		text = proof.Error()
	}
	if counts && errors.Is(proof, domains.ErrNotProven) {
		failed = 1
	}
	rows, err := tx.Query(ctx, `
		UPDATE bailiwick.domains SET error = nullif($4, ''),
			checked_at = CASE WHEN $4 = '' OR $6 OR verified_at IS NULL THEN pg_catalog.now() ELSE checked_at END,
			verified_at = CASE WHEN $4 = '' THEN coalesce(verified_at, pg_catalog.now()) ELSE verified_at END,
			failures = CASE WHEN $4 = '' THEN 0 ELSE failures + $5 END
		WHERE tenant_id = $1::uuid AND host = $2 AND token = $3 RETURNING `+domainColumns,
		d.Tenant.String(), d.Host, d.Token, text, failed, counts)
	var now Domain
	if err == nil {
		now, err = pgx.CollectExactlyOneRow(rows, scanDomain)
	}
	switch {
	case stateOf(err) == "23505":
		return d, failf(tenant.CodeConflict, "another tenant has proven domain %s before: it has to be removed there first, or its TXT record from DNS: %w", d.Host, err)
	case errors.Is(err, pgx.ErrNoRows):
		return d, failf(tenant.CodeNotFound, "the claim to domain %s was removed meanwhile: %w", d.Host, err)
	}
	return now, err
}

func (c *Catalog) noteDomain(ctx context.Context, tx pgx.Tx, action string, d Domain) error {
	return c.Note(ctx, tx, action, d.Tenant, map[string]string{"host": d.Host})
}

// lockLiving is lockRecord for what only a tenant can do that is not on its way out.
func lockLiving(ctx context.Context, tx pgx.Tx, ref Ref) (Record, error) {
	r, _, err := lockRecord(ctx, tx, ref)
	if err == nil && (r.State == StateOffboarding || r.State == StatePurged) {
		err = failf(tenant.CodeConflict, "tenant %s is %s", r.Slug, r.State)
	}
	return r, err
}
