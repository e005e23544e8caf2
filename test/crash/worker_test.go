//go:build linux || darwin || freebsd

package crash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/rollout"
)

// workEnv makes the test binary a process that rolls out, as `bailiwick schema
// apply` does once it has its plans.
const workEnv = "CRASH_TEST_WORK"

// lease is short, for each process that is killed is waited for that long.
const lease = 300 * time.Millisecond

// work is what such a process is told.
type work struct {
	URL   string
	Fleet *plan.Fleet
	// DDL is what Fleet.Desired leaves out in JSON.
	DDL map[plan.Scope]string
}

func TestMain(m *testing.M) {
	for env, be := range map[string]func(context.Context, string) error{workEnv: beWorker, lifeEnv: beLife} {
		file := os.Getenv(env)
		if file == "" {
			continue
		}
		if err := be(context.Background(), file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func readWork(file string) (w work, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return w, err
	}
	err = json.Unmarshal(text, &w)
	for scope, ddl := range w.DDL {
		target := w.Fleet.Desired[scope]
		target.DDL = ddl
		w.Fleet.Desired[scope] = target
	}
	return w, err
}

func beWorker(ctx context.Context, file string) error {
	w, err := readWork(file)
	if err != nil {
		return err
	}
	e, err := rollout.Open(ctx, rollout.Config{URL: w.URL, Lease: lease, Deployment: deployment(), SmallTable: -1})
	if err != nil {
		return err
	}
	defer e.Close()
	id, err := begin(ctx, e, w.Fleet)
	if err != nil {
		return err
	}
	fmt.Println("working") // from here on it is killed
	for {
		outcome, err := e.Run(ctx, id)
		_, held := errors.AsType[*rollout.HeldError](err)
		_, finished := errors.AsType[*rollout.FinishedError](err)
		switch {
		case finished:
			return nil
		case held:
			time.Sleep(lease / 3)
		case err != nil:
			return err
		case outcome.State != rollout.Done:
			return fmt.Errorf("the rollout is %s: %s", outcome.State, outcome.Reason)
		default:
			return nil
		}
	}
}

// begin starts the rollout, or finds the one that another process has started.
func begin(ctx context.Context, e *rollout.Engine, fleet *plan.Fleet) (rollout.ID, error) {
	found, ok, err := e.Unfinished(ctx)
	if err != nil || ok {
		return found.ID, err
	}
	id, err := e.Start(ctx, fleet)
	if unfinished, ok := errors.AsType[*rollout.UnfinishedError](err); ok {
		return unfinished.Rollout.ID, nil
	}
	return id, err
}

// deployment has two groups, of which one comes in waves.
func deployment() atlas.Deployment {
	unlimited := atlas.Budget{Unlimited: true}
	return atlas.Deployment{Groups: []atlas.Group{
		{Name: "canary", Match: []string{"canary"}, Parallel: 1, Percent: 100, OnError: atlas.OnErrorContinue, MaxFailures: unlimited},
		{Name: "rest", DependsOn: []string{"canary"}, Parallel: 3, Percent: 50, OnError: atlas.OnErrorContinue, MaxFailures: unlimited},
	}}
}
