//go:build cgo

package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

func newTenantRenameCommand() *cobra.Command {
	return newAmendCommand(catalog.ActionRename, &cobra.Command{
		Use:   "rename SLUG NEW",
		Short: "Give a tenant another slug, which is its label in host names",
		Long: `rename gives a tenant another slug. Its schema and role are named from its id and
stay as they are, and so do its data, keys and domains. Requests for the old slug
are answered as those for a tenant that there is not, on every server within a
second; the old slug is free at once.` + stepStatus,
		Example: `  bailiwick tenant rename initech initrode
  bailiwick tenant rename initech initrode --if-revision 3`,
	}, func(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, to string) (catalog.Record, error) {
		if _, err := tenant.ParseNewSlug(to); err != nil {
			return catalog.Record{}, fmt.Errorf("%w\n\tmend: take another slug, such as acme; `bailiwick tenant set-name` gives the tenant another name for people", err)
		}
		r, err := c.Rename(ctx, ref, to)
		return r, mendTaken(ctx, c, to, err)
	})
}

func newTenantSetNameCommand() *cobra.Command {
	return newAmendCommand(catalog.ActionSetName, &cobra.Command{
		Use:   "set-name SLUG NAME",
		Short: "Give a tenant another name for people",
		Long: `set-name gives a tenant another name for people. Its slug, which is in host names,
is another matter: see rename.` + stepStatus,
		Example: `  bailiwick tenant set-name initech "Initech International"`,
	}, func(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, to string) (catalog.Record, error) {
		return c.SetName(ctx, ref, to)
	})
}

// newAmendCommand makes a command that changes one thing of one tenant.
func newAmendCommand(action string, cmd *cobra.Command, apply func(context.Context, *catalog.Catalog, catalog.Ref, string) (catalog.Record, error)) *cobra.Command {
	var revision int64
	var asJSON bool
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		return cmp.Or(twoArgs("SLUG", "what it is to be")(cmd, args), checkRevision(cmd, revision))
	}
	cmd.ValidArgsFunction = completeWith(completeTenants)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return operate(cmd, func(ctx context.Context, c *catalog.Catalog) error {
			ref := refOf(args[0], revision)
			was, err := findFor(ctx, c, action, ref)
			if err != nil && action == catalog.ActionRename && revision == 0 {
				if now, found := renamedBefore(ctx, c, ref.Slug, args[1]); found {
					was, ref, err = now, catalog.Ref{ID: now.ID}, nil
				}
			}
			if err != nil {
				return err
			}
			record, err := apply(ctx, c, ref, args[1])
			if err != nil {
				return mendMissing(err)
			}
			return writeStep(cmd, record, was.Revision == record.Revision, asJSON)
		})
	}
	cmd.Flags().Int64Var(&revision, "if-revision", 0, "fail unless the tenant is at this revision, as show prints it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the tenant as a JSON object")
	completeFlag(cmd, "if-revision", completeNone)
	return cmd
}
