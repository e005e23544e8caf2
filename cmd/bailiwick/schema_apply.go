//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/rollout"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

type applyOptions struct {
	rolloutFlags

	only         []string
	dryRun       bool
	abandon      bool
	acceptLoss   bool
	breakRelease []string
}

func newSchemaApplyCommand() *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Roll the desired state out, tenant by tenant",
		Long: `apply plans what brings each schema to the desired state, tries the plans on
copies, and then runs them: group by group and wave by wave, as the deployment
block of atlas.hcl says. Each schema is changed in transactions of its own; where
one fails the others go on, as long as no more fail than the budget of
--max-failures or of the group bears. After each wave its schemas are verified.

Everything is kept in the database. An interrupted rollout, by Ctrl-C or by the
loss of this machine, is gone on with by "bailiwick schema resume", and so is one
that failed, once what was wrong has been mended. Ctrl-C finishes the schemas in
hand; pressed again it cancels them. apply itself goes on with a rollout to the
same state; --abandon leaves one to another state as it is and begins anew.

--only rolls out to some tenants alone, and public where it is named. New tenants
are then made as before.

What was worked out and drops a table, a column or values wants --accept-loss or
an answer. A plan file of "bailiwick schema plan --save" wants neither: it has been
reviewed.

A plan that would break a query of a release that is running is refused; a release
counts as running until a minute after its last server. --break-release does not
wait for one: from then on its servers answer 503 to the tenants whose schemas
their queries don't fit.

Progress is told on stderr. --json prints one object at the end.

Exit status: 0 when all is done, 1 when it is not, 2 when work is left on purpose:
by --dry-run, by a pause, or for tenants that came meanwhile. 2 is also that of a
wrong command line, and of a missing --yes where nobody can be asked: then nothing
was done, and nothing is printed on stdout.`,
		Example: `  bailiwick schema apply --dry-run
  bailiwick schema apply --yes --max-failures 2% --soak 10m
  bailiwick schema apply --only acme`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return applySchema(cmd, o) },
	}
	o.define(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&o.only, "only", nil, "roll out to these tenants only, by their slugs")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the plans and who receives them when, and change nothing")
	f.BoolVar(&o.abandon, "abandon", false, "leave an unfinished rollout as it is, also in mid-backfill")
	f.BoolVar(&o.yes, "yes", false, "don't ask")
	defineBreakRelease(cmd, &o.breakRelease)
	f.BoolVar(&o.acceptLoss, "accept-loss", false, "roll out although data is lost by what no plan file says")
	completeFlag(cmd, "only", completeTenants)
	return cmd
}

func applySchema(cmd *cobra.Command, o applyOptions) error {
	return withFleet(cmd, func(ctx context.Context, f *fleet) error {
		p := newProgress(cmd)
		defer p.close()
		config, err := o.config(cmd, f, p)
		if err != nil {
			return err
		}
		config.Only = o.only
		if err := f.catalog.InstallLedger(ctx); err != nil {
			return err
		}
		abort, stop := abortOnSecond(cmd, "schemas")
		defer stop()
		config.Abort = abort
		return withEngine(ctx, config, func(engine *rollout.Engine) error {
			found, same, err := o.unfinished(ctx, cmd, f, engine)
			if err != nil {
				return err
			}
			if same {
				p.sayf("going on with rollout %d", found.ID)
				if err := f.askRest(ctx, engine, found, o.breakRelease); err != nil {
					return err
				}
				return runRollout(ctx, cmd, engine, found.ID, p, o.asJSON)
			}
			return o.begin(ctx, cmd, f, engine, p)
		})
	})
}

// unfinished is the rollout that is to be gone on with, if there is one.
func (o applyOptions) unfinished(ctx context.Context, cmd *cobra.Command, f *fleet, engine *rollout.Engine) (found rollout.Summary, same bool, err error) {
	found, ok, err := engine.Unfinished(ctx)
	if err != nil || !ok {
		return found, false, err
	}
	if o.abandon && !o.dryRun {
		return found, false, o.leave(ctx, cmd, engine, found.ID)
	}
	same = found.Kind == "apply" && !found.Partial && len(o.only) == 0 &&
		found.Versions[string(plan.Tenant)] == catalog.Version(f.schema.Tenant) &&
		found.Versions[string(plan.Public)] == catalog.Version(f.schema.Public)
	if same || o.dryRun {
		return found, same && !o.dryRun, nil
	}
	return found, false, explainRollout(&rollout.UnfinishedError{Rollout: found})
}

// leave abandons a rollout. Schemas in the middle of their plan are named: it may be
// that rows are not filled, which no comparison of schemas finds.
func (o applyOptions) leave(ctx context.Context, cmd *cobra.Command, engine *rollout.Engine, id rollout.ID) error {
	half, err := engine.HalfDone(ctx, id)
	if err != nil {
		return err
	}
	if len(half) > 0 {
		cmd.PrintErrf("rollout %d has stopped in the middle of the plans of %s: %s\n"+
			"what is left of a backfill there is done by no other rollout; `%s` would finish it\n",
			id, plural(len(half), "schema"), strings.Join(half, ", "), resumeCommand)
		if err := confirm(cmd, o.yes, "Leave them so?", "--yes"); err != nil {
			return err
		}
	}
	return engine.Abandon(ctx, id)
}

