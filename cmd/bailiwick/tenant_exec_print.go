//go:build cgo

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/maintenance"
)

// finish prints what the query came to, and turns what is left into status 1.
func (x *execution) finish(cmd *cobra.Command, r bulkReport) error {
	if x.options.dryRun {
		r.Next, r.Run = "", ""
	}
	if x.options.asJSON {
		report := struct {
			bulkReport

			Query   string         `json:"query"`
			DryRun  bool           `json:"dry_run,omitempty"`
			Tenants []tenantResult `json:"tenants"`
		}{r, x.query.Name, x.options.dryRun, x.byTenant()}
		return errors.Join(writeJSON(cmd.OutOrStdout(), report), r.status())
	}
	if err := x.write(cmd.OutOrStdout()); err != nil {
		return err
	}
	if x.options.dryRun && r.Done > 0 {
		if _, err := io.WriteString(cmd.OutOrStdout(), "dry run: all of it was undone\n"); err != nil {
			return wrapPrint(err)
		}
	}
	return r.finish(cmd, false)
}

func (x *execution) write(w io.Writer) error {
	var b strings.Builder
	for _, r := range x.byTenant() {
		if !x.query.Rows {
			fmt.Fprintf(&b, "%s: %s\n", r.Tenant, plural(int(r.Affected), "row"))
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", r.Tenant, plural(len(r.Rows), "row"))
		writeRows(&b, r.Rows)
	}
	_, err := io.WriteString(w, b.String())
	return wrapPrint(err)
}

// writeRows prints rows as a table.
func writeRows(b *strings.Builder, rows []maintenance.Row) {
	if len(rows) == 0 {
		return
	}
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  "+strings.Join(rows[0].Columns(), "\t")) //nolint:errcheck // a builder has no errors
	for _, row := range rows {
		texts := make([]string, len(row.Columns()))
		for i := range texts {
			texts[i] = printable(strings.Join(strings.Fields(row.Text(i)), " ")) // a row is a line
		}
		fmt.Fprintln(t, "  "+strings.Join(texts, "\t")) //nolint:errcheck // likewise
	}
	_ = t.Flush()
}

// listQueries prints the maintenance queries of the project.
func listQueries(cmd *cobra.Command, asJSON bool) error {
	p, err := loadProject(cmd)
	if err != nil {
		return err
	}
	queries, err := maintenance.Load(p)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), append([]maintenance.Query{}, queries...))
	}
	if len(queries) == 0 {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "there are no maintenance queries; write some into queries/maintenance/*.sql")
		return wrapPrint(err)
	}
	t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tARGUMENTS\tFILE\tWHAT IT DOES") //nolint:errcheck // tabwriter reports it at Flush
	for _, q := range queries {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", q.Name, orDash(strings.Join(q.Params, ", ")), q.File, q.Doc) //nolint:errcheck // likewise
	}
	return wrapPrint(t.Flush())
}

// completeExec completes the query, and then the tenant.
func completeExec(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return completeWith(completeTenants)(cmd, args[1:], typed)
	}
	return completeWith(completeQueries)(cmd, args, typed)
}

func completeQueries(cmd *cobra.Command) (all []cobra.Completion) {
	p, err := loadProject(cmd)
	if err != nil {
		return nil
	}
	queries, err := maintenance.Load(p)
	if err != nil {
		return nil
	}
	for _, q := range queries {
		all = append(all, cobra.CompletionWithDesc(q.Name, q.Doc))
	}
	return all
}
