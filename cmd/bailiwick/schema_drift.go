//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/drift"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
)

type driftOptions struct {
	tenants []string
	url     string
	asJSON  bool
}

func newSchemaDriftCommand() *cobra.Command {
	var o driftOptions
	cmd := &cobra.Command{
		Use:   "drift",
		Short: "Compare every tenant and the shared schema with the desired state",
		Long: `drift reads the structure of public and of every tenant's schema, compares it
with what the project's schema files make, and explains each difference object
by object. Tenants that differ in the same are told once. It changes nothing and
waits for nobody: it takes no lock for longer than a moment.

--url looks at any other database, such as production's from CI, on connections
that can only read. Scratch databases are then made elsewhere: on the server of
atlas.hcl's dev, or in the embedded PostgreSQL, whose major version has to be the
same. A search_path in the URL names a single schema to look at; it is held
against the tenants' desired state, unless it is public.

The order of columns is no difference, since no statement can change it; where it
is all that differs, there is a note.

Exit status: 0 when all is as desired, 2 when anything is not, 1 when it could
not be found out.`,
		Example: `  bailiwick schema drift
  bailiwick schema drift --tenant acme
  bailiwick schema drift --url "$PRODUCTION_URL" --json | jq '.groups[].schemas'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := lookForDrift(cmd, o)
			if err != nil {
				return err
			}
			return writeDrift(cmd, report, o.asJSON)
		},
	}
	cmd.Flags().StringSliceVar(&o.tenants, "tenant", nil, "look at these tenants only, by their slugs")
	cmd.Flags().StringVar(&o.url, "url", "", "connection string of another database to look at, without writing to it")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print the report as a JSON object")
	completeFlag(cmd, "tenant", completeTenants)
	completeFlag(cmd, "url", completeNone)
	return cmd
}

func writeDrift(cmd *cobra.Command, report *drift.Report, asJSON bool) error {
	out := cmd.OutOrStdout()
	var err error
	if asJSON {
		err = writeJSON(out, report)
	} else {
		err = report.Write(out)
	}
	if err != nil || !report.Any() {
		return err
	}
	if !asJSON && len(report.Groups) > 0 {
		if _, err := fmt.Fprintln(out, "next: `bailiwick schema plan` shows what brings them to the desired state"); err != nil {
			return wrapPrint(err)
		}
	}
	return exitError{statusBehind}
}

func lookForDrift(cmd *cobra.Command, o driftOptions) (report *drift.Report, err error) {
	look := func(ctx context.Context, f *fleet) error {
		p := newProgress(cmd)
		defer p.close()
		report, err = f.drift(ctx, o, p)
		return err
	}
	if o.url == "" {
		return report, withFleet(cmd, look)
	}
	return report, withOtherFleet(cmd, o.url, look)
}

// withOtherFleet opens a database that is not the project's own to change.
func withOtherFleet(cmd *cobra.Command, given string, do func(context.Context, *fleet) error) error {
	f, err := loadFleet(cmd)
	if err != nil {
		return err
	}
	if f.url, err = readOnly("--url", given); err != nil {
		return err
	}
	stop, err := f.needDev(cmd)
	if err != nil {
		return err
	}
	return errors.Join(f.open(cmd.Context(), do), stop())
}

// readOnly makes a connection string refuse to write.
func readOnly(what, given string) (string, error) {
	const setting = "default_transaction_read_only"
	if err := checkURL(what, given); err != nil {
		return "", err
	}
	if !strings.Contains(given, "://") {
		return given + " " + setting + "=on", nil
	}
	u, err := url.Parse(given)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	q := u.Query()
	q.Set(setting, "on")
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// drift compares what the options name.
func (f *fleet) drift(ctx context.Context, o driftOptions, p *progress) (report *drift.Report, err error) {
	schemas, err := f.driftSchemas(ctx, o)
	if err != nil {
		return nil, err
	}
	in, err := f.desired(p)
	if err != nil {
		return nil, err
	}
	desired, err := plan.Desired(ctx, in)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.New(ctx, f.url)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer pool.Close()
	return drift.Look(ctx, pool, desired, schemas, parallelReads(), func(done int) { p.show("look at schemas", done, len(schemas)) })
}

// parallelReads is how many connections read at once: more than processors are
// no faster, and the server has other work.
func parallelReads() int { return max(2, min(4, runtime.NumCPU())) }

// driftSchemas lists what is looked at.
func (f *fleet) driftSchemas(ctx context.Context, o driftOptions) ([]drift.Schema, error) {
	config, err := pgx.ParseConfig(f.url)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	public := drift.Schema{Scope: plan.Public, Name: publicName, Label: publicName}
	if path := config.RuntimeParams["search_path"]; o.url != "" && path != "" {
		if path == publicName {
			return []drift.Schema{public}, nil
		}
		return []drift.Schema{{Scope: plan.Tenant, Name: path, Label: path}}, nil
	}
	records, err := f.tenants(ctx, o.tenants)
	if err != nil {
		return nil, err
	}
	var schemas []drift.Schema
	if len(o.tenants) == 0 {
		schemas = append(schemas, public)
	}
	for _, r := range records {
		schemas = append(schemas, drift.Schema{Scope: plan.Tenant, Name: r.Schema, Label: r.Slug})
	}
	return schemas, nil
}

// publicName is the name of the shared schema.
const publicName = "public"
