package rest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// TestOptions tells the methods of a path, to anybody.
func TestOptions(t *testing.T) {
	t.Parallel()
	s := newService(t, func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })
	for path, want := range map[string]string{
		"/things": "GET, HEAD, OPTIONS, POST", "/things/" + someID: "DELETE, GET, HEAD, OPTIONS", "/labels/%61": "GET, HEAD, OPTIONS",
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodOptions, path, http.NoBody))
		if w.Code != http.StatusNoContent || w.Header().Get("Allow") != want || w.Body.Len() > 0 || w.Header().Get("X-Request-ID") == "" {
			t.Errorf("%s: %d %v %s", path, w.Code, w.Header(), w.Body)
		}
	}
	if w := s.do(t, "OPTIONS", "/nothing", ""); w.Code != http.StatusNotFound {
		t.Errorf("an unknown path: %d", w.Code)
	}
}

// TestHead has the status and the headers of GET, and no body.
func TestHead(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("state") {
			rest.WriteError(w, r, rest.Errorf(http.StatusConflict, "no"))
			return
		}
		rest.Header(r.Context()).Set("ETag", `"x"`)
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write([]byte(`{"small": true}`)); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(s)
	defer server.Close()
	for _, path := range []string{"/things", "/things?state=new", "/things?limit=0", "/nothing"} {
		var headers [2]http.Header
		var status [2]int
		for i, method := range []string{http.MethodGet, http.MethodHead} {
			r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer x")
			res, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			headers[i], status[i] = res.Header, res.StatusCode
			headers[i].Del("Date")
			headers[i].Del("X-Request-ID")
		}
		if diff := cmp.Diff(headers[0], headers[1]); diff != "" || status[0] != status[1] {
			t.Errorf("%s: %d and %d: %s", path, status[0], status[1], diff)
		}
	}
}

// TestRequestID is the client's where it can mean one request and forge nothing.
func TestRequestID(t *testing.T) {
	t.Parallel()
	var seen string
	s := newService(t, func(_ http.ResponseWriter, r *http.Request) { seen = rest.RequestID(r.Context()) })
	for id, taken := range map[string]bool{
		"abcDEF.1-2_": true, strings.Repeat("x", 64): true, "01234567": true,
		"": false, "0123456": false, strings.Repeat("x", 65): false, "with space": false, "0123456\x00": false,
		"ümlaut-is-no-letter": false, "12345678\"}": false, "12345678\n{\"level\":\"ERROR\"}": false, "12345678\n": false,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/open", http.NoBody)
		r.Header["X-Request-Id"] = []string{id}
		w := httptest.NewRecorder()
		before := len(s.log.String())
		s.ServeHTTP(w, r)
		got := w.Header().Get("X-Request-ID")
		if (got == id) != taken || got != seen || got == "" {
			t.Errorf("%q: answered %q, the handler saw %q", id, got, seen)
		}
		if log := s.log.String()[before:]; strings.Count(log, "\n") != 1 || strings.Contains(log, "ERROR") || !strings.Contains(log, got) {
			t.Errorf("%q: log %s", id, log)
		}
	}
}

// TestDeprecation is announced on every answer and changes none.
func TestDeprecation(t *testing.T) {
	t.Parallel()
	operation := func(id, more string) string {
		return `get: {operationId: ` + id + `, security: [], responses: {"200": {description: ok}}, ` + more + `}`
	}
	doc := func(paths string) string {
		return "openapi: 3.0.3\ninfo: {title: x, version: \"1\"}\npaths:\n" + paths
	}
	h, err := rest.Wrap(load(t, doc("  /old: {"+operation("old", "deprecated: true, x-sunset: 2027-06-30, x-deprecated-since: \"2023-07-01\", x-deprecation-link: https://example.com/migrate")+"}\n"+
		"  /silent: {"+operation("silent", "deprecated: true")+"}\n"+
		"  /past: {"+operation("past", "deprecated: true, x-sunset: \"2001-01-01\"")+"}\n"+
		"  /new: {"+operation("new", "summary: New")+"}\n")),
		rest.Options{Logger: quiet}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("fail") {
				rest.WriteError(w, r, rest.Errorf(http.StatusConflict, "no"))
			}
		}))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][3]string{
		"/old":      {"@1688169600", "Wed, 30 Jun 2027 00:00:00 GMT", `<https://example.com/migrate>; rel="deprecation"`},
		"/old?fail": {"@1688169600", "Wed, 30 Jun 2027 00:00:00 GMT", `<https://example.com/migrate>; rel="deprecation"`},
		"/silent":   {"@0"},
		"/past":     {"@0", "Mon, 01 Jan 2001 00:00:00 GMT"},
		"/new":      {},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		got := [3]string{w.Header().Get("Deprecation"), w.Header().Get("Sunset"), w.Header().Get("Link")}
		if got != want || (w.Code == http.StatusConflict) != strings.HasSuffix(path, "fail") {
			t.Errorf("%s: %d %q", path, w.Code, got)
		}
	}
	for _, name := range []string{"x-sunset", "x-deprecated-since"} {
		_, err := rest.Wrap(load(t, doc("  /old: {"+operation("old", "deprecated: true, "+name+": soon")+"}\n")), rest.Options{}, http.NotFoundHandler())
		if err == nil || !strings.Contains(err.Error(), name+" soon is no date") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
