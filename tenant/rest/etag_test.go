package rest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

func tagOf(t testing.TB, body any) string {
	t.Helper()
	tag, err := rest.ETag(body)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

// TestETag depends on what a body says alone.
func TestETag(t *testing.T) {
	t.Parallel()
	a := tagOf(t, map[string]any{"x": 1, "y": []string{"z"}})
	if b := tagOf(t, map[string]any{"y": []string{"z"}, "x": 1}); a != b {
		t.Errorf("%s and %s of one body", a, b)
	}
	if b := tagOf(t, map[string]any{"x": 2}); a == b || len(b) != 24 {
		t.Errorf("%s and %s of two bodies", a, b)
	}
	if tag, err := rest.ETag(func() {}); err == nil {
		t.Errorf("%s of a function", tag)
	}
}

// TestIfMatch compares strongly, any of a list.
func TestIfMatch(t *testing.T) {
	t.Parallel()
	const body = "body"
	tag := tagOf(t, body)
	zipped := strings.TrimSuffix(tag, `"`) + `-gzip"`
	for header, want := range map[string]int{
		"": 0, "*": 0, " * ": 0, tag: 0, " " + tag + "\t": 0, zipped: 0, `"a,b", ` + tag: 0, `W/"a",` + tag: 0, "," + tag + ", ,": 0,
		"W/" + tag: 412, `"a"`: 412, `""`: 412, `"a", "b"`: 412, `"*"`: 412,
		"a": 400, "\"": 400, `"a`: 400, `a"`: 400, `w/"a"`: 400, "W/": 400, `"a" "b"`: 400, `"a b"`: 400, "*, " + tag: 400, ",": 400, " ": 400, "\"\x7f\"": 400,
		strings.Trim(tag, `"`): 400,
	} {
		got := 0
		if err := rest.IfMatch(header, body); err != nil {
			p, _ := rest.ProblemOf(err)
			got = p.Status
		}
		if got != want {
			t.Errorf("%q: %d instead of %d", header, got, want)
		}
	}
	if err := rest.IfMatch(tag, func() {}); err == nil {
		t.Error("a function matches")
	}
}

// TestNotModified is for a GET or HEAD that is answered 200 with an ETag.
func TestNotModified(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, etag string
		status, want int
	}{
		"GET": {"GET", `"a"`, 200, 304}, "HEAD": {"HEAD", `"a"`, 200, 304}, "weak": {"GET", `W/"a"`, 200, 304},
		"another": {"GET", `"b"`, 200, 200}, "none": {"GET", "", 200, 200}, "broken": {"GET", "a", 200, 200},
		"POST": {"POST", `"a"`, 200, 200}, "created": {"GET", `"a"`, 201, 201},
	} {
		s := newService(t, func(w http.ResponseWriter, r *http.Request) {
			if c.etag != "" {
				rest.Header(r.Context()).Set("ETag", c.etag)
			}
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Content-Length", "4")
			w.WriteHeader(c.status)
			if n, err := w.Write([]byte("body")); n != 4 || err != nil {
				t.Errorf("%s: %d bytes written, %v", name, n, err)
			}
		})
		r := httptest.NewRequestWithContext(t.Context(), c.method, "/things", strings.NewReader(`{"name":"x","owner":"`+someID+`"}`))
		r.Header.Set("Authorization", "Bearer x")
		r.Header.Set("Content-Type", "application/json")
		r.Header["If-None-Match"] = []string{`"x"`, `"a"`}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.want || (w.Body.Len() == 0) != (c.want == 304) || (w.Header().Get("Content-Type") == "") != (c.want == 304) {
			t.Errorf("%s: %d, %q, %v", name, w.Code, w.Body, w.Header())
		}
	}
}

// FuzzIfMatch finds a tag in each list that holds it, and reads each list again
// as it was read first.
func FuzzIfMatch(f *testing.F) {
	for _, seed := range []string{"*", `"a"`, `W/"a", "b"`, `"a,b"`, ",", "", `"`, "W/", `"é"`, "\"a\"\t,"} {
		f.Add(seed)
	}
	tag := tagOf(f, "body")
	f.Fuzz(func(t *testing.T, header string) {
		status := func(header string) int {
			err := rest.IfMatch(header, "body")
			if err == nil {
				return http.StatusOK
			}
			p, _ := rest.ProblemOf(err)
			return p.Status
		}
		alone := status(header)
		if alone != http.StatusOK && alone != http.StatusPreconditionFailed && alone != http.StatusBadRequest {
			t.Fatalf("%q: %d", header, alone)
		}
		if strings.Trim(header, " \t") == "*" || header == "" {
			return
		}
		for _, list := range []string{header + ", " + tag, tag + "," + header} {
			got := status(list)
			if alone == http.StatusBadRequest && strings.Trim(header, ", \t") == "" {
				alone = http.StatusPreconditionFailed // Empty elements are none.
			}
			if (alone == http.StatusBadRequest) != (got == http.StatusBadRequest) || (got != http.StatusOK && got != http.StatusBadRequest) {
				t.Errorf("%q: %d, with the tag %d", header, alone, got)
			}
		}
	})
}
