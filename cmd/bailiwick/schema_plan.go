//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/plan/planfile"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

type planOptions struct {
	save   bool
	base   string
	asJSON bool
}

func newSchemaPlanCommand() *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what would bring the fleet to the desired state",
		Long: `plan works out one plan for each distinct state that the fleet's schemas are in,
not for each tenant, and tries it in scratch databases: a plan is certified when
it reached the desired state there, on a copy of the state without its rows, and
so is its way back. A way back that a plan file gives has to work too. It shows statements, what lint and the live releases say of
them, the locks that they take, and what the way back loses.

What can't be worked out, such as a rename or a backfill, is written by hand:
--save writes each plan into the folder plans beside the tenants' schema file.
One that is refused, or that destroys data, is a draft: no command goes on while
there is a file with the line "-- bailiwick:draft". Edit the file, remove that
line, and run plan again: it certifies what the
file says now. The fingerprints in its head say for which state it is; a file
that is there is never overwritten. Where files lead on from each other a tenant
that has missed some goes by them one after the other, and only what then is left
is worked out.

A plan that was worked out and drops data is rolled out with --accept-loss only;
a plan file counts as reviewed, once its draft line is removed.

--base plans from the schema files of another git revision, or of a folder with
the same project, to those at hand, and asks no fleet: so CI verifies the plan
files of a pull request, and so a plan file is written before there is a fleet.

Exit status: 0 when there is nothing to do, 2 when there are plans and all are
certified, 1 when one is refused or something is wrong. With --base, certified
plans are 0 too.`,
		Example: `  bailiwick schema plan
  bailiwick schema plan --save
  bailiwick schema plan --base origin/main
  bailiwick schema plan --json | jq '.states[].plan.steps[]?.statements[]'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, made, err := planFleet(cmd, o.base)
			if err != nil {
				return calm(cmd, err)
			}
			return showPlans(cmd, f.project, made, o)
		},
	}
	cmd.Flags().BoolVar(&o.save, "save", false, "write each plan that has no file yet into the folder of plan files")
	cmd.Flags().StringVar(&o.base, "base", "", "plan from the schema files of this git revision or folder, without a fleet")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print the plans as a JSON object")
	completeFlag(cmd, "base", completeNone)
	return cmd
}

// planFleet plans for the fleet, or from the base.
func planFleet(cmd *cobra.Command, base string) (f *fleet, made *plan.Fleet, err error) {
	p := newProgress(cmd)
	defer p.close()
	if base != "" {
		return planFromBase(cmd, base, p)
	}
	err = withFleet(cmd, func(ctx context.Context, opened *fleet) error {
		f = opened
		tenants, err := f.tenants(ctx, nil)
		if err != nil {
			return err
		}
		in, err := f.input(tenants, p)
		if err != nil {
			return err
		}
		if in.Gate, _, err = f.gate(ctx, nil); err != nil {
			return err
		}
		if made, err = plan.NewFleet(ctx, in); err == nil {
			made.Notes = append(made.Notes, strayFiles(in.Files, made)...)
		}
		return err
	})
	return f, made, err
}

// calm says no more of an interrupted command that has changed nothing than that it was.
func calm(cmd *cobra.Command, err error) error {
	if err != nil && cmd.Context().Err() != nil {
		return errors.New("interrupted; nothing was changed")
	}
	return err
}

// showPlans prints, saves and judges plans.
func showPlans(cmd *cobra.Command, p *project.Project, made *plan.Fleet, o planOptions) error {
	out := cmd.OutOrStdout()
	var saved []string
	if o.save {
		var err error
		if saved, err = savePlans(p, made); err != nil {
			return err
		}
	}
	if o.asJSON {
		if err := writeJSON(out, made); err != nil {
			return err
		}
	} else if err := writePlans(out, made, saved, o); err != nil {
		return err
	}
	switch {
	case refusedPlans(made) > 0:
		return exitError{1}
	case len(made.Plans()) > 0 && o.base == "":
		return exitError{statusBehind}
	}
	return nil
}

func refusedPlans(made *plan.Fleet) (n int) {
	for _, p := range made.Plans() {
		if !p.Certified() {
			n++
		}
	}
	return n
}

func savePlans(p *project.Project, made *plan.Fleet) (saved []string, err error) {
	for _, whole := range made.Plans() {
		part := whole.WorkedOut()
		if part == nil {
			continue
		}
		one := *part
		one.Refused = whole.Refused
		file, err := planfile.Save(p, &one, planComment(&one))
		if err != nil && !errors.Is(err, planfile.ErrExists) {
			return saved, err
		}
		if err == nil {
			saved = append(saved, file)
		}
	}
	return saved, nil
}

// planComment is what the head of a saved file says to those who review it.
func planComment(p *plan.Plan) string {
	var b strings.Builder
	if p.Certified() {
		b.WriteString("This is as `bailiwick schema plan` worked it out. Edited, it is certified anew.\n")
	}
	for _, sentence := range p.Refused {
		b.WriteString("refused: " + sentence + "\n")
	}
	for _, d := range p.Differences {
		b.WriteString("  " + strings.ReplaceAll(d.Explain(), "\n", "\n  ") + "\n")
	}
	return b.String()
}

func writePlans(w io.Writer, made *plan.Fleet, saved []string, o planOptions) error {
	var b strings.Builder
	plans := &planWriter{b: &b, alone: o.base != ""}
	for _, s := range made.States {
		plans.state(s)
	}
	for _, note := range made.Notes {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	for _, file := range saved {
		fmt.Fprintf(&b, "saved %s\n", file)
	}
	plans.end(made, o)
	_, err := io.WriteString(w, b.String())
	return wrapPrint(err)
}
