package attack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// domains is attack 7: a custom domain that B has claimed and not proven leads
// nowhere, and what B has proven A can't prove as well.
func (c *campaign) domains(ctx context.Context) (err error) {
	const name = "a custom domain that is not verified"
	id := c.tenantOf(c.B)
	if c.OwnerURL == "" || id == "" {
		c.skip(7, name, "needs the owner role's connection string, to claim a domain: Target.OwnerURL")
		return nil
	}
	conn, err := pgx.Connect(ctx, c.OwnerURL)
	if err != nil {
		return errors.New("connect as the owner role: it is not reachable, or the connection string can't be read")
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	host := fmt.Sprintf("attack-%d.example.org", time.Now().UnixNano())
	defer func() {
		_, cleanErr := conn.Exec(context.WithoutCancel(ctx), "DELETE FROM bailiwick.domains WHERE host = $1", host)
		err = errors.Join(err, cleanErr)
	}()
	const insert = "INSERT INTO bailiwick.domains (tenant_id, host, token, verified_at) VALUES ($1, $2, 'attack', $3)"
	if _, err := conn.Exec(ctx, insert, id, host, nil); err != nil {
		return fmt.Errorf("claim a domain for B: %w", err)
	}
	got := c.send(ctx, request{path: c.witness.target(nil), host: host, token: c.B.Token})
	c.judge(7, name, host, got.String(), got.is(401, 403, 404, 421), "403 or 404: it is never routed")

	if _, err := conn.Exec(ctx, "UPDATE bailiwick.domains SET verified_at = pg_catalog.now() WHERE host = $1", host); err != nil {
		return fmt.Errorf("verify B's domain: %w", err)
	}
	_, err = conn.Exec(ctx, insert, c.tenantOf(c.A), host, time.Now())
	said := "it was taken"
	if err != nil {
		said = "refused"
	}
	c.judge(7, "the same domain verified for two tenants", host, said, err != nil, "refused: the first verified claim wins")
	got = c.send(ctx, request{path: c.witness.target(nil), host: host, token: c.A.Token})
	c.judge(7, "A's token at B's domain", host, got.String(), got.is(401, 403, 404, 421), "403 or 404")
	return nil
}
