package attack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// work is attack 25 through the library: to find out that a name leads nowhere
// takes as many statements for one that nobody has, for a suspended tenant's and
// for a domain that is not proven, whether it is asked for the first time or again.
func (c *campaign) work(ctx context.Context) (err error) {
	const name = "the work for names that lead nowhere"
	spare, idErr := tenant.ParseID(c.tenantOf(c.Spare))
	if c.OwnerURL == "" || c.RuntimeURL == "" || idErr != nil {
		c.skip(25, name, "needs a spare tenant and the connection strings of both roles: Target.Spare, Target.RuntimeURL and Target.OwnerURL")
		return nil
	}
	cat, err := c.catalog(ctx)
	if err != nil {
		return fmt.Errorf("open the registry: %w", err)
	}
	defer cat.Close()
	ctx = catalog.WithActor(ctx, "attack suite")
	ref := catalog.Ref{ID: spare}
	host := fmt.Sprintf("attack-%d.example.com", time.Now().UnixNano())
	if _, err := cat.AddDomain(ctx, ref, host); err != nil {
		return fmt.Errorf("claim a domain for the spare tenant: %w", err)
	}
	suspended, err := cat.Suspend(ctx, ref, "attack suite")
	if err != nil {
		return fmt.Errorf("suspend the spare tenant: %w", err)
	}
	defer func() {
		ctx := context.WithoutCancel(ctx)
		_, resumed := cat.Resume(ctx, ref)
		err = errors.Join(err, resumed, cat.RemoveDomain(ctx, ref, host))
		c.soon(ctx, func() answer { return c.as(ctx, c.Spare, c.witness) }, http.StatusOK)
	}()
	counter := &counter{}
	db, err := tenant.Open(ctx, tenant.Config{URL: c.RuntimeURL, MaxConns: 1, Unnamed: true, Tracer: counter})
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer db.Close()
	found := map[string][]string{}
	for _, n := range []tenant.Name{{Slug: "nobody-here"}, {Slug: suspended.Slug}, {Domain: host}, {Domain: "nobody." + host}} {
		took, err := counter.took(ctx, db, n)
		if err != nil {
			return err
		}
		found[took] = append(found[took], n.String())
	}
	got := make([]string, 0, len(found))
	for _, took := range sorted(found) {
		got = append(got, took+" for "+strings.Join(found[took], ", "))
	}
	c.judge(25, name, "nobody's slug, a suspended tenant's, a domain that is not proven, and nobody's", strings.Join(got, "; "), len(found) == 1, "the same for all")
	return nil
}

// counter counts statements.
type counter struct{ n atomic.Int64 }

func (c *counter) TraceStart(ctx context.Context, _ tenant.TraceStatement) context.Context {
	c.n.Add(1)
	return ctx
}

func (*counter) TraceEnd(context.Context, tenant.TraceResult) {}

// tries is how often work is counted. What counts is the least of them: an answer
// is remembered for a short while, which on a busy machine may be over.
const tries = 20

// took says how many statements it takes to learn that a name leads nowhere.
func (c *counter) took(ctx context.Context, db *tenant.DB, name tenant.Name) (string, error) {
	var first, again []int64
	for range tries {
		resolver := catalog.NewResolver(db, time.Minute)
		for _, counts := range []*[]int64{&first, &again} {
			before := c.n.Load()
			if _, err := resolver.Route(ctx, name); tenant.CodeOf(err) != tenant.CodeNotFound {
				return "", fmt.Errorf("%s leads somewhere, or nobody can tell: %w", name, err)
			}
			*counts = append(*counts, c.n.Load()-before)
		}
	}
	return fmt.Sprintf("%d and then %d statements", slices.Min(first), slices.Min(again)), nil
}
