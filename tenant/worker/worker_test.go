package worker_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/worker"
)

// A job runs as long as there is something, then waits its time or to be woken.
func TestCourse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var ran []time.Duration
		w := worker.Start(t.Context(), slog.New(slog.DiscardHandler), worker.Job{Name: "x", Every: time.Minute, Run: func(context.Context) (int, error) {
			ran = append(ran, time.Since(start))
			return max(0, 3-len(ran)), nil
		}})
		time.Sleep(61 * time.Second)
		w.Wake()
		synctest.Wait()
		w.Stop(0)
		w.Wake()
		if diff := cmp.Diff([]time.Duration{0, 0, 0, time.Minute, 61 * time.Second}, ran); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Errors and panics are logged once, and rest longer each time, whoever wakes: that
// is heeded afterwards.
func TestErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		start := time.Now()
		var ran []time.Duration
		w := worker.Start(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), worker.Job{Name: "x", Run: func(context.Context) (int, error) {
			ran = append(ran, time.Since(start).Round(time.Second))
			switch len(ran) {
			case 1, 2, 3:
				return 0, errors.New("no database")
			case 4:
				panic("a bug")
			}
			return 0, nil
		}})
		synctest.Wait()
		w.Wake()
		time.Sleep(15500 * time.Millisecond)
		w.Stop(0)
		if diff := cmp.Diff([]time.Duration{0, 1 * time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second, 15 * time.Second}, ran); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for text, want := range map[string]int{"no database": 1, "panic: a bug": 1, "works again": 1} {
			if got := strings.Count(log.String(), text); got != want {
				t.Errorf("%q is %d times in the log:\n%s", text, got, log.String())
			}
		}
	})
}

// Stop lets a job end what it is at, but not for ever.
func TestStop(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		takes, grace, want time.Duration
	}{
		"in time":  {2 * time.Second, 5 * time.Second, 2 * time.Second},
		"too long": {time.Hour, 5 * time.Second, 5 * time.Second},
		"at once":  {time.Hour, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := worker.Start(t.Context(), slog.New(slog.DiscardHandler), worker.Job{Name: "x", Run: func(ctx context.Context) (int, error) {
					select {
					case <-time.After(c.takes):
						return 1, nil
					case <-ctx.Done():
						return 0, ctx.Err()
					}
				}})
				synctest.Wait()
				start := time.Now()
				w.Stop(c.grace)
				if got := time.Since(start); got != c.want {
					t.Errorf("stopped after %s", got)
				}
			})
		})
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for failures, want := range map[int]time.Duration{0: time.Second, 1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 7: time.Minute, 1000: time.Minute} {
		if got := worker.Backoff(failures, time.Minute); got != want {
			t.Errorf("%d: %s", failures, got)
		}
	}
}
