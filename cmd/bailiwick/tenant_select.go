//go:build cgo

package main

import (
	"cmp"
	"context"
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
	index := newTenantIndex(records)
	for _, row := range rows {
		record, ok := index.find(cmp.Or(row.ID, row.Slug))
		list = append(list, target{row: row, record: record, missing: !ok})
	}
	return list, nil
}

func (o *bulkFlags) chosen(r catalog.Record, ch change) bool {
	return slices.Contains(ch.from, r.State) && (ch.due == nil || ch.due(r)) &&
		(o.state == "" || r.State == o.state) && (o.plan == "" || r.Plan == o.plan)
}

// tenantIndex finds tenants by what users call them: by id, by slug, or by the slug
// that one had before it was purged.
type tenantIndex struct {
	ids           map[tenant.ID]catalog.Record
	slugs, former map[string]catalog.Record
}

func newTenantIndex(records []catalog.Record) tenantIndex {
	x := tenantIndex{ids: map[tenant.ID]catalog.Record{}, slugs: map[string]catalog.Record{}, former: map[string]catalog.Record{}}
	for _, r := range records {
		x.ids[r.ID], x.slugs[r.Slug] = r, r
		if r.FormerSlug != "" {
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
