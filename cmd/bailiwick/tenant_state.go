//go:build cgo

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// manyHelp is what the help of commands for many tenants has in common.
const manyHelp = `

--file and --all do it to many, several at once: a file is CSV whose first line
names the columns, of which slug or id is one, or one JSON object a line. One that
fails keeps no other from its turn, and Ctrl-C finishes those in hand; the same
command again does what is left. Progress, and what fails, is told on stderr.`

// stepStatus ends the help of commands that change tenants.
const stepStatus = `

Exit status: 0 when it is done, or was done before, 1 when it is not, of many when
one of them is not, 2 when the command line is wrong.`

func newTenantSuspendCommand() *cobra.Command {
	var reason string
	ch := change{
		action: catalog.ActionSuspend, from: []string{catalog.StateActive},
		done: func(r catalog.Record, _ tenantRow) bool {
			return r.State == catalog.StateSuspended && r.SuspendedBy == catalog.ByOperator && (reason == "" || reason == r.Reason)
		},
		manyRisk: "Suspend",
		command: &cobra.Command{
			Use:   "suspend [SLUG]",
			Short: "Take tenants out of service, until they are resumed",
			Long: `suspend takes a tenant out of service: no server serves it any more. Its data stay,
and so do its keys and domains, for when it is resumed. With another reason it
changes that of a tenant that is suspended already. Whom billing has suspended is
not resumed by a payment from then on.` + manyHelp + stepStatus,
			Example: `  bailiwick tenant suspend acme --reason "unpaid since May"
  bailiwick tenant suspend --all --plan free --yes`,
		},
		apply: func(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, _ tenantRow) (catalog.Record, error) {
			return c.Suspend(ctx, ref, reason)
		},
	}
	return withReason(newChangeCommand(ch), &reason)
}

func newTenantResumeCommand() *cobra.Command {
	return newChangeCommand(change{
		action: catalog.ActionResume, from: []string{catalog.StateSuspended}, done: inState(catalog.StateActive),
		command: &cobra.Command{
			Use:   "resume [SLUG]",
			Short: "Put suspended tenants back into service",
			Long:  `resume puts a suspended tenant back into service, as it was.` + manyHelp + stepStatus,
			Example: `  bailiwick tenant resume acme
  bailiwick tenant resume --all --plan free`,
		},
		apply: func(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, _ tenantRow) (catalog.Record, error) {
			return c.Resume(ctx, ref)
		},
	})
}

// defaultGrace is how long an offboarded tenant can be restored.
const defaultGrace = "30d"

func newTenantOffboardCommand() *cobra.Command {
	var reason string
	grace := days{text: defaultGrace}
	ch := change{
		action: catalog.ActionOffboard, from: []string{catalog.StateActive, catalog.StateSuspended},
		done: func(r catalog.Record, _ tenantRow) bool {
			return r.State == catalog.StatePurged || r.State == catalog.StateOffboarding &&
				(reason == "" || reason == r.Reason) && r.PurgeAfter.Equal(r.OffboardedAt.Add(grace.duration()))
		},
		manyRisk: "Offboard",
		risk: func(_ context.Context, _ *catalog.Catalog, r catalog.Record) (string, error) {
			return fmt.Sprintf("%s is not served from now on, its keys and tokens end for good, and its data may be purged in %s.", r.Slug, grace.text), nil
		},
		command: &cobra.Command{
			Use:   "offboard [SLUG]",
			Short: "Take tenants out of service for good; their data stay for a while",
			Long: `offboard takes a tenant out of service for good: it is not served any more, and its
keys, tokens and domains are dead at once. Its data stay. Until the grace is over
"bailiwick tenant restore" brings it back; after it "bailiwick tenant purge" may
remove the data. With another grace it moves that end, which counts from the first
time.

It asks for the slug on a terminal, and elsewhere wants --yes.` + manyHelp + stepStatus,
			Example: `  bailiwick tenant offboard acme --grace 30d --reason "contract ended"
  bailiwick tenant offboard --file leaving.csv --yes`,
		},
		apply: func(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, _ tenantRow) (catalog.Record, error) {
			return c.Offboard(ctx, ref, catalog.OffboardParams{Grace: grace.duration(), Reason: reason})
		},
	}
	cmd := withReason(newChangeCommand(ch), &reason)
	cmd.Flags().Var(&grace, "grace", "how long it can be restored, such as 30d or 12h")
	completeFlag(cmd, "grace", completeNone)
	return cmd
}

