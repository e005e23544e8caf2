//go:build cgo

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/rollout"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

func newSchemaStatusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the fleet by state, the releases that run, and the last rollout",
		Long: `status shows how many tenants are in which state, which releases are running
against them, how far the last rollout has come, who failed and why, and what to
do next. It reads the registry and the ledger of rollouts, and looks at no schema
itself: that is what "bailiwick schema drift" does.

Exit status: 0 when every schema is at the desired state as far as the ledger
knows, 2 when there is something to do, 1 when it could not be found out.`,
		Example: `  bailiwick schema status
  bailiwick schema status --json | jq -r '.rollout.failures[].slug'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withFleet(cmd, func(ctx context.Context, f *fleet) error {
				return withEngine(ctx, rollout.Config{URL: f.url}, func(engine *rollout.Engine) error {
					return showStatus(ctx, cmd, f, engine, asJSON)
				})
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the status as a JSON object")
	return cmd
}

// fleetStatus is what the command prints.
type fleetStatus struct {
	*rollout.Status

	// Pending names the scopes whose files are not what is rolled out.
	Pending []plan.Scope `json:"pending"`
	// HalfDone are the tenants that the rollout has stopped at between two steps of
	// their plan, or in a backfill, with how far it came.
	HalfDone []string `json:"half_done,omitempty"`
	// Next is the command that goes on from here.
	Next string `json:"next,omitempty"`
}

func showStatus(ctx context.Context, cmd *cobra.Command, f *fleet, engine *rollout.Engine, asJSON bool) error {
	status, err := engine.Status(ctx)
	if err != nil {
		return err
	}
	s := fleetStatus{Status: status, Pending: []plan.Scope{}}
	for scope, text := range map[plan.Scope]string{plan.Public: f.schema.Public, plan.Tenant: f.schema.Tenant} {
		if status.Current[string(scope)].Version != catalog.Version(text) {
			s.Pending = append(s.Pending, scope)
		}
	}
	if r := status.Rollout; r != nil && !r.Finished() && r.Holder == "" {
		if s.HalfDone, err = engine.HalfDone(ctx, r.ID); err != nil {
			return err
		}
	}
	s.Next = s.next()
	if asJSON {
		err = writeJSON(cmd.OutOrStdout(), s)
	} else {
		err = s.write(cmd.OutOrStdout())
	}
	if err == nil && s.Next != "" {
		err = exitError{statusBehind}
	}
	return err
}

// next is the command that goes on from here; empty when all is well.
func (s fleetStatus) next() string {
	r := s.Rollout
	switch {
	case r != nil && !r.Finished() && r.Holder != "":
		return "bailiwick schema status"
	case r != nil && !r.Finished():
		return resumeCommand
	case len(s.Pending) > 0:
		return "bailiwick schema plan"
	}
	for _, state := range s.States {
		if !state.Current {
			return "bailiwick schema plan"
		}
	}
	return ""
}

func (s fleetStatus) write(w io.Writer) error {
	var b strings.Builder
	underway := slices.ContainsFunc(s.States, func(state rollout.FleetState) bool { return state.Ahead })
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TENANTS\tSTATE\tVERSION\t") //nolint:errcheck // a builder has no errors
	for _, state := range s.States {
		note := ""
		switch {
		case state.Ahead:
			note = "where the rollout leads"
			if s.Rollout != nil && s.Rollout.Finished() {
				note = "ahead by a partial rollout, such as " + state.Example
			}
		case underway:
			note = "still to come, such as " + state.Example
		case !state.Current:
			note = "behind, such as " + state.Example
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\n", state.Tenants, state.Fingerprint, orDash(state.Version), note) //nolint:errcheck // likewise
	}
	_ = t.Flush()
	for _, scope := range s.Pending {
		fmt.Fprintf(&b, "the files of the %s schema are not rolled out\n", scope)
	}
	for _, r := range s.Releases {
		fmt.Fprintf(&b, "release %s %s (%s) is running, seen until %s UTC\n", r.Name, r.Version, r.ID, r.Until.UTC().Format(time.DateTime))
		for _, m := range r.Misfits {
			fmt.Fprintf(&b, "  does not fit %s, of %s: %s\n", m.Fingerprint, plural(m.Tenants, "tenant"), m.Reason)
		}
	}
	if s.Rollout == nil {
		b.WriteString("there was no rollout yet\n")
	} else {
		writeRollout(&b, s.Rollout)
	}
	if n := len(s.HalfDone); n > 0 {
		fmt.Fprintf(&b, "in the middle of their plans: %s", strings.Join(s.HalfDone[:min(n, shownFailures)], ", "))
		if n > shownFailures {
			fmt.Fprintf(&b, " and %d more", n-shownFailures)
		}
		b.WriteByte('\n')
	}
	if s.Next != "" {
		fmt.Fprintf(&b, "next: %s\n", s.Next)
	}
	_, err := io.WriteString(w, b.String())
	return wrapPrint(err)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func writeRollout(b *strings.Builder, r *rollout.Progress) {
	what := ""
	if r.Partial {
		what = ", partial,"
	}
	if r.Kind == "rollback" {
		what = ", a rollback,"
	}
	if r.Reverts != 0 {
		what = fmt.Sprintf(", which undoes rollout %d,", r.Reverts)
	}
	fmt.Fprintf(b, "rollout %d%s of %s is %s\n", r.ID, what, r.CreatedAt.UTC().Format(time.DateTime), r.Condition())
	for _, wave := range r.Waves {
		fmt.Fprintf(b, "  wave %d, %s: %d of %d done", wave.Number, wave.Group, wave.Done, wave.Total)
		if wave.Failed > 0 {
			fmt.Fprintf(b, ", %d failed", wave.Failed)
		}
		if wave.Skipped > 0 {
			fmt.Fprintf(b, ", %d skipped", wave.Skipped)
		}
		b.WriteByte('\n')
	}
	writeFailures(b, r.Failures)
}