// begin plans, asks and rolls out.
func (o applyOptions) begin(ctx context.Context, cmd *cobra.Command, f *fleet, engine *rollout.Engine, p *progress) error {
	tenants, err := f.tenants(ctx, nil)
	if err != nil {
		return err
	}
	in, err := f.input(tenants, p)
	if err != nil {
		return err
	}
	gate, asked, err := f.gate(ctx, o.breakRelease)
	if err != nil {
		return err
	}
	in.Gate = gate
	planned, err := plan.NewFleet(ctx, in)
	if err != nil {
		return calm(cmd, err)
	}
	planned.Notes = append(planned.Notes, strayFiles(in.Files, planned)...)
	layout, err := engine.Layout(ctx, planned)
	if err != nil {
		return err
	}
	layout.Releases = asked
	p.close()
	if layout.Nothing() {
		return o.nothing(cmd, len(tenants))
	}
	if o.dryRun {
		if o.asJSON {
			return errors.Join(writeJSON(cmd.OutOrStdout(), layout), exitError{statusBehind})
		}
		return errors.Join(writeLayout(cmd.OutOrStdout(), layout, planned.Notes), exitError{statusBehind})
	}
	if err := o.consent(cmd, layout, planned.Notes); err != nil {
		return err
	}
	id, err := engine.StartLayout(ctx, layout)
	if err != nil {
		return explainRollout(err)
	}
	return runRollout(ctx, cmd, engine, id, p, o.asJSON)
}

// consent shows what is going to happen and asks for it. What destroys data, and
// was not reviewed in a plan file, wants a yes of its own.
func (o applyOptions) consent(cmd *cobra.Command, l *rollout.Layout, notes []string) error {
	if !o.yes {
		if err := writeLayout(cmd.ErrOrStderr(), l, notes); err != nil {
			return err
		}
	}
	var lost []string
	for _, p := range l.Plans {
		lost = append(lost, p.Destroys...)
	}
	slices.Sort(lost)
	lost = slices.Compact(lost)
	flags, question := "--yes", fmt.Sprintf("Change %s in %s?", plural(l.Total(), "schema"), plural(len(l.Waves), "wave"))
	if len(lost) > 0 && !o.acceptLoss {
		if o.yes {
			for i, note := range notes {
				notes[i] = "\n\tnote: " + note
			}
			return fmt.Errorf("data would be lost: %s%s\n\tmend: say that it may with --accept-loss, or write the plan down for review: `bailiwick schema plan --save`",
				strings.Join(lost, "; "), strings.Join(notes, ""))
		}
		flags, question = "--yes --accept-loss", fmt.Sprintf("Data is lost: %s. %s", strings.Join(lost, "; "), question)
	}
	return confirm(cmd, o.yes, question, flags)
}

func (o applyOptions) nothing(cmd *cobra.Command, tenants int) error {
	if o.asJSON {
		return writeJSON(cmd.OutOrStdout(), report{
			Outcome: &rollout.Outcome{State: rollout.Done}, Failures: []rollout.Failure{},
		})
	}
	who := publicName + " and " + plural(tenants, "tenant")
	if len(o.only) > 0 {
		who = strings.Join(o.only, ", ")
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "nothing to do: %s %s as desired\n", who, isOrAre(o.only))
	return wrapPrint(err)
}

// isOrAre is the verb for those that are named; nobody named are all.
func isOrAre(named []string) string {
	if len(named) == 1 {
		return "is"
	}
	return "are"
}

// writeLayout prints what a rollout would do.
func writeLayout(w io.Writer, l *rollout.Layout, notes []string) error {
	var b strings.Builder
	schemas := map[string]int{}
	for _, wave := range l.Waves {
		for _, t := range wave.Targets {
			schemas[t.From+" "+t.To]++
		}
	}
	for _, p := range l.Plans {
		writeStatements(&b, p, schemas[p.From+" "+p.To])
	}
	for i, wave := range l.Waves {
		fmt.Fprintf(&b, "wave %d, %s: %s", i+1, wave.Group, plural(len(wave.Targets), "schema"))
		if wave.Parallel > 1 {
			fmt.Fprintf(&b, ", %d at once", wave.Parallel)
		}
		if wave.Soak > 0 {
			fmt.Fprintf(&b, ", then %s of watching", wave.Soak)
		}
		fmt.Fprintf(&b, ": %s\n", sample(wave.Targets))
	}
	for _, scope := range slices.Sorted(maps.Keys(l.Desired)) {
		if l.Flips && scope == plan.Tenant {
			fmt.Fprintf(&b, "then new tenants are made at %s\n", l.Desired[scope].Fingerprint)
		}
	}
	for _, note := range notes {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	_, err := io.WriteString(w, b.String())
	return wrapPrint(err)
}

// writeStatements prints what a plan does, and not what the schemas look like.
func writeStatements(b *strings.Builder, p *plan.Plan, schemas int) {
	fmt.Fprintf(b, "%s: from %s to %s, for %s\n", p.Scope, p.From, p.To, plural(schemas, "schema"))
	w := planWriter{b: b}
	w.by(p)
	w.list("refused", p.Refused)
	w.steps("statements", p.Steps)
	w.locks(p.Locks)
	w.findings(p.Findings)
}

// sample names some of the targets.
func sample(targets []rollout.Target) string {
	const most = 8
	var names []string
	for _, t := range targets[:min(most, len(targets))] {
		names = append(names, t.Slug)
	}
	if len(targets) > most {
		names = append(names, "...")
	}
	return strings.Join(names, ", ")
}
