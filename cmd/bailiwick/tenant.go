//go:build cgo

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

func newTenantCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "tenant",
		Short: "The life of tenants: create, suspend, offboard, restore, purge and more",
		Long: `tenant works on the registry of tenants, public.tenants, and on what belongs to
each of them.

The database is the one of DATABASE_OWNER_URL, whose role must own it and may
create roles. Without it, it is the project's development instance, the same as
that of "go run ./server", whether the server runs or not. Set and empty it is
refused: most often a variable of the shell is not set.

Whatever changes a tenant is written to the audit, with who did it: --actor, or the
environment variable ` + actorVariable + `, or else the user of the system. The
commands under hooks in bailiwick.yaml are run before and after each step.

Exit status: 0 when it is done, 1 when it is not, 2 when the command line is wrong.`,
		Example: `  bailiwick tenant create initech --name "Initech Inc." --plan team
  bailiwick tenant list
  bailiwick tenant suspend initech --reason "unpaid since May"
  bailiwick tenant audit initech`,
	})
	defineActor(cmd)
	cmd.AddCommand(newTenantCreateCommand(), newTenantListCommand(), newTenantShowCommand())
	cmd.AddCommand(newTenantRenameCommand(), newTenantSetNameCommand(), newTenantSetPlanCommand())
	cmd.AddCommand(newTenantSuspendCommand(), newTenantResumeCommand())
	cmd.AddCommand(newTenantOffboardCommand(), newTenantRestoreCommand(), newTenantPurgeCommand())
	cmd.AddCommand(newTenantExecCommand(), newTenantAuditCommand())
	cmd.AddCommand(newTenantDoctorCommand(), newTenantDeliverCommand())
	cmd.AddCommand(newTenantDomainCommand(), newTenantIssuerCommand())
	return cmd
}

func newTenantListCommand() *cobra.Command {
	var asJSON bool
	var state, plan string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the tenants",
		Long: `list prints the tenants of the registry with their state, plan and the version of
their schema, in the order of the slugs. Purged ones are listed with --state purged.

Exit status: 0 when the registry could be read, 1 otherwise, 2 when the command
line is wrong.`,
		Example: `  bailiwick tenant list
  bailiwick tenant list --state offboarding
  bailiwick tenant list --json | jq -r '.[] | select(.state == "active") | .slug'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if state != "" && !slices.Contains(tenantStates, state) {
				return usagef(cmd, "there is no state %q; there are %s", state, strings.Join(tenantStates, ", "))
			}
			records := []catalog.Record{}
			err := readCatalog(cmd, func(ctx context.Context, c *catalog.Catalog) error {
				all, err := c.List(ctx)
				for _, r := range all {
					if (r.State == state || state == "" && r.State != catalog.StatePurged) && (plan == "" || r.Plan == plan) {
						records = append(records, r)
					}
				}
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), records)
			}
			return writeRecords(cmd.OutOrStdout(), records, state+plan != "")
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "only those in this state")
	cmd.Flags().StringVar(&plan, "plan", "", "only those of this plan")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the tenants as a JSON array")
	completeFlag(cmd, "state", completeStates)
	completeFlag(cmd, "plan", completePlans)
	return cmd
}

func newTenantShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show SLUG",
		Short: "Show one tenant",
		Long: `show prints what the registry has of one tenant: its id, which tokens carry, the
name of its schema and role, its state, plan and schema version, and its revision,
which grows with each change. SLUG may be the id.

Exit status: 0 when there is such a tenant, 1 otherwise, 2 when the command line
is wrong.`,
		Example: `  bailiwick tenant show acme
  psql "$DATABASE_OWNER_URL" -c "\dt $(bailiwick tenant show acme --json | jq -r .schema).*"`,
		Args:              oneArg("SLUG"),
		ValidArgsFunction: completeWith(completeTenants),
		RunE: func(cmd *cobra.Command, args []string) error {
			var record catalog.Record
			err := readCatalog(cmd, func(ctx context.Context, c *catalog.Catalog) (err error) {
				record, err = findFor(ctx, c, "", refOf(args[0], 0))
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), record)
			}
			return writeRecord(cmd.OutOrStdout(), record)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the tenant as a JSON object")
	return cmd
}

func writeRecords(w io.Writer, records []catalog.Record, chosen bool) error {
	if len(records) == 0 {
		hint := `no tenants; see "bailiwick tenant create --help"`
		if chosen {
			hint = "no such tenants"
		}
		_, err := fmt.Fprintln(w, hint)
		return wrapPrint(err)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SLUG\tNAME\tSTATE\tPLAN\tVERSION\tSCHEMA") //nolint:errcheck // tabwriter reports it at Flush
	for _, r := range records {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", //nolint:errcheck // likewise
			printable(cmp.Or(r.FormerSlug, r.Slug)), printable(r.Name), r.State, printable(cmp.Or(r.Plan, "-")), r.Version, r.Schema)
	}
	return wrapPrint(t.Flush())
}
