package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bailiwick-dev/bailiwick/client"
)

// serve starts a service of one handler, and makes a client of it that never waits.
func serve(t *testing.T, handler http.HandlerFunc) (*client.Client, string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, &client.Options{MinBackoff: 1, MaxBackoff: 1, UserAgent: "test/1"})
	if err != nil {
		t.Fatal(err)
	}
	return c, server.URL
}

func newRequest(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestBaseURL(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://acme.example":       "",
		"http://localhost:8080/base": "",
		"acme.example":               "is not absolute; write one such as https://acme.example.com",
		"":                           "is not absolute",
		"ftp://acme.example":         "is not absolute",
		"https://":                   "is not absolute",
		"https://acme.example?x=1":   "has a query or a fragment; leave it out",
		"https://a b":                "can't be read; write one such as",
	} {
		_, err := client.New(url, nil)
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mediaType, body string
		want            client.Problem
		kind, text      string
	}{
		"a document": {
			"application/problem+json; charset=utf-8",
			`{"type":"https://bailiwick.dev/problems/invalid","title":"The request is not valid","status":200,"detail":"sort it out","errors":[{"in":"body","pointer":"/uid","detail":"too short"},{"in":"query","parameter":"limit","detail":"too long"}],"extra":1}`,
			client.Problem{
				Type: "https://bailiwick.dev/problems/invalid", Title: "The request is not valid", Detail: "sort it out",
				Errors: []client.FieldError{{In: "body", Pointer: "/uid", Detail: "too short"}, {In: "query", Parameter: "limit", Detail: "too long"}},
			},
			"invalid", "GET /v1/things: 422 The request is not valid: sort it out: body /uid: too short; query limit: too long (request r-1)",
		},
		"without a detail": {
			"application/problem+json", `{"type":"about:blank","title":"Hm"}`, client.Problem{Type: "about:blank", Title: "Hm"},
			"", "GET /v1/things: 422 Hm (request r-1)",
		},
		"an empty document": {"application/problem+json", `{}`, client.Problem{Type: "about:blank", Title: "Unprocessable Entity"}, "", "GET /v1/things: 422 Unprocessable Entity (request r-1)"},
		"half a document":   {"application/problem+json", `{"type":"x","ti`, client.Problem{Type: "about:blank", Title: "Unprocessable Entity"}, "", "GET /v1/things: 422 Unprocessable Entity (request r-1)"},
		"a wrong document":  {"application/problem+json", `{"type":"x","title":1}`, client.Problem{Type: "about:blank", Title: "Unprocessable Entity"}, "", "GET /v1/things: 422 Unprocessable Entity (request r-1)"},
		"a proxy's page":    {"text/html", `<h1>no</h1>`, client.Problem{Type: "about:blank", Title: "Unprocessable Entity"}, "", "GET /v1/things: 422 Unprocessable Entity (request r-1)"},
	} {
		sender, url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.mediaType)
			w.Header().Set("X-Request-ID", "r-1")
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, c.body)
		})
		_, err := sender.Do(newRequest(t, "GET", url+"/v1/things?secret=1", nil)) //nolint:bodyclose // There is none beside an error.
		got, ok := errors.AsType[*client.Problem](err)
		if !ok {
			t.Fatalf("%s: %v", name, err)
		}
		want := c.want
		want.Status, want.Body = http.StatusUnprocessableEntity, []byte(c.body)
		if diff := cmp.Diff(&want, got, cmpopts.IgnoreUnexported(client.Problem{}), cmpopts.IgnoreFields(client.Problem{}, "Header")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got.Error() != c.text || got.Kind() != c.kind || got.RequestID() != "r-1" {
			t.Errorf("%s: %s %s", name, got.Kind(), got)
		}
	}
}

// What is no error is the caller's: 304 is an answer.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 204, 304} {
		c, url := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		res, err := c.Do(newRequest(t, "GET", url, nil))
		if err != nil || res.StatusCode != status {
			t.Fatalf("%d: %v", status, err)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A body goes whole to where a redirect leads, and is sent again from there.
func TestRedirectsAndRetriesTogether(t *testing.T) {
	t.Parallel()
	var seen []string
	c, url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		seen = append(seen, fmt.Sprintf("%s %s %q %d %s", r.Method, r.URL.Path, text, r.ContentLength, r.UserAgent()))
		switch {
		case r.URL.Path == "/old":
			http.Redirect(w, r, "/new", http.StatusPermanentRedirect)
		case len(seen) < 4:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	res, err := c.Do(newRequest(t, "PUT", url+"/old", strings.NewReader("text")))
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	again := `PUT /new "text" 4 test/1`
	if diff := cmp.Diff([]string{`PUT /old "text" 4 test/1`, again, again, again}, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEditors(t *testing.T) {
	t.Parallel()
	req := newRequest(t, "POST", "https://acme.example", nil)
	if err := errors.Join(client.Bearer("")(t.Context(), req), client.Bearer("")(t.Context(), req)); err != nil || len(req.Header) != 0 {
		t.Errorf("%v %v", err, req.Header)
	}
	editor := client.IdempotencyKey()
	if err := errors.Join(client.Bearer("secret")(t.Context(), req), editor(t.Context(), req)); err != nil {
		t.Fatal(err)
	}
	key := req.Header.Get("Idempotency-Key")
	if req.Header.Get("Authorization") != "Bearer secret" || len(key) < 20 {
		t.Errorf("%v", req.Header)
	}
	same, other := newRequest(t, "POST", "https://acme.example", nil), newRequest(t, "POST", "https://acme.example", nil)
	if err := errors.Join(editor(t.Context(), same), client.IdempotencyKey()(t.Context(), other)); err != nil {
		t.Fatal(err)
	}
	if same.Header.Get("Idempotency-Key") != key || other.Header.Get("Idempotency-Key") == key {
		t.Error("one call has two keys, or two calls have one")
	}
	if err := client.IdempotencyKey()(t.Context(), req); err != nil || req.Header.Get("Idempotency-Key") != key {
		t.Error("a key of the caller's own is replaced")
	}
}
