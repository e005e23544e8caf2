//go:build cgo

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

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
atlas.hcl names, and without that the project's development instance.`,
		Example: `  bailiwick schema drift
  bailiwick schema plan --save
  bailiwick schema apply`,
	})
	return cmd
}

// fleet is what the commands of "bailiwick schema" work on.
type fleet struct {
	project *project.Project
	schema  catalog.Schema // the desired state, as SQL
	catalog *catalog.Catalog
	// url is the owner's connection string.
	url         string
	runtimeRole string
}

// withFleet loads the project and opens the database that it is deployed to. A
// development instance that was never started is not made for it.
func withFleet(cmd *cobra.Command, do func(context.Context, *fleet) error) error {
	f := &fleet{}
	var err error
	if f.project, err = loadProject(cmd); err != nil {
		return err
	}
	if f.schema, err = projectSchema(f.project); err != nil {
		return err
	}
	f.url = os.Getenv("DATABASE_OWNER_URL")
	if f.url != "" {
		if f.runtimeRole, err = runtimeRole(); err != nil {
			return err
		}
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
	err := useCatalog(ctx, config, func(ctx context.Context, c *catalog.Catalog) error {
		f.catalog = c
		return do(ctx, f)
	})
	if tenant.CodeOf(err) == tenant.CodeSchema {
		return fmt.Errorf("%w\n\tmend: the database has no tenants yet; `bailiwick tenant create SLUG` makes one", err)
	}
	return err
}

// tenants lists those with the given slugs, or all.
func (f *fleet) tenants(ctx context.Context, slugs []string) ([]catalog.Record, error) {
	if len(slugs) == 0 {
		return f.catalog.List(ctx)
	}
	list := make([]catalog.Record, 0, len(slugs))
	for _, slug := range slugs {
		record, err := f.catalog.Get(ctx, slug)
		if tenant.CodeOf(err) == tenant.CodeNotFound {
			err = fmt.Errorf("%w\n\tmend: `bailiwick tenant list` shows those that there are", err)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, record)
	}
	return list, nil
}
