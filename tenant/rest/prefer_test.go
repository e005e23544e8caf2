package rest_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// TestTotal counts when it is asked to, and says so.
func TestTotal(t *testing.T) {
	t.Parallel()
	for prefer, want := range map[string]bool{
		"count=exact": true, "Count = exact ": true, `count="exact"`: true, "respond-async, count=exact": true,
		"count=exact; x=1": true, "handling=lenient;a=b,count=exact": true, `x="a,b", count=exact`: true, "count=exact, count=none": true,
		"": false, "count": false, "count=none": false, "counts=exact": false, "count=exactly": false, "count=none, count=exact": false,
		`x="a, count=exact, b"`: false, `x="\", count=exact`: false, "x=count=exact": false,
	} {
		counted := false
		s := newService(t, func(_ http.ResponseWriter, r *http.Request) {
			n, err := rest.Total(r.Context(), &prefer, func() (int64, error) {
				counted = true
				return 7, nil
			})
			if err != nil || (n != nil) != want || (want && *n != 7) {
				t.Errorf("%q: %v, %v", prefer, n, err)
			}
		})
		w := s.do(t, "GET", "/things", "")
		if applied := w.Header().Get("Preference-Applied") == "count=exact"; applied != want || counted != want {
			t.Errorf("%q: counted %v, headers %v", prefer, counted, w.Header())
		}
	}
	if n, err := rest.Total[string](t.Context(), nil, nil); n != nil || err != nil {
		t.Errorf("without the header: %v, %v", n, err)
	}
	failure, prefer := errors.New("failed"), "count=exact"
	if _, err := rest.Total(t.Context(), &prefer, func() (int64, error) { return 0, failure }); !errors.Is(err, failure) {
		t.Errorf("an error: %v", err)
	}
}

// FuzzPrefer reads any header without failing, and counts for none that does
// not say so.
func FuzzPrefer(f *testing.F) {
	for _, text := range []string{"count=exact", `x="\"", count=exact`, ",;=\""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, prefer string) {
		n, err := rest.Total(t.Context(), &prefer, func() (int64, error) { return 1, nil })
		if err != nil || (n != nil && (!strings.Contains(strings.ToLower(prefer), "count") || !strings.Contains(prefer, "exact"))) {
			t.Errorf("%q: %v, %v", prefer, n, err)
		}
	})
}
