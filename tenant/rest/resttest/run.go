package resttest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// maxFailures is how many different failures are printed.
const maxFailures = 25

// fuzzer is one run.
type fuzzer struct {
	*generator
	*document

	api      http.Handler
	o        Options
	started  time.Time
	sent     int
	statuses map[int]int
	// succeeded counts per operation the answers below 400.
	succeeded map[string]int
	failures  []string
	seen      map[string]bool
}

func newFuzzer(d *document, api http.Handler, o Options) *fuzzer {
	f := &fuzzer{generator: newGenerator(o.Seed), document: d, api: api, o: o, started: time.Now()}
	f.known = newKnown(d.things)
	f.statuses, f.succeeded, f.seen = map[int]int{}, map[string]int{}, map[string]bool{}
	return f
}

// run first reads what there is, then sends each operation one request a round.
func (f *fuzzer) run(t testing.TB) {
	t.Helper()
	for range 2 {
		for _, op := range f.operations {
			if op.method == http.MethodGet {
				f.send(t, f.newRequest(f.document, op, false))
			}
		}
	}
	order := slices.Clone(f.operations)
	for range f.o.Requests {
		f.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, op := range order {
			if len(f.failures) >= maxFailures {
				return
			}
			f.send(t, f.next(op))
		}
	}
}

// next is most often a valid request.
func (f *fuzzer) next(op *operation) *request {
	switch n := f.IntN(100); {
	case n < 50:
		return f.newRequest(f.document, op, false)
	case n < 72:
		return f.newRequest(f.document, op, true)
	default:
		r := f.newRequest(f.document, op, false)
		f.odd(r)
		return r
	}
}

func (f *fuzzer) send(t testing.TB, r *request) {
	t.Helper()
	a := f.exchange(t, r)
	if a == nil {
		return
	}
	f.sent++
	f.statuses[a.status]++
	if a.status < http.StatusBadRequest {
		f.succeeded[r.op.name()]++
		path, _, _ := strings.Cut(r.target(), "?")
		f.known.learn(r.op, path, a.header, a.value())
	}
	err := f.fault(r, a, f.o.Numbered)
	if err == nil {
		return
	}
	kind := fmt.Sprintf("%s %d %.60s", r.op.name(), a.status, err)
	if !f.seen[kind] {
		f.seen[kind] = true
		f.failures = append(f.failures, fmt.Sprintf("%s: %v\n%s\nrequest %d; answered: %d %.1000q", r.op.name(), err, curl(r), f.sent, a.status, a.body))
	}
}

// exchange sends a request; nil when no server would have passed it on.
func (f *fuzzer) exchange(t testing.TB, r *request) *answer {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := r.http(ctx)
	if err != nil {
		return nil
	}
	if f.o.Prepare != nil {
		f.o.Prepare(req)
	}
	done := make(chan *answer, 1)
	go func() {
		w, a := httptest.NewRecorder(), &answer{}
		defer func() {
			a.panicked = recover()
			a.status, a.header, a.body = w.Code, w.Result().Header, unzipped(w)
			done <- a
		}()
		f.api.ServeHTTP(w, req)
	}()
	select {
	case a := <-done:
		return a
	case <-time.After(f.o.Timeout):
		t.Fatalf("resttest: %s: no answer within %s, seed %d\n%s", r.op.name(), f.o.Timeout, f.o.Seed, curl(r))
		return nil
	}
}

// report says what failed, and how deep the requests went.
func (f *fuzzer) report(t testing.TB) {
	t.Helper()
	for _, failure := range f.failures {
		t.Errorf("%s", failure)
	}
	if len(f.failures) > 0 {
		t.Errorf("%s=%d %s=%d repeats these requests", EnvSeed, f.o.Seed, EnvRequests, f.o.Requests)
	}
	var never []string
	for _, op := range f.operations {
		if f.succeeded[op.name()] == 0 {
			never = append(never, op.name())
		}
	}
	took := time.Since(f.started)
	t.Logf("%d operations, %d requests in %s (%.0f/s), seed %d, answers %s, never a success: %s", len(f.operations), f.sent,
		took.Round(time.Millisecond), float64(f.sent)/took.Seconds(), f.o.Seed, f.counts(), cmp.Or(strings.Join(never, " "), "none"))
}

func (f *fuzzer) counts() string {
	parts := make([]string, 0, len(f.statuses))
	for _, status := range sortedKeys(f.statuses) {
		parts = append(parts, fmt.Sprintf("%d×%d", status, f.statuses[status]))
	}
	return strings.Join(parts, " ")
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
