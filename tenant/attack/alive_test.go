package attack_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/attack"
)

// failing are ways to answer everybody the same, whatever is asked.
var failing = map[string]http.HandlerFunc{
	"hangs up":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"is busy":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
	"limits":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
	"fails":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
	"knows none": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
}

// attackedWith runs some of the attacks at a service, one by one.
func attackedWith(t *testing.T, service http.HandlerFunc, only ...int) *attack.Report {
	t.Helper()
	s := httptest.NewServer(service)
	defer s.Close()
	target := parties(s.URL)
	target.Only, target.Timeout = only, 100*time.Millisecond
	report, err := attack.Run(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestServiceThatEndsInTheMiddle: a service that serves A and B until the attacks
// begin, and then nobody, has nothing that is safe, and the run fails.
func TestServiceThatEndsInTheMiddle(t *testing.T) {
	t.Parallel()
	good := notesFor("a", "b")
	for name, fails := range failing {
		for _, only := range [][]int{{1}, {8, 9, 10, 11}, {13, 17}, {25}, {26}, {38}} {
			var asked atomic.Int64
			report := attackedWith(t, func(w http.ResponseWriter, r *http.Request) {
				if asked.Add(1) <= 2 { // Both are looked at before.
					good(w, r)
					return
				}
				fails(w, r)
			}, only...)
			found := map[int]bool{}
			for _, r := range report.Results {
				if r.Outcome == attack.Safe {
					t.Errorf("a service that %s: attack %d, %s is called safe: %s", name, r.Attack, r.Case, r.Got)
				}
				found[r.Attack] = found[r.Attack] || r.Outcome == attack.Unsafe && r.Case == "the tenants after these attacks"
			}
			for _, n := range only {
				if !found[n] {
					t.Errorf("a service that %s passes attack %d: %s", name, n, report.Summary())
				}
			}
		}
	}
}

// TestServiceThatFailsWhatIsTried: who is served has an answer, and everything else
// is refused for another reason than that it is an attack.
func TestServiceThatFailsWhatIsTried(t *testing.T) {
	t.Parallel()
	good := careless
	for name, fails := range failing {
		for _, c := range []struct {
			number int
			served func(*http.Request) bool
		}{
			{25, func(r *http.Request) bool {
				return r.Host == "acme.example" || r.Host == "globex.example" && r.Header.Get("Authorization") == "Bearer b"
			}},
			{26, func(r *http.Request) bool { return r.URL.Path == "/notes" }},
		} {
			if c.number == 25 && name == "knows none" {
				continue // That is how it should be.
			}
			report := attackedWith(t, func(w http.ResponseWriter, r *http.Request) {
				if c.served(r) {
					good(w, r)
					return
				}
				fails(w, r)
			}, c.number)
			for _, r := range report.Results {
				if r.Outcome != attack.NotTried || r.Operation != "" && !strings.Contains(r.Reason, "does not answer what was asked") {
					t.Errorf("a service that %s: attack %d, %s is %s: %s %s", name, r.Attack, r.Case, r.Outcome, r.Got, r.Reason)
				}
			}
		}
	}
}

// TestLate: an answer that does not come in time says nothing, and a service that is
// slow is not one that serves nobody.
func TestLate(t *testing.T) {
	t.Parallel()
	for _, number := range []int{3, 4, 38} {
		var asked atomic.Int64
		report := attackedWith(t, func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) > 2 { // Both are looked at before.
				select {
				case <-r.Context().Done():
					return
				case <-time.After(150 * time.Millisecond):
				}
			}
			careless(w, r)
		}, number)
		if report.Attempts() == len(report.Results) {
			t.Errorf("attack %d: nothing was late", number)
		}
		for _, r := range report.Results {
			if r.Outcome == attack.Unsafe {
				t.Errorf("attack %d, %s is %s: %s %s", r.Attack, r.Case, r.Outcome, r.Got, r.Reason)
			}
		}
	}
}

// TestOnlyOneAnswerIsCutOff: what hangs up on B's things, and has an answer to what
// is nobody's, tells which are there.
func TestOnlyOneAnswerIsCutOff(t *testing.T) {
	t.Parallel()
	for number, theirs := range map[int]func(*http.Request) bool{
		25: func(r *http.Request) bool {
			return r.Host == "globex.example" && r.Header.Get("Authorization") != "Bearer b"
		},
		26: func(r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, idB) && r.Header.Get("Authorization") == "Bearer a"
		},
	} {
		report := attackedWith(t, func(w http.ResponseWriter, r *http.Request) {
			if theirs(r) {
				panic(http.ErrAbortHandler)
			}
			careless(w, r)
		}, number)
		if len(report.Unsafe()) == 0 {
			t.Errorf("attack %d does not see it: %s", number, report.Summary())
		}
	}
}
