//go:build cgo

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// bulkFlags say which tenants a command is for, where it is not for one.
type bulkFlags struct {
	file        string
	all         bool
	state, plan string
	parallel    int
	yes         bool
	asJSON      bool
}

// defaultParallel is how many tenants are worked on at once.
const defaultParallel = 4

func (o *bulkFlags) define(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.file, "file", "", "the tenants of a file, or of the standard input: -")
	f.BoolVar(&o.all, "all", false, "all tenants in a state that this can be done in")
	f.StringVar(&o.state, "state", "", "of these, the ones in this state")
	f.StringVar(&o.plan, "plan", "", "of these, the ones of this plan")
	f.IntVar(&o.parallel, "parallel", defaultParallel, "how many tenants to work on at once")
	completeFlag(cmd, "state", completeStates)
	completeFlag(cmd, "plan", completePlans)
	completeFlag(cmd, "parallel", completeNone)
}

// many tells that the command is not for one tenant.
func (o *bulkFlags) many() bool { return o.all || o.file != "" }

// check wants SLUG, --file or --all, and the arguments beside it.
func (o *bulkFlags) check(cmd *cobra.Command, args, more []string) error {
	most := len(more) + 1
	names := strings.Join(append([]string{"SLUG"}, more...), " and ")
	switch {
	case o.all && o.file != "":
		return usagef(cmd, "--all and --file exclude each other")
	case o.parallel < 1:
		return usagef(cmd, "--parallel is at least 1, and was %d", o.parallel)
	case !o.all && (o.state != "" || o.plan != ""):
		return usagef(cmd, "--state and --plan go with --all")
	case o.state != "" && !slices.Contains(tenantStates, o.state):
		return usagef(cmd, "there is no state %q; there are %s", o.state, strings.Join(tenantStates, ", "))
	case o.many() && cmd.Flags().Changed("if-revision"):
		return usagef(cmd, "--if-revision is for one tenant")
	case o.many():
		most, names = len(more), strings.Join(more, " and ")
	case len(args) == 0:
		return usagef(cmd, "%s needs %s, --file or --all", cmd.CommandPath(), names)
	}
	if len(args) < most && (o.file == "" || len(args) > 0) {
		return usagef(cmd, "%s needs %s", cmd.CommandPath(), names)
	}
	if len(args) > most {
		if most == 0 {
			return usagef(cmd, "with --all or --file there is no SLUG, and was %q", args[0])
		}
		return usagef(cmd, "%s takes %s, and was given %q too", cmd.CommandPath(), names, args[most])
	}
	return nil
}

// checkState refuses a --state that the command takes nobody from.
func (o *bulkFlags) checkState(cmd *cobra.Command, from []string) error {
	if o.state != "" && !slices.Contains(from, o.state) {
		return usagef(cmd, "%s is for tenants that are %s, and --state was %q", cmd.CommandPath(), strings.Join(from, " or "), o.state)
	}
	return nil
}

// tenantStates are the values of --state.
var tenantStates = []string{catalog.StateProvisioning, catalog.StateActive, catalog.StateSuspended, catalog.StateOffboarding, catalog.StatePurged}

func completeStates(*cobra.Command) []cobra.Completion { return tenantStates }

// target is a tenant of a bulk command, as it was when the command began.
type target struct {
	row     tenantRow
	record  catalog.Record
	missing bool
}

// who is what the user calls the tenant.
func (t target) who() string { return cmp.Or(t.row.Slug, t.row.ID, t.record.Slug) }

// ref is how the tenant is named to the catalog: by all that the user has said of
// it, so that one who was renamed since is not taken for it.
func (t target) ref() catalog.Ref {
	ref := catalog.Ref{ID: t.record.ID}
	if t.row.Slug == t.record.Slug {
		ref.Slug = t.row.Slug
	}
	return ref
}

// targets finds the tenants that a step is for.
func (o *bulkFlags) targets(ctx context.Context, cmd *cobra.Command, c *catalog.Catalog, ch change) ([]target, error) {
	var rows []tenantRow
	if o.file != "" {
		var err error
		if rows, err = readTenantFile(cmd, o.file); err != nil {
			return nil, err
		}
	}
	records, err := c.List(ctx)
	if err != nil {
		return nil, err
	}
	var list []target
	if o.all {
		for _, r := range records {
			if o.chosen(r, ch) {
				list = append(list, target{record: r})
			}
		}
		return list, nil
	}
	list, err = newTenantIndex(records).targets(rows)
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n\tmend: correct the file; nothing was done", o.file, err)
	}
	return list, nil
}

// targets finds the tenants of a file. A row whose id and slug are not one
// tenant's, and a tenant that two rows name, are mistakes that nobody should pay for.
func (x tenantIndex) targets(rows []tenantRow) (list []target, err error) {
	var wrong []error
	lines := map[tenant.ID]int{}
	for _, row := range rows {
		t := target{row: row}
		record, found := x.find(cmp.Or(row.ID, row.Slug))
		t.record, t.missing = record, !found
		if row.ID != "" && row.Slug != "" {
			named, known := x.find(row.Slug)
			if agree := found && (row.Slug == record.Slug || row.Slug == record.FormerSlug); !agree && (found || known) {
				wrong = append(wrong, fmt.Errorf("line %d: the id %s is %s, and the slug %s %s", row.line, row.ID, whose(record, found), row.Slug, whose(named, known)))
			}
		}
		if before := lines[record.ID]; found && before > 0 {
			wrong = append(wrong, fmt.Errorf("line %d: tenant %s is in line %d already", row.line, record.Slug, before))
		}
		lines[record.ID] = row.line
		list = append(list, t)
	}
	return list, errors.Join(wrong...)
}

// whose says which tenant a name is of.
func whose(r catalog.Record, found bool) string {
	if !found {
		return "nobody's"
	}
	return "that of " + r.Slug + " (" + r.ID.String() + ")"
}

func (o *bulkFlags) chosen(r catalog.Record, ch change) bool {
	return slices.Contains(ch.from, r.State) && (ch.due == nil || ch.due(r)) &&
		(o.state == "" || r.State == o.state) && (o.plan == "" || r.Plan == o.plan)
}

// tenantIndex finds tenants by what users call them: by id, by slug, or by the slug
// that one had before it was purged. Of several that had it, that is the one that was
// purged last.
type tenantIndex struct {
	ids           map[tenant.ID]catalog.Record
	slugs, former map[string]catalog.Record
}

func newTenantIndex(records []catalog.Record) tenantIndex {
	x := tenantIndex{ids: map[tenant.ID]catalog.Record{}, slugs: map[string]catalog.Record{}, former: map[string]catalog.Record{}}
	for _, r := range records {
		x.ids[r.ID], x.slugs[r.Slug] = r, r
		if last, twice := x.former[r.FormerSlug]; r.FormerSlug != "" && (!twice || r.PurgedAt.After(last.PurgedAt)) {
			x.former[r.FormerSlug] = r
		}
	}
	return x
}

func (x tenantIndex) find(given string) (r catalog.Record, ok bool) {
	ref := refOf(given, 0)
	if !ref.ID.IsZero() {
		r, ok = x.ids[ref.ID]
		return r, ok
	}
	if r, ok = x.slugs[ref.Slug]; !ok {
		r, ok = x.former[ref.Slug]
	}
	return r, ok
}
