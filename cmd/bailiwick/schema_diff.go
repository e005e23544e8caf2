//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

type diffOptions struct {
	from, to string
	asJSON   bool
}

func newSchemaDiffCommand() *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Compare two schemas, whatever they are",
		Long: `diff compares two schemas object by object, and shows the statements that make
the first like the second. Each of --from and --to is one of

  a tenant's slug     its schema, in the project's database
  public              the shared schema, likewise
  a connection URL    the schema that its search_path names, else public
  a file of SQL       made in a scratch database, beside the project's shared schema
  a folder            all its .sql files; or, of a project, its schema files

It changes neither of the two. Scratch databases are made on the server of
atlas.hcl's dev, or in the embedded PostgreSQL.

Exit status: 0 when they are equal, 2 when they are not, 1 when it could not be
found out.`,
		Example: `  bailiwick schema diff --from acme --to globex
  bailiwick schema diff --from acme --to schema/tenant.sql
  bailiwick schema diff --from "$STAGING_URL?search_path=public" --to public --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := diffSchemas(cmd, o)
			if err != nil {
				return err
			}
			if o.asJSON {
				err = writeJSON(cmd.OutOrStdout(), d)
			} else {
				err = d.write(cmd.OutOrStdout(), o)
			}
			if err == nil && len(d.Differences) > 0 {
				err = exitError{statusBehind}
			}
			return err
		},
	}
	cmd.Flags().StringVar(&o.from, "from", "", "tenant, public, URL, file or folder to begin with")
	cmd.Flags().StringVar(&o.to, "to", "", "tenant, public, URL, file or folder to end with")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print differences and plan as a JSON object")
	completeSides(cmd, "from", "to")
	return require(cmd, "from", "to")
}

// completeSides completes tenants and, what the shell itself knows, files.
func completeSides(cmd *cobra.Command, flags ...string) {
	for _, flag := range flags {
		err := cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return append(completeTenants(cmd), publicName), cobra.ShellCompDirectiveDefault
		})
		if err != nil { // the flag is not defined: no user can cause or mend it
			cmd.RunE = func(*cobra.Command, []string) error { return err }
		}
	}
}

// schemaDiff is what two schemas don't have in common.
type schemaDiff struct {
	Scope       plan.Scope               `json:"scope"`
	From        string                   `json:"from"` // fingerprints
	To          string                   `json:"to"`
	Differences []fingerprint.Difference `json:"differences"`
	Steps       []plan.Step              `json:"steps"`
	// Refused says why the statements do not lead all the way.
	Refused []string `json:"refused"`
	Notes   []string `json:"notes"`
}

func diffSchemas(cmd *cobra.Command, o diffOptions) (d *schemaDiff, err error) {
	f, err := loadFleet(cmd)
	if err != nil {
		return nil, err
	}
	s := &sides{cmd: cmd, fleet: f}
	defer func() { err = errors.Join(err, s.close()) }()
	found, err := s.findAll(cmd.Context(), []string{o.from, o.to})
	if err != nil {
		return nil, err
	}
	from, to := found[0], found[1]
	scope := plan.Scope(string(from.scope) + string(to.scope)) // one of them may be both
	if from.scope != "" && to.scope != "" {
		if scope = from.scope; scope != to.scope {
			return nil, usagef(cmd, "--from is a schema of scope %s and --to one of scope %s", from.scope, to.scope)
		}
	}
	if scope == "" {
		scope = plan.Tenant
	}
	return s.compare(cmd.Context(), scope, from, to)
}

func (s *sides) compare(ctx context.Context, scope plan.Scope, from, to *side) (*schemaDiff, error) {
	a, b := from.targets[scope], to.targets[scope]
	d := &schemaDiff{
		Scope: scope, From: a.Fingerprint, To: b.Fingerprint,
		Differences: []fingerprint.Difference{}, Steps: []plan.Step{}, Refused: []string{}, Notes: []string{},
	}
	if a.Fingerprint == b.Fingerprint {
		if a.Order != b.Order {
			d.Notes = append(d.Notes, "columns stand in another order, which changes nothing")
		}
		return d, nil
	}
	d.Differences = fingerprint.Diff(a.Objects, b.Objects)
	in := plan.Input{URL: s.url, Dev: s.fleet.dev, RuntimeRole: s.fleet.runtimeRole}
	if scope == plan.Public {
		delete(from.targets, plan.Tenant)
		delete(to.targets, plan.Tenant)
	}
	made, err := plan.Between(ctx, in, from.targets, to.targets)
	if err != nil {
		return nil, err
	}
	for _, s := range made.States {
		switch {
		case s.Scope == scope && s.Plan != nil:
			d.Steps, d.Refused = append(d.Steps, s.Plan.Steps...), append(d.Refused, s.Plan.Refused...)
		case s.Plan != nil:
			d.Notes = append(d.Notes, "their shared schemas differ too: compare those with `bailiwick schema diff` of scope public")
		}
	}
	return d, nil
}

func (d *schemaDiff) write(w io.Writer, o diffOptions) error {
	var b strings.Builder
	if len(d.Differences) == 0 {
		fmt.Fprintf(&b, "%s and %s are equal\n", hidden(o.from), hidden(o.to))
	} else {
		fmt.Fprintf(&b, "from %s to %s:\n", hidden(o.from), hidden(o.to))
	}
	for _, x := range d.Differences {
		what := strings.TrimSpace(string(x.Kind) + " " + x.Name)
		switch {
		case x.From == "":
			b.WriteString("  + " + what + "\n")
		case x.To == "":
			b.WriteString("  - " + what + "\n")
		default:
			b.WriteString("  ~ " + strings.ReplaceAll(x.Explain(), "\n", "\n    ") + "\n")
		}
	}
	if len(d.Differences) > 0 {
		b.WriteByte('\n')
	}
	out := &planWriter{b: &b, alone: true}
	out.steps("statements", d.Steps)
	out.list("what these statements do not do", d.Refused)
	for _, note := range d.Notes {
		b.WriteString("note: " + note + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return wrapPrint(err)
}
