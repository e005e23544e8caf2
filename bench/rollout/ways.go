package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/rollout"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// psql sends statements for each tenant by one session, each its own transaction.
func (f *fleet) psql(ctx context.Context, statements string) (time.Duration, error) {
	path, err := exec.LookPath("psql")
	if err != nil {
		return 0, fmt.Errorf("psql is what rollouts are measured against: install PostgreSQL's client: %w", err)
	}
	cmd := exec.CommandContext(ctx, path, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", f.OwnerURL(database), "-f", "-")
	cmd.Stdin, cmd.Stderr = strings.NewReader(f.script(statements)), os.Stderr
	begin := time.Now()
	err = cmd.Run()
	return time.Since(begin), err
}

// back undoes the change, and tidies up after it.
func (f *fleet) back(ctx context.Context) error {
	_, err := f.psql(ctx, "ALTER TABLE %s.t0 DROP COLUMN note;\n")
	if err != nil {
		return err
	}
	if _, err = f.owner.Exec(ctx, "UPDATE public.tenants SET schema_fingerprint = $1", f.at); err != nil {
		return err
	}
	_, err = f.super.Exec(ctx, "VACUUM ANALYZE")
	return errors.Join(err, ctx.Err())
}

// stages are the parts of a rollout, in order.
var stages = []string{"fingerprint", "plan, certify", "begin", "apply", "verify", "end"}

// times are what the parts took.
type times map[string]time.Duration

func (t times) total() (all time.Duration) {
	for _, took := range t {
		all += took
	}
	return all
}

// clock gives the time since it was last asked to a part.
type clock struct {
	times

	last time.Time
	// later is what the end waits for.
	later errgroup.Group
}

// end waits for what was left for later.
func (c *clock) end() error {
	err := c.later.Wait()
	c.tick("end")
	return err
}

func (c *clock) tick(part string) {
	now := time.Now()
	c.times[part] += now.Sub(c.last)
	c.last = now
}

// planned is the fleet with its plans, to the changed state.
func (f *fleet) planned(ctx context.Context, c *clock) (*plan.Fleet, error) {
	registered, err := catalog.Open(ctx, catalog.Config{URL: f.OwnerURL(database), RuntimeRole: devpg.RuntimeRole})
	if err != nil {
		return nil, err
	}
	defer registered.Close()
	tenants, err := registered.List(ctx)
	if err != nil {
		return nil, err
	}
	planned, err := plan.NewFleet(ctx, plan.Input{
		URL: f.OwnerURL(database), RuntimeRole: devpg.RuntimeRole, Tenants: tenants,
		Public: []lint.File{{Name: "public.sql", Text: registry}},
		Tenant: []lint.File{{Name: "tenant.sql", Text: structure(true)}},
		Later:  func(do func() error) { c.later.Go(do) },
		Progress: func(p plan.Progress) {
			if p.Stage == plan.StageFingerprint && p.Done == p.Total {
				c.tick("fingerprint")
			}
		},
	})
	c.tick("plan, certify")
	return planned, err
}

func (f *fleet) engine(ctx context.Context, o options, progress func(rollout.Event)) (*rollout.Engine, error) {
	return rollout.Open(ctx, rollout.Config{
		URL: f.OwnerURL(database), RuntimeRole: devpg.RuntimeRole, Progress: progress,
		Deployment: atlas.Deployment{Groups: []atlas.Group{{
			Name: "all", Parallel: o.parallel, Percent: o.percent, OnError: atlas.OnErrorContinue,
		}}},
	})
}

// rollOut brings the change to all by the product.
func (f *fleet) rollOut(ctx context.Context, o options) (times, error) {
	c := &clock{times: times{}, last: time.Now()}
	planned, err := f.planned(ctx, c)
	if err != nil {
		return nil, err
	}
	left := 0
	engine, err := f.engine(ctx, o, func(e rollout.Event) {
		switch e.Kind { //nolint:exhaustive // the others are not what parts end with
		case rollout.WaveStarted:
			if _, err := fmt.Sscan(e.Message, &left); err != nil {
				left = 0
			}
			c.tick("begin")
		case rollout.TargetDone:
			if left--; left == 0 {
				c.tick("apply")
			}
		case rollout.WaveDone:
			c.tick("verify")
		}
	})
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	id, err := engine.Start(ctx, planned)
	if err != nil {
		return nil, err
	}
	outcome, err := engine.Run(ctx, id)
	if err == nil && (outcome.State != rollout.Done || outcome.Done != len(f.schemas)) {
		err = fmt.Errorf("the rollout is %s, %d are done: %s", outcome.State, outcome.Done, outcome.Reason)
	}
	return c.times, errors.Join(err, c.end())
}

// noOp plans when there is nothing to do.
func (f *fleet) noOp(ctx context.Context, o options) (time.Duration, error) {
	c := &clock{times: times{}, last: time.Now()}
	planned, err := f.planned(ctx, c)
	if err != nil {
		return 0, err
	}
	engine, err := f.engine(ctx, o, nil)
	if err != nil {
		return 0, err
	}
	defer engine.Close()
	layout, err := engine.Layout(ctx, planned)
	if err == nil && !layout.Nothing() {
		err = fmt.Errorf("there is still something to do for %d schemas", layout.Total())
	}
	err = errors.Join(err, c.end())
	return c.total(), err
}

// watch looks at PostgreSQL's locks all the time, until the function is called
// that it returns, which tells how many there were at once.
func (f *fleet) watch(ctx context.Context) (end func() (int, error), err error) {
	conn, err := pgx.Connect(ctx, f.SuperURL("postgres"))
	if err != nil {
		return nil, err
	}
	stop, ended := make(chan struct{}), make(chan error)
	most := 0
	go func() {
		var err error
		for tick := time.NewTicker(interval); err == nil; {
			select {
			case <-stop:
				tick.Stop()
				ended <- conn.Close(ctx)
				return
			case <-tick.C:
				var n int
				err = conn.QueryRow(ctx, "SELECT count(*) FROM pg_locks WHERE NOT fastpath").Scan(&n)
				most = max(most, n)
			}
		}
		<-stop
		ended <- err
	}()
	return func() (int, error) { close(stop); err := <-ended; return most, err }, nil
}

const interval = 20 * time.Millisecond
