//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/project"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

func newTenantDeliverCommand() *cobra.Command {
	var asJSON bool
	var forget string
	cmd := &cobra.Command{
		Use:   "deliver",
		Short: "Tell the hooks what they have not heard of yet",
		Long: `deliver runs the commands under hooks in bailiwick.yaml for the steps that they
have not heard of and are due: because they failed, because the tool died before
it could tell them, or because somebody else has taken the step, such as a
service. A command that fails is tried again by a later deliver, after a while
that grows up to an hour. Call it every minute, by cron or a systemd timer.

A hook hears of each step at least once, and of the steps of one tenant in their
order. It knows a step that it hears of again by the id of the event.

The database knows the hooks by their names, and keeps for each what it has not
heard. --forget ends that for one that is no longer in bailiwick.yaml.

Exit status: 0 when all that is due was told, 1 when a hook failed, 2 when the
command line is wrong.`,
		Example: `  bailiwick tenant deliver
  bailiwick tenant deliver --json | jq .told`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return operate(cmd, func(ctx context.Context, c *catalog.Catalog) error {
				if forget != "" {
					return forgetHook(ctx, cmd, c, forget)
				}
				told, err := c.Deliver(ctx)
				return errors.Join(writeDelivered(cmd, told, err, asJSON), err)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was told as a JSON object")
	cmd.Flags().StringVar(&forget, "forget", "", "forget the hook of this name, with what it has not heard of")
	completeFlag(cmd, "forget", completeNone)
	return cmd
}

// forgetHook forgets a hook that is there no more.
func forgetHook(ctx context.Context, cmd *cobra.Command, c *catalog.Catalog, name string) error {
	p, err := loadProject(cmd)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(p.Hooks, func(h project.Hook) bool { return h.Name == name }) {
		return fmt.Errorf("hook %s is in %s\n\tmend: take it out there first", name, project.ConfigFile)
	}
	return c.ForgetHook(ctx, name)
}

func writeDelivered(cmd *cobra.Command, told int, failed error, asJSON bool) error {
	if asJSON {
		report := struct {
			Told  int    `json:"told"`
			Error string `json:"error,omitempty"`
		}{Told: told}
		if failed != nil {
			report.Error = failed.Error()
		}
		return writeJSON(cmd.OutOrStdout(), report)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "told hooks of %s\n", plural(told, "step"))
	return wrapPrint(err)
}
