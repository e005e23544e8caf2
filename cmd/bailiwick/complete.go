//go:build cgo

package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// completionPatience is how long a shell waits for a database at the Tab key.
const completionPatience = time.Second

// completeWith completes the first argument, or a flag, from a list that is
// fetched anew. What can't be fetched completes to nothing: a shell has no place
// for an error.
func completeWith(list func(*cobra.Command) []cobra.Completion) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 && !strings.HasPrefix(typed, "-") {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return list(cmd), cobra.ShellCompDirectiveNoFileComp
	}
}

func completeTenants(cmd *cobra.Command) (all []cobra.Completion) {
	withRunningCatalog(cmd, func(ctx context.Context, c *catalog.Catalog) error {
		records, err := c.List(ctx)
		for _, r := range records {
			all = append(all, cobra.CompletionWithDesc(r.Slug, r.Name))
		}
		return err
	})
	return all
}

func completePlans(cmd *cobra.Command) (all []cobra.Completion) {
	withRunningCatalog(cmd, func(ctx context.Context, c *catalog.Catalog) (err error) {
		all, err = c.Plans(ctx)
		return err
	})
	return all
}

func completeRules(*cobra.Command) (all []cobra.Completion) {
	for _, rule := range lint.Rules() {
		all = append(all, cobra.CompletionWithDesc(rule.Name, rule.Doc))
	}
	return all
}

// completeNone is for arguments of which only the user knows.
func completeNone(*cobra.Command) []cobra.Completion { return nil }

// completeFlag gives a flag its completion.
func completeFlag(cmd *cobra.Command, flag string, list func(*cobra.Command) []cobra.Completion) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return list(cmd), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil { // the flag is not defined: no user can cause or mend it
		cmd.RunE = func(*cobra.Command, []string) error { return err }
	}
}

// withRunningCatalog asks the registry if it answers at once, and starts nothing.
func withRunningCatalog(cmd *cobra.Command, do func(context.Context, *catalog.Catalog) error) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	if err := askRunningCatalog(ctx, cmd, do); err != nil {
		cobra.CompDebugln(err.Error(), false) // goes to the file that BASH_COMP_DEBUG_FILE names
	}
}

func askRunningCatalog(ctx context.Context, cmd *cobra.Command, do func(context.Context, *catalog.Catalog) error) error {
	if url := os.Getenv("DATABASE_OWNER_URL"); url != "" {
		return useCatalog(ctx, catalog.Config{URL: url}, do)
	}
	dir, err := projectDir(cmd)
	if err != nil {
		return err
	}
	instance, err := devpg.Attach(ctx, devpg.Options{Name: devpg.Dev, Project: dir})
	if err != nil {
		return err
	}
	return errors.Join(useCatalog(ctx, catalog.Config{URL: instance.OwnerURL(devpg.Database)}, do), instance.Close())
}
