//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// withCatalog opens the registry that the environment names, or that of the
// development instance.
func withCatalog(cmd *cobra.Command, schema catalog.Schema, do func(context.Context, *catalog.Catalog) error) error {
	if err := checkEnvironment(); err != nil {
		return err
	}
	config := catalog.Config{URL: os.Getenv("DATABASE_OWNER_URL"), Schema: schema}
	if config.URL == "" {
		instance, err := startDev(cmd)
		if err != nil {
			return err
		}
		config.URL, config.RuntimeRole = instance.OwnerURL(devpg.Database), devpg.RuntimeRole
		return errors.Join(useCatalog(cmd.Context(), config, do), instance.Close())
	}
	if service := os.Getenv("DATABASE_URL"); service != "" {
		parsed, err := pgconn.ParseConfig(service)
		if err != nil {
			return fmt.Errorf("DATABASE_URL: %w", err)
		}
		config.RuntimeRole = parsed.User
	}
	return useCatalog(cmd.Context(), config, do)
}

func useCatalog(ctx context.Context, config catalog.Config, do func(context.Context, *catalog.Catalog) error) error {
	c, err := catalog.Open(ctx, config)
	pg, answered := errors.AsType[*pgconn.PgError](err)
	switch {
	case answered && (pg.Code == "28P01" || pg.Code == "28000"):
		err = fmt.Errorf("%w\n\tmend: see to the user and the password in the connection string, and to the server's pg_hba.conf", err)
	case tenant.CodeOf(err) == tenant.CodeUnavailable:
		err = fmt.Errorf("%w\n\tmend: see whether PostgreSQL is up there, and whether the connection string leads to it", err)
	}
	if err != nil {
		return err
	}
	defer c.Close()
	return do(ctx, c)
}

// readCatalog is withCatalog for those who only read: an instance that was never
// started is not made for them.
func readCatalog(cmd *cobra.Command, do func(context.Context, *catalog.Catalog) error) error {
	if os.Getenv("DATABASE_OWNER_URL") != "" {
		err := withCatalog(cmd, catalog.Schema{}, do)
		if tenant.CodeOf(err) == tenant.CodeSchema {
			return fmt.Errorf("%w\n\tmend: the database has no tenants yet; `bailiwick tenant create SLUG` makes one", err)
		}
		return err
	}
	instance, err := resumeDev(cmd)
	if err != nil {
		return err
	}
	err = useCatalog(cmd.Context(), catalog.Config{URL: instance.OwnerURL(devpg.Database)}, do)
	if tenant.CodeOf(err) == tenant.CodeSchema {
		err = errNoTenants
	}
	return errors.Join(err, instance.Close())
}

// errNoTenants is what there is to say of a development instance without tenants.
var errNoTenants = errors.New("the development instance has no tenants yet; `go run ./server` makes them, or `bailiwick tenant create SLUG` one")

// resumeDev attaches to the project's development instance, or starts it again.
func resumeDev(cmd *cobra.Command) (*devpg.Instance, error) {
	o, err := devOptions(cmd)
	if err != nil {
		return nil, err
	}
	instance, err := devpg.Resume(cmd.Context(), o)
	if errors.Is(err, devpg.ErrNotRunning) {
		return nil, errNoTenants
	}
	return instance, err
}

// startDev starts the project's development instance, or attaches to it.
func startDev(cmd *cobra.Command) (*devpg.Instance, error) {
	o, err := devOptions(cmd)
	if err != nil {
		return nil, err
	}
	return devpg.Start(cmd.Context(), o)
}

func devOptions(cmd *cobra.Command) (devpg.Options, error) {
	dir, err := projectDir(cmd)
	return devpg.Options{
		Name: devpg.Dev, Project: dir,
		Log: func(format string, args ...any) { cmd.PrintErrf(format+"\n", args...) },
	}, err
}

// mendCreate adds the choice to an error about the plan, and what to do about a
// slug that is taken.
func mendCreate(ctx context.Context, c *catalog.Catalog, slug string, err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	missing := ok && pg.Code == "23502" && pg.ColumnName == "plan"
	unknown := ok && pg.Code == "23503" && pg.TableName == "tenants"
	if tenant.CodeOf(err) == tenant.CodeConflict {
		if _, absent := c.Get(ctx, slug); absent != nil {
			return err // what is there already is the role or the schema
		}
		return fmt.Errorf("%w\n\tmend: take another slug; `bailiwick tenant show %s` shows who has this one", err, slug)
	}
	if !missing && !unknown {
		return err
	}
	plans, errPlans := c.Plans(ctx)
	if errPlans != nil || len(plans) == 0 {
		return errors.Join(err, errPlans)
	}
	return fmt.Errorf("%w\n\tmend: --plan %s", err, strings.Join(plans, ", --plan "))
}

// noLabel is what a slug may not have.
var noLabel = regexp.MustCompile("[^a-z0-9]+")

// mendSlug adds the nearest slug that is allowed, if there is one at hand.
func mendSlug(slug string, err error) error {
	near := strings.Trim(noLabel.ReplaceAllString(strings.ToLower(slug), "-"), "-")
	if _, wrong := tenant.ParseSlug(near); wrong == nil {
		return fmt.Errorf("%w\n\tmend: `bailiwick tenant create %s`", err, near)
	}
	return fmt.Errorf("%w\n\tmend: take another slug, such as acme; --name takes the tenant's full name", err)
}
