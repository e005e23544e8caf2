//go:build cgo

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/project"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// seedFile fills the shared schema; it lies beside the file that makes it.
const seedFile = "seed.sql"

func newTenantCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "tenant",
		Short: "Create, list and show tenants",
		Long: `tenant works on the registry of tenants, public.tenants.

The database is the one of DATABASE_OWNER_URL, whose role must own it and may
create roles. Without it, it is the project's development instance, the same as
that of "go run ./server", whether the server runs or not.

Exit status: 0 when it is done, 1 when it is not, 2 when the command line is wrong.`,
		Example: `  bailiwick tenant create initech --name "Initech Inc." --plan team
  bailiwick tenant list
  bailiwick tenant show initech --json | jq -r .schema`,
	})
	cmd.AddCommand(newTenantCreateCommand(), newTenantListCommand(), newTenantShowCommand())
	return cmd
}

func newTenantCreateCommand() *cobra.Command {
	var p catalog.CreateParams
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "create SLUG",
		Short: "Create a tenant: its row, role, schema and grants, in one transaction",
		Long: `create makes a tenant in one transaction, so that a failure leaves nothing
behind. It never adopts a schema or a role that exists. The slug becomes the
tenant's label in host names: a-z, 0-9 and inner hyphens.

The schema comes from the project's files, as sqlc.yaml and bailiwick.yaml name
them. The shared schema is installed first where it is not, with the rows of the
file ` + seedFile + ` beside it. The role of DATABASE_URL, or else ` + catalog.DefaultRuntimeRole + `, becomes
a member of the tenant's role, so that the service can work for the tenant.

Exit status: 0 when the tenant is there, 1 when nothing was made, 2 when the
command line is wrong.`,
		Example: `  bailiwick tenant create initech --plan free
  bailiwick tenant create initech --name "Initech Inc." --plan team --json`,
		Args:              oneArg("SLUG"),
		ValidArgsFunction: completeWith(completeNone),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.Slug = args[0]
			record, err := createTenant(cmd, p)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), record)
			}
			return writeRecord(cmd.OutOrStdout(), record)
		},
	}
	cmd.Flags().StringVar(&p.Name, "name", "", "the tenant's name for people (default: the slug)")
	cmd.Flags().StringVar(&p.Plan, "plan", "", "the tenant's plan, one of public.plans")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the tenant as a JSON object")
	completeFlag(cmd, "plan", completePlans)
	completeFlag(cmd, "name", completeNone)
	return cmd
}

func newTenantListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List all tenants",
		Long: `list prints every tenant of the registry with its state, plan and the version of
its schema, in the order of the slugs.

Exit status: 0 when the registry could be read, 1 otherwise, 2 when the command
line is wrong.`,
		Example: `  bailiwick tenant list
  bailiwick tenant list --json | jq -r '.[] | select(.state == "active") | .slug'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var records []catalog.Record
			err := readCatalog(cmd, func(ctx context.Context, c *catalog.Catalog) (err error) {
				records, err = c.List(ctx)
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), slices.Concat([]catalog.Record{}, records))
			}
			return writeRecords(cmd.OutOrStdout(), records)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the tenants as a JSON array")
	return cmd
}

func newTenantShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show SLUG",
		Short: "Show one tenant",
		Long: `show prints what the registry has of one tenant: its id, which tokens carry, the
name of its schema and role, its state, plan and schema version.

Exit status: 0 when there is such a tenant, 1 otherwise, 2 when the command line
is wrong.`,
		Example: `  bailiwick tenant show acme
  psql "$DATABASE_OWNER_URL" -c "\dt $(bailiwick tenant show acme --json | jq -r .schema).*"`,
		Args:              oneArg("SLUG"),
		ValidArgsFunction: completeWith(completeTenants),
		RunE: func(cmd *cobra.Command, args []string) error {
			var record catalog.Record
			err := readCatalog(cmd, func(ctx context.Context, c *catalog.Catalog) (err error) {
				record, err = c.Get(ctx, args[0])
				return err
			})
			if tenant.CodeOf(err) == tenant.CodeNotFound {
				err = fmt.Errorf("%w\n\tmend: `bailiwick tenant list` shows those that there are", err)
			}
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

func createTenant(cmd *cobra.Command, p catalog.CreateParams) (record catalog.Record, err error) {
	if _, err := tenant.ParseSlug(p.Slug); err != nil {
		return record, mendSlug(p.Slug, err) // before a database is started for it
	}
	loaded, err := loadProject(cmd)
	if err != nil {
		return record, err
	}
	schema, err := projectSchema(loaded)
	if err != nil {
		return record, err
	}
	err = withCatalog(cmd, schema, func(ctx context.Context, c *catalog.Catalog) error {
		if err := c.Install(ctx); err != nil {
			return err
		}
		warnings, err := c.Warnings(ctx)
		if err != nil {
			return err
		}
		for _, warning := range warnings {
			cmd.PrintErrln("warning: " + warning)
		}
		t, err := c.Create(ctx, p)
		if err != nil {
			return mendCreate(ctx, c, p.Slug, err)
		}
		record, err = c.Get(ctx, t.Slug)
		return err
	})
	return record, err
}

// projectSchema reads the desired state from the project's files. What the
// tenants' block of sqlc.yaml has beyond the shared one is the tenants' own.
func projectSchema(p *project.Project) (s catalog.Schema, err error) {
	if p.Public == nil {
		return s, fmt.Errorf("%s has no block for the shared schema, which holds the registry of tenants", project.SQLCFile)
	}
	public, own := schemaFiles(p)
	if s.Public, err = readAll(p, public); err != nil {
		return s, err
	}
	if s.Tenant, err = readAll(p, own); err != nil {
		return s, err
	}
	seed, err := os.ReadFile(filepath.Join(filepath.Dir(p.Abs(p.Public.OwnSchema)), seedFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("read the shared schema's rows: %w", err)
	}
	s.Seed = string(seed)
	return s, nil
}

func readAll(p *project.Project, files []string) (string, error) {
	var b strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(p.Abs(file))
		if err != nil {
			return "", fmt.Errorf("read schema: %w", err)
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	return b.String(), nil
}

func writeRecords(w io.Writer, records []catalog.Record) error {
	if len(records) == 0 {
		_, err := fmt.Fprintln(w, `no tenants; see "bailiwick tenant create --help"`)
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SLUG\tNAME\tSTATE\tPLAN\tVERSION\tSCHEMA") //nolint:errcheck // tabwriter reports it at Flush
	for _, r := range records {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", //nolint:errcheck // likewise
			r.Slug, r.Name, r.State, cmp.Or(r.Plan, "-"), r.Version, r.Schema)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write tenants: %w", err)
	}
	return nil
}

func writeRecord(w io.Writer, r catalog.Record) error {
	created := "-"
	if !r.CreatedAt.IsZero() {
		created = r.CreatedAt.Format(time.RFC3339)
	}
	_, err := fmt.Fprintf(w, "slug     %s\nname     %s\nstate    %s\nplan     %s\nid       %s\nschema   %s\nversion  %s\nnode     %s\nring     %s\ncreated  %s\n",
		r.Slug, r.Name, r.State, cmp.Or(r.Plan, "-"), r.ID, r.Schema, r.Version, r.Node, cmp.Or(r.Ring, "-"), created)
	if err != nil {
		return fmt.Errorf("write tenant: %w", err)
	}
	return nil
}
