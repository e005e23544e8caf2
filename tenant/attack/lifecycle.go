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
		c.skip(32, "a suspended and an offboarded tenant", "needs a tenant to offboard and the owner role's connection string: Target.Spare and OwnerURL")
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
	if _, err := cat.Suspend(ctx, ref, "attack suite"); err != nil {
		return fmt.Errorf("suspend the spare tenant: %w", err)
	}
	c.refusedSoon(ctx, "a suspended tenant's token")
	if _, err := cat.Resume(ctx, ref); err != nil {
		return fmt.Errorf("resume the spare tenant: %w", err)
	}
	if _, err := cat.Offboard(ctx, ref, catalog.OffboardParams{Grace: time.Hour, Reason: "attack suite"}); err != nil {
		return fmt.Errorf("offboard the spare tenant: %w", err)
	}
	c.refusedSoon(ctx, "an offboarded tenant's token")
	if _, err := cat.Restore(ctx, ref); err != nil {
		return fmt.Errorf("restore the spare tenant: %w", err)
	}
	time.Sleep(c.Reaction)
	got := c.as(ctx, c.Spare, c.witness)
	c.judge(32, "a token from before the offboarding, once restored", c.witness.String(), got.String(), got.is(401, 403), "401: it is dead for good")
	return nil
}

// refusedSoon asks until the tenant is refused, for as long as that may take.
func (c *campaign) refusedSoon(ctx context.Context, name string) {
	begun := time.Now()
	var got answer
	for time.Since(begun) <= c.Reaction {
		if got = c.as(ctx, c.Spare, c.witness); got.is(401, 403, 404) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.judge(32, name, c.witness.String()+" at "+c.Spare.Host, got.String(), got.is(401, 403, 404), fmt.Sprintf("403 or 404 within %s", c.Reaction))
}
