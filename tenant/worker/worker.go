// Package worker runs jobs beside requests: what was written down in the
// database and is to be done by whoever comes to it first. Each job is looked for
// again and again, so that nothing depends on a message that could be lost.
//
//	w := worker.Start(ctx, logger, worker.Job{Name: "signups", Run: provision})
//	...
//	w.Stop(grace)
//
// Several workers, in one process or in several, are safe as long as the jobs
// are: each takes its work by FOR UPDATE SKIP LOCKED, or does what can be done
// twice.
//
// The package imports the standard library alone.
package worker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// DefaultEvery is how often a job is looked for that says nothing about it.
	DefaultEvery = time.Second
	// MaxWait is how long a job that fails rests at most.
	MaxWait = time.Minute
)

// Job is work that comes up again and again.
type Job struct {
	// Name stands in the log.
	Name string
	// Every is how long to wait after there was nothing to do. Zero means
	// DefaultEvery.
	Every time.Duration
	// Run does what is due, or a part of it, and says how much that was. As long
	// as there was something it is called again at once. After an error it is
	// called again later, and later each time. Its context ends when the worker
	// has been stopped for longer than it was given.
	Run func(ctx context.Context) (done int, err error)
}

// Worker is a set of running jobs, of which each has its own goroutine: one that
// is slow keeps no other waiting.
type Worker struct {
	stop   chan struct{}
	cancel context.CancelFunc
	group  sync.WaitGroup
	wakes  []chan struct{}
	once   sync.Once
}

// Start runs jobs until Stop, whenever ctx ends.
func Start(ctx context.Context, logger *slog.Logger, jobs ...Job) *Worker {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &Worker{stop: make(chan struct{}), cancel: cancel}
	for _, job := range jobs {
		wake := make(chan struct{}, 1)
		w.wakes = append(w.wakes, wake)
		l := loop{Job: job, logger: logger.With("job", job.Name), stop: w.stop, wake: wake}
		w.group.Go(func() { l.run(ctx) })
	}
	return w
}

// Wake has every job that waits look for work now. Those that rest after an
// error go on resting.
func (w *Worker) Wake() {
	for _, wake := range w.wakes {
		select {
		case wake <- struct{}{}:
		default: // It is about to look anyway.
		}
	}
}

// Stop lets the jobs end what they are at, for as long as grace, then cancels
// them, and waits until all have ended. It may be called more than once.
func (w *Worker) Stop(grace time.Duration) {
	w.once.Do(func() { close(w.stop) })
	timer := time.AfterFunc(grace, w.cancel)
	w.group.Wait()
	timer.Stop()
	w.cancel()
}

// loop is one job at work.
type loop struct {
	Job

	logger     *slog.Logger
	stop, wake <-chan struct{}
	failures   int
	told       string // The error that is in the log.
}

func (l *loop) run(ctx context.Context) {
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		done, err := l.try(ctx)
		select {
		case <-l.stop:
			return
		default:
		}
		if err == nil && done > 0 {
			l.worked(ctx)
			continue
		}
		if !l.wait(l.pause(ctx, err), err == nil) {
			return
		}
	}
}

// try runs the job once. A panic is an error like others: it ends no process.
func (l *loop) try(ctx context.Context) (done int, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return l.Run(ctx)
}

// pause is how long to wait. An error is logged when it is another one than last
// time, and so is its end.
func (l *loop) pause(ctx context.Context, err error) time.Duration {
	every := cmp.Or(l.Every, DefaultEvery)
	if err == nil {
		l.worked(ctx)
		return every
	}
	l.failures++
	if text := err.Error(); text != l.told {
		l.told = text
		l.logger.WarnContext(ctx, "the job failed and is tried again", "error", text)
	}
	return max(every, Backoff(l.failures, MaxWait))
}

func (l *loop) worked(ctx context.Context) {
	if l.told != "" {
		l.logger.InfoContext(ctx, "the job works again", "failures", l.failures)
	}
	l.failures, l.told = 0, ""
}

// wait waits, and tells whether to go on.
func (l *loop) wait(pause time.Duration, wakeable bool) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	wake := l.wake
	if !wakeable {
		wake = nil
	}
	select {
	case <-l.stop:
		return false
	case <-wake:
	case <-timer.C:
	}
	return true
}

// Backoff is how long to wait after so many failures in a row: a second, two,
// four, and so on up to limit.
func Backoff(failures int, limit time.Duration) time.Duration {
	const most = 20 // A shift beyond that is longer than any limit.
	return min(time.Second<<min(max(failures, 1)-1, most), limit)
}
