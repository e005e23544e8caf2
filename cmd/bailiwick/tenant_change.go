//go:build cgo

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// change is a step in the life of a tenant, as a command for one and for many.
type change struct {
	command *cobra.Command // its words
	action  string
	// from are the states that --all takes tenants from.
	from []string
	// due narrows --all further; nil is no bound.
	due func(catalog.Record) bool
	// done tells that there is nothing to do for the tenant of a row.
	done func(r catalog.Record, row tenantRow) bool
	// risk is what is asked before it is done to one tenant, with the tenant's
	// name to be typed; nil asks nothing.
	risk func(ctx context.Context, c *catalog.Catalog, r catalog.Record) (string, error)
	// manyRisk is what is asked before it is done to many; empty asks nothing.
	manyRisk string
	apply    func(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, row tenantRow) (catalog.Record, error)
	// args are those beside SLUG.
	args []string
	take func(args []string)
}

// changeFlags are what steps have in common.
type changeFlags struct {
	bulkFlags

	revision int64
}

func (o *changeFlags) define(cmd *cobra.Command) {
	o.bulkFlags.define(cmd)
	cmd.Flags().Int64Var(&o.revision, "if-revision", 0, "fail unless the tenant is at this revision, as show prints it")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print the tenant, or what became of all, as a JSON object")
	completeFlag(cmd, "if-revision", completeNone)
}

// newChangeCommand makes the command of a step.
func newChangeCommand(ch change) *cobra.Command {
	var o changeFlags
	cmd := ch.command
	cmd.ValidArgsFunction = completeWith(completeTenants)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		return cmp.Or(o.check(cmd, args, ch.args), o.checkState(cmd, ch.from), checkRevision(cmd, o.revision))
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		slug := ""
		if !o.many() {
			slug, args = args[0], args[1:]
		}
		if ch.take != nil {
			ch.take(args)
		}
		return operate(cmd, func(ctx context.Context, c *catalog.Catalog) error {
			if o.many() {
				return changeMany(ctx, cmd, c, ch, o)
			}
			return changeOne(ctx, cmd, c, ch, o, refOf(slug, o.revision))
		}, atOnce(o.parallel))
	}
	o.define(cmd)
	if ch.risk != nil || ch.manyRisk != "" {
		cmd.Flags().BoolVar(&o.yes, "yes", false, "don't ask")
	}
	return cmd
}

func changeOne(ctx context.Context, cmd *cobra.Command, c *catalog.Catalog, ch change, o changeFlags, ref catalog.Ref) error {
	was, err := findFor(ctx, c, ch.action, ref)
	if err != nil {
		return err
	}
	if was.State == catalog.StatePurged {
		ref = catalog.Ref{ID: was.ID, Revision: ref.Revision} // its slug is another one
	}
	if ch.risk != nil && !o.yes {
		if err := ask(ctx, cmd, c, ch, was); err != nil {
			return err
		}
		ref = catalog.Ref{ID: was.ID, Revision: was.Revision} // what was asked about
	}
	r, err := ch.apply(ctx, c, ref, tenantRow{})
	if err != nil {
		return mendMissing(err)
	}
	warnBehind(ctx, cmd, c, ch.action, r)
	return writeStep(cmd, r, was.Revision == r.Revision, o.asJSON)
}

// ask asks before a step that interrupts service, unless there is nothing to do.
func ask(ctx context.Context, cmd *cobra.Command, c *catalog.Catalog, ch change, r catalog.Record) error {
	if ch.done(r, tenantRow{}) {
		return nil
	}
	what, err := ch.risk(ctx, c, r)
	if err != nil {
		return err
	}
	return confirmByName(cmd, false, what, r.Slug)
}

// warnBehind says that a tenant has missed rollouts while it was away.
func warnBehind(ctx context.Context, cmd *cobra.Command, c *catalog.Catalog, action string, r catalog.Record) {
	if action != catalog.ActionRestore {
		return
	}
	current, known, err := c.Current(ctx, catalog.ScopeTenant)
	if err == nil && known && current.Fingerprint != r.Version {
		cmd.PrintErrf("note: %s has missed rollouts: `bailiwick schema apply` brings it to where the others are\n", r.Slug)
	}
}

func changeMany(ctx context.Context, cmd *cobra.Command, c *catalog.Catalog, ch change, o changeFlags) error {
	targets, err := o.targets(ctx, cmd, c, ch)
	if err != nil {
		return err
	}
	if err := askMany(cmd, ch, o, targets); err != nil {
		return err
	}
	b := bulk{action: ch.action, run: newRun(), parallel: o.parallel, next: "the same command again does what is left"}
	for _, t := range targets {
		b.tasks = append(b.tasks, bulkTask{who: t.who(), do: func(ctx context.Context) (bool, error) {
			switch {
			case t.missing:
				return false, fmt.Errorf("there is no tenant %s", t.who())
			case ch.done(t.record, t.row):
				return false, nil
			}
			_, err := ch.apply(ctx, c, t.ref(), t.row)
			return err == nil, err
		}})
	}
	return b.execute(ctx, cmd).finish(cmd, o.asJSON)
}

// askMany asks before something is done to many tenants that interrupts their
// service.
func askMany(cmd *cobra.Command, ch change, o changeFlags, targets []target) error {
	var names []string
	for _, t := range targets {
		if !t.missing && !ch.done(t.record, t.row) {
			names = append(names, t.record.Slug)
		}
	}
	if ch.manyRisk == "" || len(names) == 0 {
		return nil
	}
	what := fmt.Sprintf("%s %s: %s.", ch.manyRisk, plural(len(names), "tenant"), shorten(names))
	return confirmByName(cmd, o.yes, what, strconv.Itoa(len(names)))
}

// shorten names some of many.
func shorten(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

// inState tells that a tenant is in one of some states.
func inState(states ...string) func(catalog.Record, tenantRow) bool {
	return func(r catalog.Record, _ tenantRow) bool { return slices.Contains(states, r.State) }
}

// writeRecord prints a tenant for people. What there is nothing to say of is left
// out.
func writeRecord(w io.Writer, r catalog.Record) error {
	var b strings.Builder
	for _, line := range []struct {
		name, value string
		always      bool
	}{
		{"slug", r.Slug, true}, {"former slug", r.FormerSlug, false}, {columnName, r.Name, true},
		{"state", r.State, true}, {"held by", r.SuspendedBy, false}, {"reason", r.Reason, false}, {columnPlan, orDash(r.Plan), true},
		{"id", r.ID.String(), true}, {"revision", strconv.FormatInt(r.Revision, 10), true},
		{"schema", r.Schema, true}, {"version", r.Version, true}, {"node", r.Node, true}, {"ring", orDash(r.Ring), true},
		{"created", orDash(momentText(r.CreatedAt)), true}, {"offboarded", momentText(r.OffboardedAt), false},
		{"purge after", momentText(r.PurgeAfter), false}, {"purged", momentText(r.PurgedAt), false},
	} {
		if line.always || line.value != "" {
			fmt.Fprintf(&b, "%-11s  %s\n", line.name, printable(line.value))
		}
	}
	_, err := io.WriteString(w, b.String())
	return wrapPrint(err)
}

func momentText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
