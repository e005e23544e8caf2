package rest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Two spellings of one path are one path (RFC 3986, 6.2.2.2), and the handler
// gets what the client wrote.
func TestPercentEncodedPaths(t *testing.T) {
	t.Parallel()
	var path, value, query string
	s := newService(t, func(_ http.ResponseWriter, r *http.Request) {
		path, query = r.URL.EscapedPath(), r.URL.RawQuery
		value, _ = url.PathUnescape(path[strings.LastIndex(path, "/")+1:])
	})
	for target, want := range map[string]int{
		"/%74hings?limit=7":        http.StatusOK,
		"/t%68ings/" + someID:      http.StatusOK,
		"/%74hings/not-a-uuid":     http.StatusBadRequest,
		"/%6Cabels/a%20b":          http.StatusOK,
		"/gr%C3%B6%C3%9Fen":        http.StatusOK,
		"/gr%c3%b6%c3%9fen":        http.StatusOK,
		"/things%2F" + someID:      http.StatusNotFound,
		"/%74hing":                 http.StatusNotFound,
		"/labels/a%2Fb":            http.StatusBadRequest,
		"/things/%2e%2e/%74hings/": http.StatusNotFound,
	} {
		path, value, query = "", "", ""
		w := s.do(t, "GET", target, "")
		if w.Code != want {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
		if own, _, _ := strings.Cut(target, "?"); w.Code == http.StatusOK && path != own {
			t.Errorf("%s: the handler got %s", target, path)
		}
		switch target {
		case "/%74hings?limit=7":
			if query != "limit=7" {
				t.Errorf("query %q", query)
			}
		case "/%6Cabels/a%20b":
			if value != "a b" {
				t.Errorf("label %q", value)
			}
		}
	}
	if w := s.do(t, "PUT", "/%74hings", ""); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d %s", w.Code, w.Body)
	}
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	s := newService(t, func(http.ResponseWriter, *http.Request) {})
	for header, want := range map[string]int{
		"application/json":                  http.StatusOK,
		`Application/JSON; charset="UTF-8"`: http.StatusOK,
		"application/json; charset=utf-16":  http.StatusUnsupportedMediaType,
		"application/json; charset":         http.StatusUnsupportedMediaType,
		"application/x-www-form-urlencoded": http.StatusUnsupportedMediaType,
		"application/vnd.thing+json":        http.StatusUnsupportedMediaType,
		"json":                              http.StatusUnsupportedMediaType,
		"":                                  http.StatusUnsupportedMediaType,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/things", strings.NewReader(`{"name":"x","owner":"`+someID+`"}`))
		r.Header.Set("Content-Type", header)
		r.Header.Set("Authorization", "Bearer x")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d %s", header, w.Code, w.Body)
		}
		if want != http.StatusOK {
			problem(t, w)
		}
	}
}

// A parameter is text that PostgreSQL can hold, and a boolean is true or false:
// anything else is malformed, before a handler runs.
func TestParametersAreText(t *testing.T) {
	t.Parallel()
	s := newService(t, func(http.ResponseWriter, *http.Request) {})
	for target, want := range map[string]int{
		"/things?search=%E2%80%AE%F0%9F%98%80": http.StatusOK,
		"/things?search=a%00b":                 http.StatusBadRequest,
		"/things?search=%ff":                   http.StatusBadRequest,
		"/things?search=%ED%A0%80":             http.StatusBadRequest,
		"/things?unknown=1":                    http.StatusOK, // It is ignored.
		"/things?unknown%00=1":                 http.StatusBadRequest,
		"/things?unknown=%C0%80":               http.StatusBadRequest,
		"/labels/a%00":                         http.StatusBadRequest,
		"/labels/%ff":                          http.StatusBadRequest,
		"/things?broken=true":                  http.StatusOK,
		"/things?broken=false":                 http.StatusOK,
		"/things?broken=1":                     http.StatusBadRequest,
		"/things?broken=T":                     http.StatusBadRequest,
		"/things?broken=true&broken=TRUE":      http.StatusBadRequest,
	} {
		if w := s.do(t, "GET", target, ""); w.Code != want {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

// A compressed body is not read as text, whatever it is.
func TestCompressedBodies(t *testing.T) {
	t.Parallel()
	h := wrap(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	for coding, want := range map[string]int{"": 200, "identity": 200, "gzip": 415, "identity, gzip": 415, "GZIP": 415} {
		for _, media := range []string{ndjson, "application/json"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/lines", strings.NewReader(`{"uid":"a"}`))
			r.Header.Set("Content-Type", media)
			if coding != "" {
				r.Header.Set("Content-Encoding", coding)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != want || (want == http.StatusUnsupportedMediaType) != (w.Header().Get("Accept-Encoding") == "identity") {
				t.Errorf("%q of %s: status %d, %v", coding, media, w.Code, w.Header())
			}
		}
	}
}
