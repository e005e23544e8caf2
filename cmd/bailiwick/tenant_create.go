//go:build cgo

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/hook"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

type createOptions struct {
	params   catalog.CreateParams
	file     string
	parallel int
	asJSON   bool
}

func newTenantCreateCommand() *cobra.Command {
	var o createOptions
	cmd := &cobra.Command{
		Use:   "create [SLUG]",
		Short: "Create tenants: row, role, schema, grants and first rows, in one transaction",
		Long: `create makes a tenant in one transaction, so that a failure leaves nothing
behind. It never adopts a schema or a role that exists. The slug becomes the
tenant's label in host names: a-z, 0-9 and inner hyphens.

The schema is what was rolled out last: a change of the project's files comes to
tenants, new ones as well, by "bailiwick schema apply". The first tenant of all is
made of the files, as sqlc.yaml and bailiwick.yaml name them. The shared schema is
installed first where it is not, with the rows of the file ` + seedFile + ` beside
it, and the tenant's first rows come from ` + tenantSeedFile + `.
The role of DATABASE_URL, or else ` + catalog.DefaultRuntimeRole + `, becomes a member of the
tenant's role, so that the service can work for the tenant.

--key makes it safe to repeat: the same key is the same tenant, and what it was
made with has to be the same.

--file creates many, several at once. It is CSV whose first line names the columns
slug, name, plan, email and key, or one JSON object a line. Those without a key are
told by their slug, so that the same command again makes what is missing: after a
failure, or after Ctrl-C, which finishes those in hand; and also where the tenant
that it has made was renamed or purged since. Progress, and what fails, is told on stderr.

Exit status: 0 when the tenant is there, also from before, 1 when nothing was made, of many when one
of them is missing, 2 when the command line is wrong.`,
		Example: `  bailiwick tenant create initech --plan free --email ann@initech.example
  bailiwick tenant create initech --name "Initech Inc." --plan team --json
  bailiwick tenant create --file tenants.csv --parallel 4`,
		Args:              o.check,
		ValidArgsFunction: completeWith(completeNone),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.file != "" {
				return createMany(cmd, o)
			}
			o.params.Slug = args[0]
			return createOne(cmd, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.params.Name, "name", "", "the tenant's name for people (default: the slug)")
	f.StringVar(&o.params.Plan, "plan", "", "the tenant's plan, one of public.plans; with --file for those that name none")
	f.StringVar(&o.params.OwnerEmail, "email", "", "the e-mail of the tenant's owner, for its first rows")
	f.StringVar(&o.params.Key, "key", "", "an idempotency key: with the same one it is the same tenant")
	f.StringVar(&o.file, "file", "", "create the tenants of a file, or of the standard input: -")
	f.IntVar(&o.parallel, "parallel", defaultParallel, "how many tenants to make at once")
	f.BoolVar(&o.asJSON, "json", false, "print the tenant, or what became of all, as a JSON object")
	completeFlag(cmd, "plan", completePlans)
	for _, name := range []string{columnName, columnEmail, columnKey, "parallel"} {
		completeFlag(cmd, name, completeNone)
	}
	return cmd
}

func (o *createOptions) check(cmd *cobra.Command, args []string) error {
	if o.file == "" {
		if len(args) == 0 {
			return usagef(cmd, "%s needs SLUG or --file", cmd.CommandPath())
		}
		return oneArg("SLUG")(cmd, args)
	}
	for _, name := range []string{columnName, columnEmail, columnKey} {
		if cmd.Flags().Changed(name) {
			return usagef(cmd, "--%s is for one tenant: with --file it is a column", name)
		}
	}
	if len(args) > 0 {
		return usagef(cmd, "with --file there is no SLUG, and was %q", args[0])
	}
	if o.parallel < 1 {
		return usagef(cmd, "--parallel is at least 1, and was %d", o.parallel)
	}
	return nil
}

func createOne(cmd *cobra.Command, o createOptions) error {
	if _, err := tenant.ParseNewSlug(o.params.Slug); err != nil {
		return mendSlug(o.params.Slug, err) // before a database is started for it
	}
	return installed(cmd, func(ctx context.Context, c *catalog.Catalog, schema catalog.Schema) error {
		already, err := madeBefore(ctx, c, o.params.Key)
		if err != nil {
			return err
		}
		t, err := c.Create(ctx, o.params)
		if err != nil {
			return mendCreate(ctx, c, o.params.Slug, o.params.Key, err)
		}
		record, err := c.Find(ctx, catalog.Ref{ID: t.ID})
		if err != nil {
			return err
		}
		if o.params.OwnerEmail == "" {
			warnOwnerless(cmd, schema, o.params.Slug)
		}
		return writeStep(cmd, record, already, o.asJSON)
	})
}

// madeBefore tells whether a tenant was made with the key.
func madeBefore(ctx context.Context, c *catalog.Catalog, key string) (bool, error) {
	if key == "" {
		return false, nil
	}
	_, err := c.MadeBy(ctx, key)
	if tenant.CodeOf(err) == tenant.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}

// warnOwnerless says that nobody can enter tenants that were given no owner's
// address, where their first rows are made of it.
func warnOwnerless(cmd *cobra.Command, schema catalog.Schema, slugs ...string) {
	if len(slugs) > 0 && strings.Contains(schema.TenantSeed, "bailiwick.owner_email") {
		cmd.PrintErrf("warning: %s: without an e-mail address of the owner, of whom %s makes the first member, nobody may be able to enter\n"+
			"\tmend: let somebody in by a maintenance query: `bailiwick tenant exec --help`\n", shorten(slugs), tenantSeedFile)
	}
}

// createMany creates the tenants of a file. A slug that can't be one stops it
// before anything is made.
func createMany(cmd *cobra.Command, o createOptions) error {
	rows, err := readTenantFile(cmd, o.file)
	if err != nil {
		return err
	}
	var wrong []error
	for _, r := range rows {
		if r.ID != "" {
			wrong = append(wrong, fmt.Errorf("%s: line %d: a new tenant has no id", o.file, r.line))
		}
		if _, err := tenant.ParseNewSlug(r.Slug); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: line %d: %w", o.file, r.line, err))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w\n\tmend: correct the file; nothing was made", errors.Join(wrong...))
	}
	return installed(cmd, func(ctx context.Context, c *catalog.Catalog, schema catalog.Schema) error {
		var ownerless []string
		records, err := c.List(ctx)
		if err != nil {
			return err
		}
		index := newTenantIndex(records)
		b := bulk{action: catalog.ActionCreate, run: newRun(), parallel: o.parallel, next: "the same command again does what is left"}
		for _, row := range rows {
			if row.Email == "" {
				ownerless = append(ownerless, row.Slug)
			}
			b.tasks = append(b.tasks, bulkTask{who: row.Slug, do: func(ctx context.Context) (bool, error) {
				return createRow(ctx, c, index, row, o.params.Plan)
			}})
		}
		warnOwnerless(cmd, schema, ownerless...)
		return b.execute(ctx, cmd).finish(cmd, o.asJSON)
	}, atOnce(o.parallel))
}

