//go:build cgo

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// A step that is taken again changes nothing. Where it has taken the slug away that
// the tenant is named by, these find the tenant all the same.

// purgedAs is the tenant that was purged last of those that had a slug, if it is
// known: who has the slug by now is another one.
func purgedAs(ctx context.Context, c *catalog.Catalog, slug string) (last catalog.Record, found bool) {
	all, err := c.List(ctx)
	if err != nil {
		return last, false
	}
	last, found = newTenantIndex(all).former[slug]
	return last, found
}

// findFor finds the tenant that a step is for. To purge is also for one that was
// purged before.
func findFor(ctx context.Context, c *catalog.Catalog, action string, ref catalog.Ref) (catalog.Record, error) {
	r, err := c.Find(ctx, ref)
	if tenant.CodeOf(err) != tenant.CodeNotFound {
		return r, err
	}
	gone, found := purgedAs(ctx, c, ref.Slug)
	switch {
	case !found:
		return r, mendMissing(err)
	case action == catalog.ActionPurge && ref.Revision == 0:
		return gone, nil
	}
	return r, fmt.Errorf("%w: it was purged at %s\n\tmend: `bailiwick tenant list --state purged` shows those that are", err, momentText(gone.PurgedAt))
}

// renamedBefore is the tenant whose latest rename was from one slug to another. It is
// for where nobody has the first one now.
func renamedBefore(ctx context.Context, c *catalog.Catalog, from, to string) (r catalog.Record, found bool) {
	r, err := c.Get(ctx, to)
	if err != nil || from == "" {
		return r, false
	}
	entries, err := c.Audit(ctx, catalog.AuditFilter{Tenant: catalog.Ref{ID: r.ID}, Action: catalog.ActionRename, Limit: 1})
	if err != nil || len(entries) == 0 {
		return r, false
	}
	var before, after catalog.Record
	if json.Unmarshal(entries[0].Before, &before) != nil || json.Unmarshal(entries[0].After, &after) != nil {
		return r, false
	}
	return r, before.Slug == from && after.Slug == to
}

// writeStep prints a tenant after a step, and that it was taken before if it was.
func writeStep(cmd *cobra.Command, r catalog.Record, already, asJSON bool) error {
	noteAlready(cmd, cmp.Or(r.FormerSlug, r.Slug), already)
	if !asJSON {
		return writeRecord(cmd.OutOrStdout(), r)
	}
	return writeJSON(cmd.OutOrStdout(), struct {
		catalog.Record

		Already bool `json:"already"`
	}{r, already})
}

// noteAlready says that there was nothing to do for a tenant.
func noteAlready(cmd *cobra.Command, name string, already bool) {
	if already {
		cmd.PrintErrf("note: it was done before; nothing of %s was changed\n", printable(name))
	}
}
