package attack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// domains is attack 7: a custom domain that B has claimed and not proven leads
// nowhere, and what B has proven A can't prove as well.
func (c *campaign) domains(ctx context.Context) (err error) {
	const name = "a custom domain that is not verified"
	theirs, idErr := tenant.ParseID(c.tenantOf(c.B))
	mine, _ := tenant.ParseID(c.tenantOf(c.A))
	if c.OwnerURL == "" || idErr != nil {
		c.skip(7, name, "needs the owner role's connection string, to claim a domain: Target.OwnerURL")
		return nil
	}
	cat, err := c.catalog(ctx)
	if err != nil {
		return fmt.Errorf("open the registry: %w", err)
	}
	defer cat.Close()
	ctx = catalog.WithActor(ctx, "attack suite")
	host := fmt.Sprintf("attack-%d.example.org", time.Now().UnixNano())
	a, b := catalog.Ref{ID: mine}, catalog.Ref{ID: theirs}
	if _, err := cat.AddDomain(ctx, b, host); err != nil {
		return fmt.Errorf("claim a domain for B: %w", err)
	}
	defer func() {
		for _, ref := range []catalog.Ref{a, b} {
			err = errors.Join(err, cat.RemoveDomain(context.WithoutCancel(ctx), ref, host))
		}
	}()
	c.domain(ctx, name, host, c.B.Token)
	if _, err := cat.VerifyDomain(ctx, b, host); err != nil {
		return fmt.Errorf("verify B's domain: %w", err)
	}
	c.secondClaim(ctx, cat, a, host)
	open := request{path: c.witness.target(nil), host: host, token: c.B.Token}
	if got := c.soon(ctx, func() answer { return c.send(ctx, open) }, http.StatusOK); got.status != http.StatusOK {
		c.noDomains = true
		c.skip(7, "A's token at B's domain", "the service has no custom domains: a verified one is answered by "+got.String())
		return nil
	}
	c.domain(ctx, "A's token at B's domain", host, c.A.Token)
	return nil
}

func (c *campaign) domain(ctx context.Context, name, host, token string) {
	got := c.send(ctx, request{path: c.witness.target(nil), host: host, token: token})
	c.judge(7, name, host, got.String(), got.is(401, 403, 404, 421), "403 or 404")
}

// secondClaim lets A claim what B has proven, by the library and past it.
func (c *campaign) secondClaim(ctx context.Context, cat *catalog.Catalog, a catalog.Ref, host string) {
	said := func(err error) string {
		if err != nil {
			return "refused"
		}
		return "it was taken"
	}
	_, err := cat.AddDomain(ctx, a, host)
	if err == nil {
		_, err = cat.VerifyDomain(ctx, a, host)
	}
	c.judge(7, "the same domain proven by two tenants", host, said(err), err != nil, "refused: the first verified claim wins")
	conn, err := c.asOwner(ctx)
	if err != nil {
		c.skip(7, "the same domain verified in two rows", err.Error())
		return
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // Nothing is open in it.
	_, err = conn.Exec(ctx, `INSERT INTO bailiwick.domains (tenant_id, host, token, verified_at) VALUES ($1, $2, 'attack', now())
		ON CONFLICT (tenant_id, host) DO UPDATE SET verified_at = excluded.verified_at`, a.ID.String(), host)
	c.judge(7, "the same domain verified in two rows", host, said(err), err != nil, "refused by the database")
}

// asOwner opens a connection of the owner role. Its error does not quote the
// connection string, which holds a password.
func (c *campaign) asOwner(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, c.OwnerURL)
	if err != nil {
		return nil, errors.New("connect as the owner role: it is not reachable, or the connection string can't be read")
	}
	return conn, nil
}