func createRow(ctx context.Context, c *catalog.Catalog, index tenantIndex, row tenantRow, plan string) (made bool, err error) {
	key := row.Key
	if key == "" {
		if key, err = keyOf(ctx, c, row.Slug); err != nil {
			return false, err
		}
	}
	t, err := c.Create(ctx, catalog.CreateParams{
		Slug: row.Slug, Name: row.Name, Plan: cmp.Or(row.Plan, plan), OwnerEmail: row.Email, Key: key,
	})
	if err != nil {
		return false, mendCreate(ctx, c, row.Slug, key, err)
	}
	_, before := index.ids[t.ID]
	return !before, nil
}

// keyOf is the idempotency key of a row that has none. It is of the slug; where the
// tenant that was made by that one is purged or has another slug by now, it is of
// the slug and that tenant, and so on. So whoever asks at the same time, or again
// after a crash, comes to the same key.
func keyOf(ctx context.Context, c *catalog.Catalog, slug string) (string, error) {
	key := "file:" + slug
	for {
		r, err := c.MadeBy(ctx, key)
		switch {
		case tenant.CodeOf(err) == tenant.CodeNotFound:
			return key, nil
		case err != nil:
			return "", err
		case r.State != catalog.StatePurged && r.Slug == slug:
			return key, nil
		}
		key = "file:" + slug + ":after:" + r.ID.String()
	}
}

// installed opens the registry with the project's schema, and installs the shared
// one where it is not.
func installed(cmd *cobra.Command, do func(context.Context, *catalog.Catalog, catalog.Schema) error, set ...func(*catalog.Config)) error {
	actor, err := actorOf(cmd)
	if err != nil {
		return err
	}
	loaded, err := loadProject(cmd)
	if err != nil {
		return err
	}
	config := catalog.Config{Hooks: hook.Commands(loaded, sayTo(cmd))}
	if config.Schema, err = projectSchema(loaded); err != nil {
		return err
	}
	for _, set := range set {
		set(&config)
	}
	return withCatalog(cmd, config, startDev, func(ctx context.Context, c *catalog.Catalog) error {
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
		return do(catalog.WithActor(ctx, actor), c, config.Schema)
	})
}
