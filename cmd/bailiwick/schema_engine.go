//go:build cgo

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/internal/rollout"
)

// statementTimeout is the flag that bounds statements.
const statementTimeout = "statement-timeout"

// rolloutFlags are what apply, resume and rollback have in common.
type rolloutFlags struct {
	parallel         int
	maxFailures      string
	soak             time.Duration
	lockTimeout      time.Duration
	statementTimeout time.Duration
	yes              bool
	asJSON           bool
}

func (o *rolloutFlags) define(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&o.parallel, "parallel", 0, "how many schemas to work on at once (default: as atlas.hcl's groups say)")
	f.StringVar(&o.maxFailures, "max-failures", "", "how many schemas of the rollout may fail, such as 5 or 2% (default: as the groups say)")
	f.DurationVar(&o.soak, "soak", 0, "how long to watch after each wave (default: as the groups say)")
	f.DurationVar(&o.lockTimeout, "lock-timeout", 0, "how long a statement waits for a lock before it is tried again later (default 2s)")
	f.DurationVar(&o.statementTimeout, statementTimeout, 0, "how long a statement in a transaction may take (default 5m)")
	f.BoolVar(&o.asJSON, "json", false, "print the outcome as a JSON object")
	for _, name := range []string{"parallel", "max-failures", "soak", "lock-timeout", statementTimeout} {
		completeFlag(cmd, name, completeNone)
	}
}

// config is what the flags and the project say of a rollout.
func (o *rolloutFlags) config(cmd *cobra.Command, f *fleet, p *progress) (rollout.Config, error) {
	c := rollout.Config{
		URL: f.url, RuntimeRole: f.runtimeRole, Deployment: f.atlas.Deployment,
		LockTimeout: o.lockTimeout, StatementTimeout: o.statementTimeout,
		Progress: p.rollout,
	}
	if err := o.check(cmd); err != nil {
		return c, err
	}
	if cmd.Flags().Changed("parallel") {
		c.Parallel = &o.parallel
	}
	if cmd.Flags().Changed("soak") {
		c.Soak = &o.soak
	}
	if cmd.Flags().Changed("max-failures") {
		budget, err := atlas.ParseBudget(o.maxFailures)
		if err != nil {
			return c, usagef(cmd, "--max-failures: %v", err)
		}
		c.MaxFailures = &budget
	}
	return c, nil
}

// check refuses numbers and times that mean nothing.
func (o *rolloutFlags) check(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	if changed("parallel") && o.parallel < 1 {
		return usagef(cmd, "--parallel is at least 1, and was %d", o.parallel)
	}
	if o.soak < 0 {
		return usagef(cmd, "--soak is not negative, and was %s", o.soak)
	}
	for name, value := range map[string]time.Duration{"lock-timeout": o.lockTimeout, statementTimeout: o.statementTimeout} {
		if changed(name) && value < time.Millisecond { // 0 is for ever, in PostgreSQL
			return usagef(cmd, "--%s is at least 1ms, and was %s", name, value)
		}
	}
	return nil
}

// withEngine opens what rolls out.
func withEngine(ctx context.Context, config rollout.Config, do func(*rollout.Engine) error) error {
	engine, err := rollout.Open(ctx, config)
	if err != nil {
		return err
	}
	defer engine.Close()
	err = do(engine)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && (pg.Code == "42P01" || pg.Code == "3F000") {
		err = fmt.Errorf("%w\n\tmend: the database has no registry or no ledger yet; `bailiwick tenant create SLUG` makes both", err)
	}
	return err
}

// rollout tells of a rollout's events: the bar moves with each schema, and what
// people have to know gets a line.
func (p *progress) rollout(e rollout.Event) {
	if e.Waves > 0 {
		stage := fmt.Sprintf("wave %d of %d, %s", e.Wave, e.Waves, e.Group)
		if e.Kind == rollout.Batched {
			stage += fmt.Sprintf(": %s up to %s", e.Slug, e.Message)
		}
		p.show(stage, e.Done, e.Total)
	}
	switch e.Kind {
	case rollout.WaveStarted:
		p.sayf("wave %d of %d, %s: %s", e.Wave, e.Waves, e.Group, e.Message)
	case rollout.TargetFailed, rollout.TargetSkipped:
		p.sayf("%s %s: %s", e.Slug, e.Kind, e.Message)
	case rollout.Soaking, rollout.Noted:
		p.sayf("%s", e.Message)
	case rollout.WaveDone, rollout.TargetDone, rollout.Retried, rollout.Batched:
	}
}

// sayf prints a line above the bar.
func (p *progress) sayf(format string, args ...any) {
	p.close()
	fmt.Fprintf(p.out, format+"\n", args...) //nolint:errcheck // a terminal that is gone is no reason to stop
}

// abortOnSecond returns a channel that is closed when the user interrupts for the
// second time. The first time ends the context of the command.
func abortOnSecond(cmd *cobra.Command, things string) (abort <-chan struct{}, stop func()) {
	signals, twice, done := make(chan os.Signal, 2), make(chan struct{}), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for _, then := range []<-chan struct{}{cmd.Context().Done(), nil} {
			select {
			case <-done:
				return
			case <-signals:
			}
			if then == nil {
				close(twice)
				return
			}
			select { // the same signal ends the context, sooner or later
			case <-done:
				return
			case <-then:
				cmd.PrintErrf("finishing the %s in hand; interrupt again to cancel them\n", things)
			}
		}
	}()
	return twice, func() { signal.Stop(signals); close(done) }
}

