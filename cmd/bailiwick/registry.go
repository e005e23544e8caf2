//go:build cgo

package main

import (
	"cmp"
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
// development instance, which dev starts or attaches to.
func withCatalog(cmd *cobra.Command, config catalog.Config, dev func(*cobra.Command) (*devpg.Instance, error), do func(context.Context, *catalog.Catalog) error) error {
	if err := checkEnvironment(); err != nil {
		return err
	}
	url, err := ownerURL(cmd)
	if err != nil {
		return err
	}
	config.URL = url
	if config.URL == "" {
		instance, err := dev(cmd)
		if err != nil {
			return err
		}
		config.URL, config.RuntimeRole = instance.OwnerURL(devpg.Database), devpg.RuntimeRole
		err = useCatalog(cmd.Context(), config, do)
		return errors.Join(err, instance.Close())
	}
	role, err := runtimeRole()
	if err != nil {
		return err
	}
	config.RuntimeRole = role
	return useCatalog(cmd.Context(), config, do)
}

// ownerURL is the connection string of DATABASE_OWNER_URL; without it there is the
// development instance. One that is set, and empty, is refused as empty flags are.
func ownerURL(cmd *cobra.Command) (string, error) {
	url, set := os.LookupEnv("DATABASE_OWNER_URL")
	switch {
	case set && url == "":
		return "", usageError{"DATABASE_OWNER_URL is empty: is a variable of the shell not set?\n" +
			"\tmend: give it the connection string of the owner role, or `unset DATABASE_OWNER_URL` for the development instance"}
	case !set && os.Getenv("DATABASE_URL") != "":
		cmd.PrintErrln("note: DATABASE_URL is set, and DATABASE_OWNER_URL is not: this is about the development instance")
	}
	return url, nil
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
	return noRegistryYet(withCatalog(cmd, catalog.Config{}, resumeDev, do))
}

// noRegistryYet says what to do about a database without a registry.
func noRegistryYet(err error) error {
	switch {
	case tenant.CodeOf(err) != tenant.CodeSchema:
		return err
	case os.Getenv("DATABASE_OWNER_URL") == "":
		return errNoTenants
	}
	return noRegistry(err)
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
// slug that is taken, or a key that was used.
func mendCreate(ctx context.Context, c *catalog.Catalog, slug, key string, err error) error {
	if tenant.CodeOf(err) != tenant.CodeConflict {
		return mendPlan(ctx, c, err, "--plan ")
	}
	if _, answered := errors.AsType[*pgconn.PgError](err); !answered {
		return mendKey(ctx, c, key, err)
	}
	return mendTaken(ctx, c, slug, err)
}

// mendKey says which tenant was made with an idempotency key that is in the way.
func mendKey(ctx context.Context, c *catalog.Catalog, key string, err error) error {
	if _, refused := errors.AsType[*catalog.RefusedError](err); refused || key == "" {
		return err
	}
	r, errMade := c.MadeBy(ctx, key)
	switch {
	case errMade != nil:
		return err
	case r.State == catalog.StatePurged:
		return fmt.Errorf("%w\n\tmend: take another key; this one was for %s, which was purged at %s", err, cmp.Or(r.FormerSlug, r.ID.String()), momentText(r.PurgedAt))
	}
	return fmt.Errorf("%w\n\tmend: take another key, or give slug, name, plan and email as then; it has made the tenant that is %s now", err, r.Slug)
}

// mendTaken says who has a slug that can't be given, or one that looks like it.
func mendTaken(ctx context.Context, c *catalog.Catalog, slug string, err error) error {
	if pg, answered := errors.AsType[*pgconn.PgError](err); !answered || pg.Code != "23505" {
		return err // what is in the way is something else, such as the role or the schema
	}
	all, errList := c.List(ctx)
	if errList != nil {
		return errors.Join(err, errList)
	}
	for _, r := range all {
		switch {
		case r.Slug == slug:
			return fmt.Errorf("%w\n\tmend: take another slug; `bailiwick tenant show %s` shows who has this one", err, slug)
		case r.State != catalog.StatePurged && tenant.SlugSkeleton(r.Slug) == tenant.SlugSkeleton(slug):
			return fmt.Errorf("%w\n\tmend: take a slug that nobody mistakes for %s, or rename that tenant first", err, r.Slug)
		}
	}
	return err
}

// mendPlan adds the choice of plans to an error about one. The flag is what stands
// before a plan, if anything does.
func mendPlan(ctx context.Context, c *catalog.Catalog, err error, flag string) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok:
		return err
	case pg.Code == "42703" && strings.Contains(pg.Message, `"plan"`):
		if flag != "" {
			return fmt.Errorf("%w\n\tmend: leave --plan out: the shared schema has no plans", err)
		}
		return fmt.Errorf("%w\n\tmend: the shared schema has no plans; give it public.plans, and public.tenants a column plan", err)
	case pg.Code == "23502" && pg.ColumnName == columnPlan, pg.Code == "23503" && pg.TableName == "tenants":
		plans, errPlans := c.Plans(ctx)
		if errPlans != nil || len(plans) == 0 {
			return errors.Join(err, errPlans)
		}
		return fmt.Errorf("%w\n\tmend: %s", err, flag+strings.Join(plans, ", "+flag))
	}
	return err
}

// noLabel is what a slug may not have.
var noLabel = regexp.MustCompile("[^a-z0-9]+")

// mendSlug adds the nearest slug that is allowed, if there is one at hand.
func mendSlug(slug string, err error) error {
	near := strings.Trim(noLabel.ReplaceAllString(strings.ToLower(slug), "-"), "-")
	if _, wrong := tenant.ParseNewSlug(near); wrong == nil {
		return fmt.Errorf("%w\n\tmend: `bailiwick tenant create %s`", err, near)
	}
	return fmt.Errorf("%w\n\tmend: take another slug, such as acme; --name takes the tenant's full name", err)
}
