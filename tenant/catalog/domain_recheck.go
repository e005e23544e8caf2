package catalog

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/domains"
)

// Domains are proven anew now and then: one that is pointed elsewhere, or whose
// owner is another one, must not lead to the tenant for good.
const (
	defaultCheckEvery  = 24 * time.Hour
	defaultRetryEvery  = 6 * time.Hour
	defaultMaxFailures = 5
	// checkBatch is how many are due at once, of which so many are looked at side by side.
	checkBatch    = 200
	checkParallel = 8
)

// DomainConfig says what custom domains can be, and how they are proven.
type DomainConfig struct {
	// Base is the service's own domain, below which no domain can be claimed. Empty
	// leaves that unchecked; such a claim would lead nowhere.
	Base string
	// Prover looks at hosts. Nil means a [domains.Prover] of its own.
	Prover Prover
	// CheckEvery is how often a domain is proven anew, and RetryEvery how often one
	// is that failed. Zero means 24 and 6 hours.
	CheckEvery, RetryEvery time.Duration
	// MaxFailures is after how many failures in a row a domain is released. Zero means 5.
	MaxFailures int
}

func (d DomainConfig) withDefaults() DomainConfig {
	if d.Prover == nil {
		d.Prover = &domains.Prover{}
	}
	d.CheckEvery = cmp.Or(d.CheckEvery, defaultCheckEvery)
	d.RetryEvery = cmp.Or(d.RetryEvery, defaultRetryEvery)
	d.MaxFailures = cmp.Or(d.MaxFailures, defaultMaxFailures)
	return d
}

// RecheckDomains proves verified domains anew whose time has come, and returns how
// many were looked at. One that has failed too often is released: it leads to the
// tenant no more, and is free for whoever proves it next. That nobody could look, as
// when DNS does not answer, is no failure. Several processes may call it at the same
// time; each looks at its own.
func (c *Catalog) RecheckDomains(ctx context.Context) (int, error) {
	due, err := c.dueDomains(ctx)
	if err != nil {
		return 0, wrap(notInstalled(err), "find domains to check")
	}
	errs := make([]error, len(due))
	var group sync.WaitGroup
	turns := make(chan struct{}, checkParallel)
	for i, d := range due {
		turns <- struct{}{}
		group.Go(func() {
			defer func() { <-turns }()
			errs[i] = wrap(c.recheck(ctx, d), "check domain "+d.Host)
		})
	}
	group.Wait()
	return len(due), errors.Join(errs...)
}

// dueDomains takes what is due. It counts as checked from here on, so that nobody
// else takes it; when this process dies now, it is checked the next time.
func (c *Catalog) dueDomains(ctx context.Context) ([]Domain, error) {
	policy := c.config.Domains
	rows, err := c.pool.Query(ctx, `
		UPDATE bailiwick.domains SET checked_at = pg_catalog.now() WHERE id IN (
			SELECT id FROM bailiwick.domains
			WHERE verified_at IS NOT NULL AND coalesce(checked_at, verified_at) <= pg_catalog.now() - pg_catalog.make_interval(
				secs => CASE WHEN failures = 0 THEN $1::float8 ELSE $2::float8 END)
			ORDER BY checked_at LIMIT $3 FOR UPDATE SKIP LOCKED)
		RETURNING `+domainColumns, policy.CheckEvery.Seconds(), policy.RetryEvery.Seconds(), checkBatch)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanDomain)
}

func (c *Catalog) recheck(ctx context.Context, d Domain) error {
	proof := c.config.Domains.Prover.Prove(ctx, d.Host, d.Token)
	if ctx.Err() != nil {
		return context.Cause(ctx) // It was not the host that failed.
	}
	err := c.inTx(ctx, func(tx pgx.Tx) error {
		now, err := settleDomain(ctx, tx, d, proof, true)
		if err != nil || now.Failures < c.config.Domains.MaxFailures || now.VerifiedAt.IsZero() {
			return err
		}
		return c.release(ctx, tx, now)
	})
	if tenant.CodeOf(err) == tenant.CodeNotFound {
		return nil // It was removed meanwhile.
	}
	return err
}

// release takes a host from a tenant whose claim is proven no more. The claim stays.
func (c *Catalog) release(ctx context.Context, tx pgx.Tx, d Domain) error {
	tag, err := tx.Exec(ctx, `
		UPDATE bailiwick.domains SET verified_at = NULL
		WHERE tenant_id = $1::uuid AND host = $2 AND token = $3 AND verified_at IS NOT NULL`, d.Tenant.String(), d.Host, d.Token)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	return c.noteDomain(ctx, tx, ActionReleaseDomain, d)
}

// outlived finds the claim of another tenant to the host of a claim that is proven,
// when the host has changed hands since: DNS, which is its owner's, shows the token of
// this claim and that of the other one no more. What the host itself answers does not
// count, for that may be this service.
func (c *Catalog) outlived(ctx context.Context, d Domain) (other Domain, found bool, err error) {
	prover, ok := c.config.Domains.Prover.(DNSProver)
	if !ok {
		return other, false, nil
	}
	rows, err := c.pool.Query(ctx, "SELECT "+domainColumns+" FROM bailiwick.domains WHERE host = $1 AND tenant_id <> $2::uuid AND verified_at IS NOT NULL",
		d.Host, d.Tenant.String())
	if err != nil {
		return other, false, err
	}
	other, err = pgx.CollectExactlyOneRow(rows, scanDomain)
	if errors.Is(err, pgx.ErrNoRows) {
		return other, false, nil
	}
	if err != nil || prover.ProveDNS(ctx, d.Host, d.Token) != nil || !errors.Is(prover.ProveDNS(ctx, d.Host, other.Token), domains.ErrNotProven) {
		return other, false, err
	}
	return other, true, nil
}
