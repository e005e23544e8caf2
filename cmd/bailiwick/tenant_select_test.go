//go:build cgo

package main

import (
	"slices"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// TestFormerSlug: of those that had a slug, the one is meant that was purged last,
// unless somebody has it now.
func TestFormerSlug(t *testing.T) {
	t.Parallel()
	var records []catalog.Record
	for i := range 3 {
		id := tenant.NewID()
		records = append(records, catalog.Record{ID: id, Slug: "purged-" + id.String(), FormerSlug: "acme", PurgedAt: time.Unix(int64(i), 0)})
	}
	last := records[2]
	for range 2 {
		if got, ok := newTenantIndex(records).find("acme"); !ok || got != last {
			t.Errorf("found %v, want %v", got, last)
		}
		slices.Reverse(records)
	}
	now := catalog.Record{ID: tenant.NewID(), Slug: "acme"}
	if got, ok := newTenantIndex(append(records, now)).find("acme"); !ok || got != now {
		t.Errorf("found %v, want %v", got, now)
	}
	if got, ok := newTenantIndex(append(records, now)).find("globex"); ok {
		t.Errorf("found %v", got)
	}
}
