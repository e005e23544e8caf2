//go:build cgo

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/plan/planfile"
	"github.com/bailiwick-dev/bailiwick/internal/project"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// statusBehind is the exit status of commands that find the fleet, or one of two
// schemas, other than it should be. It is also that of a wrong command line,
// which prints no findings.
const statusBehind = 2

func newSchemaCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "schema",
		Short: "Compare, plan and roll out changes of the schema",
		Long: `schema brings the shared schema and every tenant's to what the project's files
say, which is called the desired state.

The database is the one of DATABASE_OWNER_URL. Without it, it is the url that
atlas.hcl names, and without that the project's development instance. Scratch
databases, in which plans are tried, are made on the server of atlas.hcl's dev,
or else on the same server.`,
		Example: `  bailiwick schema drift
  bailiwick schema plan --save
  bailiwick schema apply`,
	})
	cmd.AddCommand(newSchemaDriftCommand(), newSchemaPlanCommand(), newSchemaDiffCommand())
	cmd.AddCommand(newSchemaStatusCommand(), newSchemaApplyCommand(), newSchemaResumeCommand())
	cmd.AddCommand(newSchemaPauseCommand(), newSchemaRollbackCommand())
	return cmd
}

// fleet is what the commands of "bailiwick schema" work on.
type fleet struct {
	project *project.Project
	atlas   *atlas.Config
	schema  catalog.Schema // the desired state, as SQL
	// catalog is open within withFleet and readFleet only.
	catalog *catalog.Catalog
	// url is the owner's connection string, and dev that of a server for scratch
	// databases; empty means the same server.
	url, dev    string
	runtimeRole string
	// later, within withFleet and readFleet, is what they wait for in the end.
	later *errgroup.Group
}

// loadFleet reads the project's files, and finds no database yet.
func loadFleet(cmd *cobra.Command) (f *fleet, err error) {
	f = &fleet{}
	if err := checkEnvironment(); err != nil {
		return nil, err
	}
	if f.project, err = loadProject(cmd); err != nil {
		return nil, err
	}
	if f.schema, err = projectSchema(f.project); err != nil {
		return nil, err
	}
	if f.atlas, err = atlas.Load(cmd.Context(), f.project, atlas.Options{}); err != nil {
		return nil, err
	}
	f.dev = cmp.Or(f.atlas.Tenant.Dev, f.atlas.Public.Dev)
	f.runtimeRole, err = runtimeRole()
	return f, err
}

// withFleet loads the project and opens the database that it is deployed to. A
// development instance that was never started is not made for it.
func withFleet(cmd *cobra.Command, do func(context.Context, *fleet) error) error {
	f, err := loadFleet(cmd)
	if err != nil {
		return err
	}
	f.url = cmp.Or(os.Getenv("DATABASE_OWNER_URL"), f.atlas.Tenant.URL, f.atlas.Public.URL)
	if f.url != "" {
		return f.open(cmd.Context(), do)
	}
	instance, err := resumeDev(cmd)
	if err != nil {
		return err
	}
	f.url, f.runtimeRole = instance.OwnerURL(devpg.Database), devpg.RuntimeRole
	return errors.Join(f.open(cmd.Context(), do), instance.Close())
}

// runtimeRole is the role of DATABASE_URL, or the catalog's default.
func runtimeRole() (string, error) {
	service := os.Getenv("DATABASE_URL")
	if service == "" {
		return catalog.DefaultRuntimeRole, nil
	}
	parsed, err := pgconn.ParseConfig(service)
	if err != nil {
		return "", fmt.Errorf("DATABASE_URL: %w", err)
	}
	return cmp.Or(parsed.User, catalog.DefaultRuntimeRole), nil
}

func (f *fleet) open(ctx context.Context, do func(context.Context, *fleet) error) error {
	config := catalog.Config{URL: f.url, RuntimeRole: f.runtimeRole, Schema: f.schema}
	return useCatalog(ctx, config, func(ctx context.Context, c *catalog.Catalog) error {
		f.catalog, f.later = c, &errgroup.Group{}
		err := do(ctx, f)
		return errors.Join(err, f.later.Wait())
	})
}

// noRegistry adds to an error what to do about a database without tenants.
func noRegistry(err error) error {
	if tenant.CodeOf(err) != tenant.CodeSchema {
		return err
	}
	return fmt.Errorf("%w\n\tmend: the database has no tenants yet; `bailiwick tenant create SLUG` makes one", err)
}

// tenants lists those with the given slugs, or else all that have a schema.
func (f *fleet) tenants(ctx context.Context, slugs []string) ([]catalog.Record, error) {
	all, err := f.catalog.Registered(ctx)
	if err != nil {
		return nil, noRegistry(err)
	}
	if len(slugs) == 0 {
		gone := func(r catalog.Record) bool { return r.State == "offboarding" || r.State == "purged" }
		return slices.DeleteFunc(all, gone), nil
	}
	list := make([]catalog.Record, 0, len(slugs))
	for _, slug := range slugs {
		i := slices.IndexFunc(all, func(r catalog.Record) bool { return r.Slug == slug })
		if i < 0 {
			return nil, fmt.Errorf("there is no tenant %s\n\tmend: `bailiwick tenant list` shows those that there are", slug)
		}
		list = append(list, all[i])
	}
	return list, nil
}

// input is what planning takes, for the given tenants.
func (f *fleet) input(tenants []catalog.Record, p *progress) (plan.Input, error) {
	in, err := f.desired(p)
	if err != nil {
		return in, err
	}
	in.Tenants = tenants
	in.Files, err = planfile.Load(f.project)
	return in, err
}

// desired is what it takes to make the desired state.
func (f *fleet) desired(p *progress) (plan.Input, error) {
	in := plan.Input{
		URL: f.url, Dev: f.dev, RuntimeRole: f.runtimeRole,
		Policy: map[plan.Scope]atlas.Policy{plan.Public: f.atlas.Public.Diff, plan.Tenant: f.atlas.Tenant.Diff},
	}
	if f.later != nil {
		in.Later = func(do func() error) { f.later.Go(do) }
	}
	if p != nil {
		in.Progress = func(now plan.Progress) { p.show(now.Stage, now.Done, now.Total) }
	}
	err := setFiles(&in, f.project)
	return in, err
}

// setFiles makes a project's schema files the desired state.
func setFiles(in *plan.Input, p *project.Project) (err error) {
	if p.Public == nil {
		return fmt.Errorf("%s has no block for the shared schema, which holds the registry of tenants", project.SQLCFile)
	}
	public, own := schemaFiles(p)
	if in.Public, err = lintFiles(p, public); err != nil {
		return err
	}
	in.Tenant, err = lintFiles(p, own)
	return err
}

// schemaFiles are those of the shared schema, and the tenants' own.
func schemaFiles(p *project.Project) (public, own []string) {
	own = slices.DeleteFunc(slices.Clone(p.Tenant.Schema), func(file string) bool {
		return slices.Contains(p.Public.Schema, file)
	})
	return p.Public.Schema, own
}

func lintFiles(p *project.Project, names []string) ([]lint.File, error) {
	files := make([]lint.File, 0, len(names))
	for _, name := range names {
		text, err := readAll(p, []string{name})
		if err != nil {
			return nil, err
		}
		files = append(files, lint.File{Name: name, Text: text})
	}
	return files, nil
}
