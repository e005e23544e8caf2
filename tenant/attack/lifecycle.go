package attack

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// lifecycle is attack 32 on the spare tenant: suspended and offboarded ones are
// refused within the stated time, and what was issued before stays dead.
func (c *campaign) lifecycle(ctx context.Context) error {
	if c.OwnerURL == "" || c.Spare.Host == "" || c.Spare.Token == "" {
		c.skip(32, "a suspended and an offboarded tenant", "needs a spare tenant and the owner role's connection string: Target.Spare.Host, Target.Spare.Token and Target.OwnerURL")
		return nil
	}
	cat, err := c.catalog(ctx)
	if err != nil {
		return fmt.Errorf("open the registry: %w", err)
	}
	defer cat.Close()
	ctx = catalog.WithActor(ctx, "attack suite")
	slug, _, _ := strings.Cut(c.Spare.Host, ".")
	ref := catalog.Ref{Slug: slug}
	if served := c.as(ctx, c.Spare, c.witness); served.status != http.StatusOK {
		c.skip(32, "a suspended and an offboarded tenant", "the spare tenant is not served in the first place: "+served.String())
		return nil
	}
	doors, err := c.doors(ctx, cat, ref)
	if err != nil {
		return err
	}
	if _, err := cat.Suspend(ctx, ref, "attack suite"); err != nil {
		return fmt.Errorf("suspend the spare tenant: %w", err)
	}
	c.refusedSoon(ctx, "a suspended tenant's ", doors)
	if _, err := cat.Resume(ctx, ref); err != nil {
		return fmt.Errorf("resume the spare tenant: %w", err)
	}
	if _, err := cat.Offboard(ctx, ref, catalog.OffboardParams{Grace: time.Hour, Reason: "attack suite"}); err != nil {
		return fmt.Errorf("offboard the spare tenant: %w", err)
	}
	c.refusedSoon(ctx, "an offboarded tenant's ", doors)
	if _, err := cat.Restore(ctx, ref); err != nil {
		return fmt.Errorf("restore the spare tenant: %w", err)
	}
	time.Sleep(min(c.Reaction, time.Second)) // So that servers have heard of it.
	for _, d := range doors {
		got := c.through(ctx, d)
		c.judge(32, "from before the offboarding, once restored: the "+d.name, c.witness.String()+" at "+d.host, got.String(), got.is(401, 403, 404), "401: it is dead for good")
	}
	return nil
}

// door is a way to the spare tenant that is open.
type door struct{ name, host, token string }

func (c *campaign) through(ctx context.Context, d door) answer {
	return c.send(ctx, request{method: c.witness.method, path: c.witness.target(nil), host: d.host, token: d.token})
}

// doors are the ways to the spare tenant: its token, its API key, and a domain of
// its own, where the service knows of these.
func (c *campaign) doors(ctx context.Context, cat *catalog.Catalog, ref catalog.Ref) ([]door, error) {
	domain := fmt.Sprintf("attack-%d.example.net", time.Now().UnixNano())
	if _, err := cat.AddDomain(ctx, ref, domain); err != nil {
		return nil, fmt.Errorf("claim a domain for the spare tenant: %w", err)
	}
	if _, err := cat.VerifyDomain(ctx, ref, domain); err != nil {
		return nil, fmt.Errorf("give the spare tenant a domain: %w", err)
	}
	var open []door
	for _, d := range []door{
		{"token", c.Spare.Host, c.Spare.Token}, {"API key", c.Spare.Host, c.Spare.Key}, {"token at its own domain", domain, c.Spare.Token},
	} {
		name := "a suspended and an offboarded tenant's " + d.name
		if d.token == "" {
			c.skip(32, name, "needs a good one: Target.Spare.Key")
		} else if d.host == domain && c.noDomains {
			c.skip(32, name, "the service has no custom domains")
		} else if got := c.soon(ctx, func() answer { return c.through(ctx, d) }, http.StatusOK); got.status == http.StatusOK {
			open = append(open, d)
		} else {
			c.skip(32, name, "it opens nothing in the first place: "+got.String())
		}
	}
	return open, nil
}

// refusedSoon asks until the tenant is refused, for as long as that may take.
func (c *campaign) refusedSoon(ctx context.Context, whose string, doors []door) {
	for _, d := range doors {
		got := c.soon(ctx, func() answer { return c.through(ctx, d) }, 401, 403, 404)
		c.judge(32, whose+d.name, c.witness.String()+" at "+d.host, got.String(), got.is(401, 403, 404), fmt.Sprintf("403 or 404 within %s", c.Reaction))
	}
}
