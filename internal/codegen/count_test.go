package codegen_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	counted "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/counted/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// TestCount gives the total of the whole list, under its filters, when asked to.
func TestCount(t *testing.T) {
	t.Parallel()
	var rows strings.Builder
	for i := range 9 {
		fmt.Fprintf(&rows, "INSERT INTO events VALUES ('%s', '2026-01-0%d', %d, 'event %d');\n", uid(i), i+1, i%3, i)
	}
	s := serve(t, "counted", rows.String(), func(db *tenant.DB, o rest.Options) (http.Handler, error) {
		return counted.New(counted.Config{DB: db, Options: o})
	})
	for _, c := range []struct{ path, prefer, total, applied string }{
		{"/events?limit=2", "count=exact", "9", "count=exact"},
		{"/events?limit=2&severity=1", "respond-async, count=exact", "3", "count=exact"},
		{"/events?limit=2&severity=1&since=2026-01-03T00:00:00Z", "count=exact", "2", "count=exact"},
		{"/events?limit=2", "", "null", ""},
		{"/events?limit=2", "count=none", "null", ""},
		{"/titles?severity=2", "count=exact", "3", "count=exact"},
		{"/titles?severity=2", "", "", ""},
		{"/all?all=false&title=none", "count=exact", "9", "count=exact"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+c.path, http.NoBody)
		check(t, err)
		if c.prefer != "" {
			r.Header.Set("Prefer", c.prefer)
		}
		res, err := http.DefaultClient.Do(r)
		check(t, err)
		var body map[string]any
		data, err := io.ReadAll(res.Body)
		check(t, err)
		check(t, res.Body.Close())
		decode(t, data, &body)
		total, ok := body["total"]
		text := ""
		switch {
		case ok && total == nil:
			text = "null"
		case ok:
			text = fmt.Sprint(total)
		}
		if res.StatusCode != http.StatusOK || text != c.total || res.Header.Get("Preference-Applied") != c.applied {
			t.Errorf("%s, prefer %q: %d, total %q, applied %q: %s", c.path, c.prefer, res.StatusCode, text, res.Header.Get("Preference-Applied"), data)
		}
	}
}
