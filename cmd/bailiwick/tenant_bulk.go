//go:build cgo

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// bulk does one thing to many tenants, several at once. One that fails keeps no
// other from its turn, and an interrupted run finishes those in hand.
type bulk struct {
	// action names what is done in the audit, such as "suspend".
	action string
	// run groups what is done in the audit.
	run      string
	parallel int
	tasks    []bulkTask
	// next is the command that goes on after an interruption or a failure.
	next string
}

// bulkTask is one tenant's part.
type bulkTask struct {
	who string
	// do tells whether there was something to do.
	do func(ctx context.Context) (changed bool, err error)
}

// bulkReport is what a run came to.
type bulkReport struct {
	Action string `json:"action"`
	Run    string `json:"run,omitempty"`
	Total  int    `json:"total"`
	// Done were changed by this run, Already had been before it.
	Done     int           `json:"done"`
	Already  int           `json:"already"`
	ToCome   int           `json:"to_come"`
	Failures []bulkFailure `json:"failures"`
	// Next is how to go on, empty when all is done.
	Next string `json:"next,omitempty"`
}

type bulkFailure struct {
	Tenant string      `json:"tenant"`
	Code   tenant.Code `json:"code"`
	Error  string      `json:"error"`
}

// newRun makes the id of a run: when it began, and what no other has.
func newRun() string {
	return time.Now().UTC().Format("20060102-150405-") + strings.ToLower(rand.Text()[:6])
}

type bulkOutcome struct {
	at      int // in the tasks
	changed bool
	err     error
}

// execute does all tasks, or until the command is interrupted those in hand. A
// second interruption cancels these too.
func (b bulk) execute(ctx context.Context, cmd *cobra.Command) bulkReport {
	p := newProgress(cmd)
	defer p.close()
	ctx, cancel := context.WithCancel(context.WithoutCancel(catalog.WithRun(ctx, b.run)))
	defer cancel()
	abort, stop := abortOnSecond(cmd, "tenants")
	defer stop()
	go func() {
		select {
		case <-abort:
			cancel()
		case <-ctx.Done():
		}
	}()
	outcomes := b.work(ctx, cmd.Context().Done())
	report := bulkReport{Action: b.action, Run: b.run, Total: len(b.tasks), Failures: []bulkFailure{}}
	ended, failed := 0, []bulkOutcome{}
	for o := range outcomes {
		ended++
		switch {
		case o.err != nil:
			failed = append(failed, o)
			p.sayf("%s failed: %s", printable(b.tasks[o.at].who), o.err)
		case o.changed:
			report.Done++
		default:
			report.Already++
		}
		p.show(b.action, ended, len(b.tasks))
	}
	slices.SortFunc(failed, func(x, y bulkOutcome) int { return x.at - y.at }) // Which was done first is chance.
	for _, o := range failed {
		report.Failures = append(report.Failures, bulkFailure{b.tasks[o.at].who, tenant.CodeOf(o.err), o.err.Error()})
	}
	report.ToCome = len(b.tasks) - ended
	if report.ToCome > 0 || len(report.Failures) > 0 {
		report.Next = b.next
	}
	return report
}

// work hands out the tasks until there are no more or somebody interrupts.
func (b bulk) work(ctx context.Context, interrupted <-chan struct{}) <-chan bulkOutcome {
	tasks, outcomes := make(chan int), make(chan bulkOutcome)
	go func() {
		defer close(tasks)
		for i := range b.tasks {
			select { // where both are ready either is taken
			case <-interrupted:
				return
			default:
			}
			select {
			case <-interrupted:
				return
			case tasks <- i:
			}
		}
	}()
	var group sync.WaitGroup
	for range min(b.parallel, len(b.tasks)) {
		group.Go(func() {
			for i := range tasks {
				changed, err := b.tasks[i].do(ctx)
				outcomes <- bulkOutcome{i, changed, err}
			}
		})
	}
	go func() {
		group.Wait()
		close(outcomes)
	}()
	return outcomes
}

// finish prints what a run came to, and turns what is left into status 1.
func (r bulkReport) finish(cmd *cobra.Command, asJSON bool) error {
	if asJSON {
		return errors.Join(writeJSON(cmd.OutOrStdout(), r), r.status())
	}
	return errors.Join(r.write(cmd.OutOrStdout()), r.status())
}

// status is 1 when something is left to do.
func (r bulkReport) status() error {
	if r.ToCome > 0 || len(r.Failures) > 0 {
		return exitError{1}
	}
	return nil
}

// write prints the sum. What has failed was said when it did.
func (r bulkReport) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d of %s done", r.Action, r.Done, plural(r.Total, "tenant"))
	for _, part := range []struct {
		n    int
		what string
	}{{r.Already, "done before"}, {len(r.Failures), "failed"}, {r.ToCome, "to come"}} {
		if part.n > 0 {
			fmt.Fprintf(&b, ", %d %s", part.n, part.what)
		}
	}
	if r.Run != "" {
		fmt.Fprintf(&b, ", run %s", r.Run)
	}
	b.WriteByte('\n')
	if r.Next != "" {
		fmt.Fprintf(&b, "next: %s\n", r.Next)
	}
	_, err := io.WriteString(w, b.String())
	return wrapPrint(err)
}
