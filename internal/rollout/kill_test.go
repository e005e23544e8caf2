package rollout_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/rollout"
)

// kills is how many processes TestKilled kills: go test ./internal/rollout -run
// TestKilled -kills 200.
var kills = flag.Int("kills", 10, "how many processes TestKilled kills")

// helperURL names the environment variable that makes this test binary a process
// that works on the unfinished rollout of that database.
const helperURL = "ROLLOUT_HELPER_URL"

func TestMain(m *testing.M) {
	if url := os.Getenv(helperURL); url != "" {
		os.Exit(helper(context.Background(), url))
	}
	os.Exit(m.Run())
}

func helper(ctx context.Context, url string) int {
	e, err := rollout.Open(ctx, rollout.Config{URL: url, Lease: 300 * time.Millisecond})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer e.Close()
	found, ok, err := e.Unfinished(ctx)
	if err != nil || !ok {
		fmt.Fprintln(os.Stderr, err, ok)
		return 1
	}
	outcome, err := e.Run(ctx, found.ID)
	if _, held := errors.AsType[*rollout.HeldError](err); held {
		return 0
	}
	if err != nil || outcome.State != rollout.Done {
		fmt.Fprintf(os.Stderr, "%v: %+v\n", err, outcome)
		return 1
	}
	return 0
}

// TestKilled kills processes that work on a rollout, at any moment and also two at
// once, as often as it takes: forward, back, and forward again. In the end each
// tenant is where it should be, and nothing was done twice.
func TestKilled(t *testing.T) {
	t.Parallel()
	f := newFixture(t, change{
		tenants: 8,
		steps: append(append([]plan.Step{}, backfills...),
			inTx("INSERT INTO labels VALUES ('once', 1)"),
			outside("CREATE INDEX CONCURRENTLY users_size_idx ON users (size)"),
			inTx("ALTER TABLE notes ADD COLUMN extra text")),
		reverse: []plan.Step{
			outside("DROP INDEX CONCURRENTLY users_size_idx"),
			inTx("DELETE FROM labels WHERE \"the key\" = 'once'", "ALTER TABLE users DROP COLUMN size", "ALTER TABLE notes DROP COLUMN extra"),
			inTx("UPDATE notes SET size = NULL", "UPDATE labels SET size = NULL"),
		},
	})
	for i := range f.Tenants {
		f.fill(t, i)
	}
	left := *kills
	for round := 0; left > 0; round++ {
		f.begin(t, round%2 == 1)
		for left > 0 && f.unfinished(t) {
			killTwo(t, f.OwnerURL, left%3 == 0)
			left--
		}
		f.finish(t)
		want := f.to
		if round%2 == 1 {
			want = f.from
		}
		if n := f.at(t, want); n != len(f.Tenants) {
			t.Fatalf("round %d: %d of %d tenants are where they should be", round, n, len(f.Tenants))
		}
		if round%2 == 1 {
			continue
		}
		if n := f.wrong(t); n != 0 {
			t.Fatalf("round %d: %d rows were not done exactly once", round, n)
		}
	}
}

// begin starts a rollout, or its rollback, and leaves it to others.
func (f *fixture) begin(t *testing.T, back bool) {
	t.Helper()
	e := f.open(t)
	start := func() error { _, err := e.Start(t.Context(), f.fleet); return err }
	if back {
		start = func() error {
			b, err := e.LayoutRollback(t.Context(), 0, nil)
			if err == nil {
				_, err = e.StartRollback(t.Context(), b)
			}
			return err
		}
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	exec(t, f.conn, "UPDATE bailiwick.rollouts SET holder = NULL, holder_until = NULL")
}

func (f *fixture) unfinished(t *testing.T) bool {
	t.Helper()
	return value[bool](t, f.conn, "SELECT EXISTS (SELECT FROM bailiwick.rollouts WHERE state IN ('running', 'paused', 'failed'))")
}

// killTwo starts a process, or two, and kills them after a while.
func killTwo(t *testing.T, url string, two bool) {
	t.Helper()
	processes := []*osexec.Cmd{process(t, url)}
	if two {
		processes = append(processes, process(t, url))
	}
	time.Sleep(rand.N(700 * time.Millisecond))
	for _, p := range processes {
		_ = p.Process.Kill() // it may have ended
		_ = p.Wait()
	}
}

func process(t *testing.T, url string) *osexec.Cmd {
	t.Helper()
	p := osexec.Command(os.Args[0])
	p.Env = append(os.Environ(), helperURL+"="+url)
	p.Stderr = t.Output()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// finish lets a process end what is left.
func (f *fixture) finish(t *testing.T) {
	t.Helper()
	for range 3 {
		if !f.unfinished(t) {
			break
		}
		_ = process(t, f.OwnerURL).Wait()
	}
	if f.unfinished(t) {
		s, err := f.open(t).Status(t.Context())
		t.Fatalf("the rollout can't be finished: %v, %+v", err, s.Rollout)
	}
}
