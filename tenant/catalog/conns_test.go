package catalog_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// TestMaxConns works for more tenants at once than there are connections by
// default: each of them waits until all have begun.
func TestMaxConns(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{})
	atOnce := max(4, runtime.NumCPU()) + 2
	c, err := catalog.Open(t.Context(), catalog.Config{URL: db.OwnerURL, MaxConns: int32(atOnce)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	var refs []catalog.Ref
	for i := range atOnce {
		tn, err := db.Catalog.Create(t.Context(), catalog.CreateParams{Slug: fmt.Sprintf("tenant-%d", i)})
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, catalog.Ref{ID: tn.ID})
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // for those who wait in vain
	defer cancel()
	var begun atomic.Int64
	all := make(chan struct{})
	for i, err := range race(atOnce, func(i int) error {
		_, err := c.AsTenant(ctx, refs[i], catalog.ExecParams{DryRun: true, Work: func(ctx context.Context, _ pgx.Tx) (any, error) {
			if begun.Add(1) == int64(atOnce) {
				close(all)
			}
			select {
			case <-all:
				return len(refs), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}})
		return err
	}) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
}
