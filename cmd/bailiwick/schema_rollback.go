//go:build cgo

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/rollout"
)

type rollbackOptions struct {
	rolloutFlags

	tenants      []string
	rollout      int64
	dryRun       bool
	acceptLoss   bool
	breakRelease []string
}

func newSchemaRollbackCommand() *cobra.Command {
	var o rollbackOptions
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "Undo the last rollout, for all or for some tenants",
		Long: `rollback runs the ways back that were found and tried when the rollout was
planned, with the same care: in waves, resumable, each schema in transactions of
its own. Tenants that were made in the new state go back too, and new ones are
then made as before. A rollout that is not finished is abandoned. It says which
rollout it undoes; after a rollback it goes further back only to the rollout that
--rollout names, so that doing it twice does no harm.

Where a plan has no way back the rollback is refused, and says why. A way back
that loses data says which, and wants --accept-loss or an answer.

It is refused too where it would take away what a running release needs: that
release has to be stopped, or replaced, before. --break-release does not wait.

--tenant undoes it for some tenants alone. They are then behind, and the next
"bailiwick schema apply" brings them forward again.

Tenants that are between two steps of their plan, or were changed by hand, are
where no way back begins. They are left out and named, and the exit status is 1.

Exit status: 0 when all is done, 1 when it is not, 2 when work is left on purpose:
by --dry-run or by a pause.`,
		Example: `  bailiwick schema rollback --dry-run
  bailiwick schema rollback --tenant acme
  bailiwick schema rollback --yes --accept-loss
  bailiwick schema rollback --rollout 41`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return rollBack(cmd, o) },
	}
	o.define(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&o.tenants, "tenant", nil, "roll back these tenants only, by their slugs")
	f.Int64Var(&o.rollout, "rollout", 0, "undo this rollout, which must be the last one that is not undone")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the way back, and change nothing")
	f.BoolVar(&o.acceptLoss, "accept-loss", false, "roll back although data is lost")
	f.BoolVar(&o.yes, "yes", false, "don't ask")
	defineBreakRelease(cmd, &o.breakRelease)
	completeFlag(cmd, "tenant", completeTenants)
	completeFlag(cmd, "rollout", completeNone)
	return cmd
}

func rollBack(cmd *cobra.Command, o rollbackOptions) error {
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
			return o.undo(ctx, cmd, f, engine, p)
		})
	})
}

// undo finds the way back, asks and rolls back.
func (o rollbackOptions) undo(ctx context.Context, cmd *cobra.Command, f *fleet, engine *rollout.Engine, p *progress) error {
	if len(o.tenants) > 0 {
		if _, err := f.tenants(ctx, o.tenants); err != nil {
			return err
		}
	}
	back, err := engine.LayoutRollback(ctx, rollout.ID(o.rollout), o.tenants)
	if err != nil {
		return explainRollout(err)
	}
	p.sayf("undoing rollout %d of %s UTC", back.Of.ID, back.Of.CreatedAt.UTC().Format(time.DateTime))
	if back.Partial && back.Total() == 0 && len(back.Left) == 0 && back.Of.Finished() {
		return o.nothing(cmd, back)
	}
	if err := f.askBack(ctx, back, o.breakRelease); err != nil {
		return err
	}
	if o.dryRun {
		return o.show(cmd, back)
	}
	if err := o.consent(cmd, back); err != nil {
		return err
	}
	id, err := engine.StartRollback(ctx, back)
	if err != nil {
		return explainRollout(err)
	}
	err = runRollout(ctx, cmd, engine, id, p, o.asJSON)
	_, exits := errors.AsType[exitError](err)
	if len(back.Left) == 0 || err != nil && !exits {
		return err
	}
	if _, unfinished, errLook := engine.Unfinished(context.WithoutCancel(ctx)); unfinished || errLook != nil {
		return errors.Join(err, errLook)
	}
	return fmt.Errorf("left out, since they are where no way back begins: %s\n\tmend: bring them to what the files say: `bailiwick schema apply`", strings.Join(back.Left, ", "))
}

func (o rollbackOptions) show(cmd *cobra.Command, back *rollout.Rollback) error {
	exit := error(exitError{statusBehind})
	if back.Total() == 0 && len(back.Left) == 0 {
		exit = nil
	}
	if o.asJSON {
		return errors.Join(writeJSON(cmd.OutOrStdout(), back), exit)
	}
	return errors.Join(writeLayout(cmd.OutOrStdout(), &back.Layout, rollbackNotes(back)), exit)
}

// nothing says that none of the tenants is where the rollout led.
func (o rollbackOptions) nothing(cmd *cobra.Command, back *rollout.Rollback) error {
	if o.asJSON {
		return writeJSON(cmd.OutOrStdout(), report{Outcome: &rollout.Outcome{State: rollout.Done}, Failures: []rollout.Failure{}})
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "nothing to undo: %s\n",
		cmp.Or(strings.Join(back.Notes, "; "), "they are where they were before already"))
	return wrapPrint(err)
}

func rollbackNotes(back *rollout.Rollback) []string {
	notes := append([]string{}, back.Notes...)
	for _, loss := range back.Losses {
		notes = append(notes, "data is lost: "+loss)
	}
	return notes
}

// consent shows what is going to happen and asks for it.
func (o rollbackOptions) consent(cmd *cobra.Command, back *rollout.Rollback) error {
	if !o.yes {
		if err := writeLayout(cmd.ErrOrStderr(), &back.Layout, rollbackNotes(back)); err != nil {
			return err
		}
	}
	if o.yes {
		for _, note := range back.Notes {
			cmd.PrintErrln("note: " + note)
		}
	}
	if len(back.Losses) > 0 && o.yes && !o.acceptLoss {
		return fmt.Errorf("data is lost on the way back: %s\n\tmend: say that it may with --accept-loss", strings.Join(back.Losses, "; "))
	}
	flags, question := "--yes", fmt.Sprintf("Undo rollout %d for %s?", back.Of.ID, plural(back.Total(), "schema"))
	if len(back.Losses) > 0 && !o.acceptLoss {
		flags, question = "--yes --accept-loss", fmt.Sprintf("Data is lost: %s. %s", strings.Join(back.Losses, "; "), question)
	}
	return confirm(cmd, o.yes, question, flags)
}