// confirm asks on a terminal, and elsewhere wants the flags that say so.
func confirm(cmd *cobra.Command, yes bool, question, flags string) error {
	if yes {
		return nil
	}
	in, isFile := cmd.InOrStdin().(*os.File)
	if !isFile || !term.IsTerminal(int(in.Fd())) {
		return usagef(cmd, "nobody can be asked: %s Say so with %s", question, flags)
	}
	cmd.PrintErr(question + " [y/N] ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if !slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer))) {
		return errors.New("nothing was done")
	}
	return nil
}

// resumeCommand goes on with a rollout.
const resumeCommand = "bailiwick schema resume"

// report is what a rollout came to.
type report struct {
	*rollout.Outcome

	// Reverts is the rollout that a rollback undoes.
	Reverts  rollout.ID        `json:"reverts,omitempty"`
	Failures []rollout.Failure `json:"failures"`
	// Next is the command that goes on from here.
	Next string `json:"next,omitempty"`
}

// runRollout runs a rollout and prints what it came to.
func runRollout(ctx context.Context, cmd *cobra.Command, engine *rollout.Engine, id rollout.ID, p *progress, asJSON bool) error {
	outcome, err := engine.Run(ctx, id)
	p.close()
	if err != nil {
		return explainRollout(err)
	}
	ctx = context.WithoutCancel(ctx)
	r := report{Outcome: outcome, Failures: []rollout.Failure{}}
	status, err := engine.Status(ctx)
	if err != nil {
		return err
	}
	if status.Rollout != nil && status.Rollout.ID == id {
		r.Failures = append(r.Failures, status.Rollout.Failures...)
		r.Reverts = status.Rollout.Reverts
	}
	var exit error
	switch {
	case outcome.State == rollout.Failed:
		r.Next, exit = resumeCommand, exitError{1}
	case outcome.State == rollout.Paused:
		r.Next, exit = resumeCommand, exitError{statusBehind}
	case len(outcome.Behind) > 0:
		r.Next, exit = "bailiwick schema apply", exitError{statusBehind}
	}
	if asJSON {
		return errors.Join(writeJSON(cmd.OutOrStdout(), r), exit)
	}
	return errors.Join(r.write(cmd.OutOrStdout()), exit)
}

// explainRollout says what to do about errors of the engine.
func explainRollout(err error) error {
	if unfinished, ok := errors.AsType[*rollout.UnfinishedError](err); ok {
		return fmt.Errorf("%w\n\tmend: go on with `bailiwick schema resume`, undo it with `bailiwick schema rollback`, "+
			"or leave it as it is with `bailiwick schema apply --abandon`", unfinished)
	}
	if finished, ok := errors.AsType[*rollout.FinishedError](err); ok {
		return fmt.Errorf("%w\n\tmend: nothing; `bailiwick schema status` shows it", finished)
	}
	return err
}

func (r report) write(w io.Writer) error {
	var b strings.Builder
	undoes := ""
	if r.Reverts != 0 {
		undoes = fmt.Sprintf(", which undoes rollout %d,", r.Reverts)
	}
	fmt.Fprintf(&b, "rollout %d%s is %s: %d of %s changed", r.ID, undoes, r.State, r.Done, plural(r.Total, "schema"))
	for _, part := range []struct {
		n    int
		what string
	}{{r.Failed, "failed"}, {r.Skipped, "skipped"}, {r.Pending, "to come"}} {
		if part.n > 0 {
			fmt.Fprintf(&b, ", %d %s", part.n, part.what)
		}
	}
	b.WriteByte('\n')
	if r.Reason != "" {
		fmt.Fprintf(&b, "because %s\n", r.Reason)
	}
	writeFailures(&b, r.Failures)
	if len(r.Behind) > 0 {
		fmt.Fprintf(&b, "behind, at a state that no plan of the rollout begins with: %s\n", strings.Join(r.Behind, ", "))
	}
	if r.Next != "" {
		fmt.Fprintf(&b, "next: %s\n", r.Next)
	}
	_, err := io.WriteString(w, b.String())
	return wrapPrint(err)
}

// shownFailures bounds what people are shown; --json has all.
const shownFailures = 20

func writeFailures(b *strings.Builder, failures []rollout.Failure) {
	for i, f := range failures {
		if i == shownFailures {
			fmt.Fprintf(b, "  and %d more: bailiwick schema status --json\n", len(failures)-i)
			return
		}
		fmt.Fprintf(b, "  %s %s", f.Slug, f.State)
		if f.SQLState != "" {
			fmt.Fprintf(b, " with SQLSTATE %s", f.SQLState)
		}
		fmt.Fprintf(b, ": %s\n", f.Error)
		if f.Statement != "" {
			fmt.Fprintf(b, "    in: %s\n", strings.Join(strings.Fields(f.Statement), " "))
		}
		if f.Hint != "" {
			fmt.Fprintf(b, "    hint: %s\n", f.Hint)
		}
	}
}
