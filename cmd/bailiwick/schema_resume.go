//go:build cgo

package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/rollout"
)

type resumeOptions struct {
	rolloutFlags

	breakRelease []string
}

func newSchemaResumeCommand() *cobra.Command {
	var o resumeOptions
	cmd := &cobra.Command{
		Use:   "resume",
		Short: "Go on with a rollout that was paused, failed or left behind",
		Long: `resume goes on with the rollout that is not finished, whichever way it was
stopped, by the plans that it was started with. What failed is tried again, what
is done is verified and not done again, and schemas that were changed by hand
meanwhile are left alone and reported.

Two at once do no harm: the second one says who is at work. A process that died
counts as working for some seconds more.

A release that runs only since the rollout began, and whose queries the rest of it
would break, is stood up for as by "bailiwick schema apply".

The flags take the place of those that the rollout was started with.

Exit status: 0 when all is done, 1 when it is not, 2 when it was paused again.`,
		Example: `  bailiwick schema resume
  bailiwick schema resume --max-failures 10 --lock-timeout 5s`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return resumeRollout(cmd, o) },
	}
	o.define(cmd)
	defineBreakRelease(cmd, &o.breakRelease)
	return cmd
}

func resumeRollout(cmd *cobra.Command, o resumeOptions) error {
	return withFleet(cmd, func(ctx context.Context, f *fleet) error {
		p := newProgress(cmd)
		defer p.close()
		config, err := o.config(cmd, f, p)
		if err != nil {
			return err
		}
		abort, stop := abortOnSecond(cmd, "schemas")
		defer stop()
		config.Abort = abort
		return withEngine(ctx, config, func(engine *rollout.Engine) error {
			found, ok, err := engine.Unfinished(ctx)
			if err != nil {
				return err
			}
			if !ok {
				return errNoRollout
			}
			if err := f.askRest(ctx, engine, found, o.breakRelease); err != nil {
				return err
			}
			return runRollout(ctx, cmd, engine, found.ID, p, o.asJSON)
		})
	})
}

var errNoRollout = errors.New("no rollout is going on\n\tmend: `bailiwick schema apply` begins one, if there is something to do")
