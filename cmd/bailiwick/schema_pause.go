//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/rollout"
)

func newSchemaPauseCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "pause",
		Short: "Stop a rollout after the schemas in hand, wherever it runs",
		Long: `pause tells whoever works on the rollout, on this machine or another, to finish
the schemas in hand and to begin no others. It does not wait for that: a backfill
in hand runs to its end, and until then the status says who is at work. "bailiwick schema resume" goes on.

Exit status: 0 when the rollout is paused or has stopped by itself, 1 when there
is none, 2 when the command line is wrong.`,
		Example: `  bailiwick schema pause`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withFleet(cmd, func(ctx context.Context, f *fleet) error {
				return withEngine(ctx, rollout.Config{URL: f.url}, func(engine *rollout.Engine) error {
					return pauseRollout(ctx, cmd, engine, asJSON)
				})
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the rollout as a JSON object")
	return cmd
}

func pauseRollout(ctx context.Context, cmd *cobra.Command, engine *rollout.Engine, asJSON bool) error {
	s, err := engine.Pause(ctx)
	if errors.Is(err, rollout.ErrNone) {
		return errNoRollout
	}
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), s)
	}
	if s.Holder != "" && s.State == rollout.Paused {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "pausing rollout %d: %s finishes the schemas in hand\nnext: bailiwick schema status\n", s.ID, s.Holder)
		return wrapPrint(err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "rollout %d is %s\nnext: bailiwick schema resume\n", s.ID, s.Condition())
	return wrapPrint(err)
}
