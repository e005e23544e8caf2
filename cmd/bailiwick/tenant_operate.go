//go:build cgo

package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"os/user"
	"sync"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/hook"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// actorVariable names whoever calls, for the audit.
const actorVariable = "BAILIWICK_ACTOR"

// defineActor adds the flag to the group of commands that change tenants.
func defineActor(cmd *cobra.Command) {
	cmd.PersistentFlags().String("actor", "", "who does it, for the audit (default: "+actorVariable+", or cli: and the user of the system)")
}

// actorOf is who calls.
func actorOf(cmd *cobra.Command) (string, error) {
	given, err := cmd.Flags().GetString("actor")
	if err != nil {
		return "", fmt.Errorf("read --actor: %w", err)
	}
	name := os.Getenv("USER")
	if me, err := user.Current(); err == nil {
		name = me.Username
	}
	return cmp.Or(given, os.Getenv(actorVariable), "cli:"+cmp.Or(name, "unknown")), nil
}

// operate opens the registry for what changes tenants, and adds what an earlier
// version has not made of it.
func operate(cmd *cobra.Command, do func(context.Context, *catalog.Catalog) error, set ...func(*catalog.Config)) error {
	return inspect(cmd, func(ctx context.Context, c *catalog.Catalog) error {
		if err := completeLedger(ctx, c); err != nil {
			return err
		}
		return do(ctx, c)
	}, set...)
}

// inspect opens the registry with the project's hooks, and in the name of whoever
// calls. A development instance that was never started is not made for it.
func inspect(cmd *cobra.Command, do func(context.Context, *catalog.Catalog) error, set ...func(*catalog.Config)) error {
	actor, err := actorOf(cmd)
	if err != nil {
		return err
	}
	p, err := loadProject(cmd)
	if err != nil {
		return err
	}
	config := catalog.Config{Hooks: hook.Commands(p, sayTo(cmd))}
	for _, set := range set {
		set(&config)
	}
	return noRegistryYet(withCatalog(cmd, config, resumeDev, func(ctx context.Context, c *catalog.Catalog) error {
		return do(catalog.WithActor(ctx, actor), c)
	}))
}

// atOnce gives each of the tenants that are worked on at once a connection.
func atOnce(parallel int) func(*catalog.Config) {
	return func(config *catalog.Config) { config.MaxConns = int32(min(parallel, math.MaxInt32)) } //nolint:gosec // It is bounded, and at least 1.
}

// completeLedger adds what an earlier version has not made of Bailiwick's own tables.
func completeLedger(ctx context.Context, c *catalog.Catalog) error {
	if has, err := c.HasLedger(ctx); err != nil || has {
		return err
	}
	if _, known, err := c.Current(ctx, catalog.ScopePublic); err != nil || !known {
		return err // there is no registry at all, as whatever comes next will say
	}
	return c.InstallLedger(ctx)
}

// refOf reads what the user calls a tenant: its id, or its slug. No new slug has the
// form of an id; a tenant that has such a slug from before is named by its own id.
func refOf(given string, revision int64) catalog.Ref {
	if id, err := tenant.ParseID(given); err == nil {
		return catalog.Ref{ID: id, Revision: revision}
	}
	return catalog.Ref{Slug: given, Revision: revision}
}

// called is what the user calls a tenant.
func called(ref catalog.Ref) string {
	if ref.Slug != "" {
		return ref.Slug
	}
	return ref.ID.String()
}

// mendMissing says how to find the tenants that there are.
func mendMissing(err error) error {
	if tenant.CodeOf(err) == tenant.CodeNotFound {
		return fmt.Errorf("%w\n\tmend: `bailiwick tenant list` shows those that there are", err)
	}
	return err
}

// sayTo prints lines on stderr, of several tenants at once.
func sayTo(cmd *cobra.Command) func(format string, args ...any) {
	var mu sync.Mutex
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		cmd.PrintErrf(format+"\n", args...)
	}
}
