//go:build cgo

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

func newTenantAuditCommand() *cobra.Command {
	var f catalog.AuditFilter
	var asJSON bool
	var since string
	cmd := &cobra.Command{
		Use:   "audit [SLUG]",
		Short: "Show what was done to tenants, by whom",
		Long: `audit prints what was done to tenants, the latest last, with who did it, and what
the tenant was before and after. A purged tenant is named by its id, or by the
slug that it had, if nobody else has it now.

Exit status: 0 when the audit could be read, 1 otherwise, 2 when the command line
is wrong.`,
		Example: `  bailiwick tenant audit acme
  bailiwick tenant audit --since 7d --json | jq '.[] | select(.action == "purge")'`,
		Args:              atMostOneArg("SLUG"),
		ValidArgsFunction: completeWith(completeTenants),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if f.Limit < 1 {
				return usagef(cmd, "--limit is at least 1, and was %d", f.Limit)
			}
			if f.Since, err = parseSince(since, time.Now()); err != nil {
				return usagef(cmd, "--since is a time such as 12h, 7d, 2026-05-01 or 2026-05-01T12:00:00Z, and was %q", since)
			}
			return readCatalog(cmd, func(ctx context.Context, c *catalog.Catalog) error {
				return showAudit(ctx, cmd, c, f, args, asJSON)
			})
		},
	}
	cmd.Flags().IntVar(&f.Limit, "limit", 50, "at most so many entries, the latest")
	cmd.Flags().StringVar(&since, "since", "", "only what was done since, such as 12h, 7d or 2026-05-01")
	cmd.Flags().StringVar(&f.Action, "action", "", "only this action, such as suspend")
	cmd.Flags().StringVar(&f.Run, "run", "", "only what was done in one run of a command for many")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the entries as a JSON array")
	for _, name := range []string{"limit", "since", "action", "run"} {
		completeFlag(cmd, name, completeNone)
	}
	return cmd
}

// parseSince reads a moment, or how long ago it was. Empty is none.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := parseDays(text); err == nil {
		return now.Add(-ago), nil
	}
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, nil
	}
	return time.Parse(time.RFC3339, text)
}

func showAudit(ctx context.Context, cmd *cobra.Command, c *catalog.Catalog, f catalog.AuditFilter, args []string, asJSON bool) error {
	records, err := c.List(ctx)
	if err != nil {
		return err
	}
	index := newTenantIndex(records)
	if len(args) > 0 {
		r, ok := index.find(args[0])
		if !ok {
			return fmt.Errorf("there is no tenant %s\n\tmend: `bailiwick tenant list` shows those that there are", args[0])
		}
		f.Tenant = catalog.Ref{ID: r.ID}
	}
	entries, err := c.Audit(ctx, f)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		if err := knownAction(ctx, cmd, c, f.Action); err != nil {
			return err
		}
	}
	slices.Reverse(entries)
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), slices.Concat([]catalog.AuditEntry{}, entries))
	}
	return writeAudit(cmd.OutOrStdout(), entries, index)
}

// auditActions are what the audit has of this module's own.
var auditActions = []string{
	catalog.ActionCreate, catalog.ActionRename, catalog.ActionSetName, catalog.ActionSetPlan, catalog.ActionSuspend,
	catalog.ActionResume, catalog.ActionOffboard, catalog.ActionRestore, catalog.ActionPurge,
	catalog.ActionAddDomain, catalog.ActionVerifyDomain, catalog.ActionRemoveDomain, catalog.ActionReleaseDomain,
	catalog.ActionAddIssuer, catalog.ActionRemoveIssuer, catalog.ActionExec, catalog.ActionDryExec, catalog.ActionFailedExec,
	catalog.ActionMend, catalog.ActionForgetHook, catalog.ActionDropEvent,
}

// knownAction refuses an action that is none: neither one of this module, nor one
// that the audit has from others.
func knownAction(ctx context.Context, cmd *cobra.Command, c *catalog.Catalog, action string) error {
	if action == "" || slices.Contains(auditActions, action) {
		return nil
	}
	others, err := c.Audit(ctx, catalog.AuditFilter{Action: action, Limit: 1})
	if err == nil && len(others) == 0 {
		err = usagef(cmd, "there is no action %q; there are %s", action, strings.Join(auditActions, ", "))
	}
	return err
}

func writeAudit(w io.Writer, entries []catalog.AuditEntry, index tenantIndex) error {
	var b strings.Builder
	if len(entries) == 0 {
		b.WriteString("nothing was done\n")
	} else {
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "AT\tTENANT\tACTION\tACTOR\tWHAT") //nolint:errcheck // a builder has no errors
		for _, e := range entries {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", e.At.UTC().Format(time.DateTime), printable(auditWho(e.TenantID, index)), printable(e.Action), printable(e.Actor), printable(auditWhat(e))) //nolint:errcheck // likewise
		}
		_ = t.Flush()
	}
	_, err := io.WriteString(w, b.String())
	return wrapPrint(err)
}

// auditWho names a tenant as it is called now, or was before it was purged.
func auditWho(id tenant.ID, index tenantIndex) string {
	if id.IsZero() {
		return "-"
	}
	r, ok := index.ids[id]
	switch {
	case !ok:
		return id.String()
	case r.FormerSlug != "":
		return r.FormerSlug
	}
	return r.Slug
}

// auditWhat says what an entry has changed, and its details.
func auditWhat(e catalog.AuditEntry) string {
	var before, after, details map[string]any
	for from, to := range map[*json.RawMessage]*map[string]any{&e.Before: &before, &e.After: &after, &e.Details: &details} {
		if len(*from) > 0 && json.Unmarshal(*from, to) != nil {
			return string(*from) // it is not of this version
		}
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if before == nil || key == "revision" || fmt.Sprint(before[key]) == fmt.Sprint(after[key]) {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %v", key, after[key]))
	}
	for _, key := range slices.Sorted(maps.Keys(details)) {
		parts = append(parts, fmt.Sprintf("%s %v", key, details[key]))
	}
	return strings.Join(parts, ", ")
}