func newTenantRestoreCommand() *cobra.Command {
	return newChangeCommand(change{
		action: catalog.ActionRestore, from: []string{catalog.StateOffboarding}, done: inState(catalog.StateActive, catalog.StateSuspended),
		command: &cobra.Command{
			Use:   "restore [SLUG]",
			Short: "Bring offboarded tenants back, with all their data",
			Long: `restore brings a tenant that was offboarded back to where it was, in service or
suspended, as long as it is not purged. Keys and tokens from before stay dead: its
people sign in anew, and where an issuer dates tokens, CLOCK_SKEW later at the
earliest. A tenant that has missed a rollout meanwhile is brought there by
"bailiwick schema apply".` + manyHelp + stepStatus,
			Example: `  bailiwick tenant restore acme
  bailiwick tenant restore --file mistaken.csv`,
		},
		apply: func(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, _ tenantRow) (catalog.Record, error) {
			return c.Restore(ctx, ref)
		},
	})
}

func newTenantPurgeCommand() *cobra.Command {
	var early bool
	ch := change{
		action: catalog.ActionPurge, from: []string{catalog.StateOffboarding}, done: inState(catalog.StatePurged),
		due:      func(r catalog.Record) bool { return early || !r.PurgeAfter.After(time.Now()) },
		manyRisk: "Remove for good all data of", risk: purgeRisk,
		command: &cobra.Command{
			Use:   "purge [SLUG]",
			Short: "Remove all data of offboarded tenants, for good",
			Long: `purge removes the schema, the role and all data of a tenant that was offboarded,
each tenant in a transaction of its own. What stays is a row in the registry
without name or slug, for the audit and for bills. The slug is free again.

It is refused before the grace is over, but for --early, and as long as something
outside of the tenant's schema depends on it. --all means all whose grace is over.

It shows what goes, asks for the slug on a terminal, and elsewhere wants --yes.` + manyHelp + stepStatus,
			Example: `  bailiwick tenant purge acme
  bailiwick tenant purge --all --yes`,
		},
		apply: func(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, _ tenantRow) (catalog.Record, error) {
			r, err := c.Purge(ctx, ref, catalog.PurgeParams{Early: early})
			return r, mendPurge(ctx, c, ref, err)
		},
	}
	cmd := newChangeCommand(ch)
	cmd.Flags().BoolVar(&early, "early", false, "also before the grace is over")
	return cmd
}

// mendPurge says how to purge before the grace is over.
func mendPurge(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, err error) error {
	if _, refused := errors.AsType[*catalog.RefusedError](err); refused || tenant.CodeOf(err) != tenant.CodeConflict {
		return err
	}
	r, errFind := c.Find(ctx, catalog.Ref{Slug: ref.Slug, ID: ref.ID})
	if errFind == nil && r.State == catalog.StateOffboarding && r.PurgeAfter.After(time.Now()) {
		return fmt.Errorf("%w\n\tmend: --early purges it before", err)
	}
	return err
}

// purgeRisk says what goes.
func purgeRisk(ctx context.Context, c *catalog.Catalog, r catalog.Record) (string, error) {
	size, err := c.Contents(ctx, catalog.Ref{ID: r.ID})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s goes for good: %s, about %s, %s.", r.Slug,
		plural(size.Tables, "table"), plural(int(size.Rows), "row"), byteText(size.Bytes)), nil
}

// byteText is a size for people.
func byteText(n int64) string {
	const step = 1024
	value, unit := float64(n), 0
	units := []string{"B", "kB", "MB", "GB", "TB"}
	for value >= step && unit < len(units)-1 {
		value /= step
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

func newTenantSetPlanCommand() *cobra.Command {
	var plan string
	return newChangeCommand(change{
		action: catalog.ActionSetPlan, from: []string{catalog.StateProvisioning, catalog.StateActive, catalog.StateSuspended},
		args: []string{"PLAN"},
		take: func(args []string) {
			if len(args) > 0 {
				plan = args[0]
			}
		},
		done: func(r catalog.Record, row tenantRow) bool { return r.Plan == cmp.Or(row.Plan, plan) },
		command: &cobra.Command{
			Use:   "set-plan [SLUG] [PLAN]",
			Short: "Put tenants on another plan",
			Long: `set-plan puts a tenant on another plan, one of public.plans.

With --file there is no SLUG, and each tenant gets the plan of its column plan, or
else PLAN. With --all, --plan chooses those of one plan.` + manyHelp + stepStatus,
			Example: `  bailiwick tenant set-plan acme team
  bailiwick tenant set-plan team --all --plan free
  bailiwick tenant set-plan --file plans.csv`,
		},
		apply: func(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, row tenantRow) (catalog.Record, error) {
			r, err := c.SetPlan(ctx, ref, cmp.Or(row.Plan, plan))
			return r, mendPlan(ctx, c, err, "")
		},
	})
}

// withReason gives a command the flag.
func withReason(cmd *cobra.Command, reason *string) *cobra.Command {
	cmd.Flags().StringVar(reason, "reason", "", "why, for the registry and the audit")
	completeFlag(cmd, "reason", completeNone)
	return cmd
}
