package rest_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

func TestDefaultsAndContextReachTheHandler(t *testing.T) {
	t.Parallel()
	var query, subject, id string
	var bound tenant.Tenant
	s := newService(t, func(_ http.ResponseWriter, r *http.Request) {
		query, subject, id = r.URL.RawQuery, rest.Subject(r.Context()), rest.RequestID(r.Context())
		bound, _ = tenant.FromContext(r.Context())
	})
	w := s.do(t, "GET", "/things?state=new", "")
	if w.Code != http.StatusOK || query != "limit=25&state=new" || subject != "alice" || bound != acme {
		t.Fatalf("%d, query %q, subject %q, tenant %v", w.Code, query, subject, bound)
	}
	if id == "" || w.Header().Get("X-Request-ID") != id {
		t.Fatalf("request id %q, header %q", id, w.Header().Get("X-Request-ID"))
	}
	for _, part := range []string{id, `"operation":"listThings"`, acme.ID.String(), `"status":200`} {
		if !strings.Contains(s.log.String(), part) {
			t.Errorf("log lacks %s: %s", part, s.log.String())
		}
	}
	if strings.Contains(s.log.String(), "state=new") {
		t.Errorf("log holds the query: %s", s.log.String())
	}
}

func TestBodyDefaultsAreAppliedWithoutLoss(t *testing.T) {
	t.Parallel()
	var got string
	s := newService(t, func(_ http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = string(data)
	})
	w := s.do(t, "POST", "/things", `{"name":"x","owner":"`+someID+`"}`)
	if w.Code != http.StatusOK || !strings.Contains(got, `"size":7`) {
		t.Fatalf("%d, body %s", w.Code, got)
	}
	s.do(t, "POST", "/things", `{"name":"x","owner":"`+someID+`","size":9007199254740993}`)
	if !strings.Contains(got, "9007199254740993") {
		t.Fatalf("integer lost: %s", got)
	}
}

func TestOperationsAreDescribed(t *testing.T) {
	t.Parallel()
	s := newService(t, func(http.ResponseWriter, *http.Request) {})
	for _, c := range [][2]string{{"GET", "/things"}, {"DELETE", "/things/" + someID}, {"GET", "/labels/a%20b"}, {"GET", "/open"}, {"HEAD", "/things/" + someID}} {
		if w := s.do(t, c[0], c[1], ""); w.Code != http.StatusOK {
			t.Errorf("%v: %d %s", c, w.Code, w.Body)
		}
	}
	want := []rest.Operation{
		{ID: "listThings", Scope: "tenant", Secured: true},
		{ID: "deleteThing", Scope: "public", Secured: true},
		{ID: "getLabel", Scope: "none"},
		{ID: "open", Scope: "tenant"},
		{ID: "getThing", Scope: "tenant", Secured: true},
	}
	if diff := cmp.Diff(want, s.operations); diff != "" {
		t.Error(diff)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newService(t, func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })
	big := `{"name":"` + strings.Repeat("x", 2000) + `"}`
	for name, c := range map[string]struct {
		method, target, body string
		status               int
		errors               []rest.FieldError
	}{
		"unknown path":    {"GET", "/nothing", "", 404, nil},
		"unclean path":    {"GET", "/things//", "", 404, nil},
		"dots":            {"GET", "/x/../things", "", 404, nil},
		"trailing slash":  {"GET", "/things/", "", 404, nil},
		"method":          {"PUT", "/things", "", 405, nil},
		"too large":       {"POST", "/things", big, 413, nil},
		"query escape":    {"GET", "/things?state=%zz", "", 400, []rest.FieldError{{In: "query", Detail: "can't be read"}}},
		"query semicolon": {"GET", "/things?state=new;limit=1", "", 400, []rest.FieldError{{In: "query", Detail: "can't be read"}}},
		"after the body":  {"POST", "/things", `{"name":"x","owner":"` + someID + `"} xyz`, 400, []rest.FieldError{{In: "body", Detail: "is not JSON, see byte 61"}}},
		"two bodies":      {"POST", "/things", `{"name":"x","owner":"` + someID + `"}{}`, 400, []rest.FieldError{{In: "body", Detail: "is not JSON, see byte 60"}}},
		"not UTF-8":       {"POST", "/things", `{"name":"` + "\xff" + `","owner":"` + someID + `"}`, 400, []rest.FieldError{{In: "body", Detail: "is not UTF-8"}}},
		"not json":        {"POST", "/things", "{", 400, []rest.FieldError{{In: "body", Detail: "is not JSON, see byte 1"}}},
		"no body":         {"POST", "/things", "", 400, []rest.FieldError{{In: "body", Detail: "is required"}}},
		"query type":      {"GET", "/things?limit=ten", "", 400, []rest.FieldError{{In: "query", Parameter: "limit", Detail: "an invalid integer"}}},
		"query range":     {"GET", "/things?limit=101", "", 400, []rest.FieldError{{In: "query", Parameter: "limit", Detail: "number must be at most 100"}}},
		"query enum":      {"GET", "/things?state=secret", "", 400, []rest.FieldError{{In: "query", Parameter: "state", Detail: `value is not one of the allowed values ["new","old"]`}}},
		"path format": {"GET", "/things/not-a-uuid", "", 400, []rest.FieldError{
			{In: "path", Parameter: "thing-id", Detail: `string doesn't match the format "uuid" (not a UUID)`},
		}},
		"body": {"POST", "/things", `{"owner":"mallory","a/b~c":[1,"x"],"evil":1}`, 422, []rest.FieldError{
			{In: "body", Pointer: "/a~1b~0c/1", Detail: "value must be an integer"},
			{In: "body", Detail: `property "evil" is unsupported`},
			{In: "body", Pointer: "/name", Detail: `property "name" is missing`},
			{In: "body", Pointer: "/owner", Detail: `string doesn't match the format "uuid" (not a UUID)`},
		}},
	} {
		w := s.do(t, c.method, c.target, c.body)
		p := problem(t, w)
		if w.Code != c.status {
			t.Errorf("%s: status %d, want %d: %s", name, w.Code, c.status, w.Body)
		}
		sortErrors := cmp.Transformer("sort", func(in []rest.FieldError) map[string]rest.FieldError {
			out := map[string]rest.FieldError{}
			for _, e := range in {
				out[e.In+e.Parameter+e.Pointer] = e
			}
			return out
		})
		if diff := cmp.Diff(c.errors, p.Errors, sortErrors); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if strings.Contains(w.Body.String(), "mallory") || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: the value is echoed: %s", name, w.Body)
		}
	}
	w := s.do(t, "PUT", "/things", "")
	if got := w.Header().Get("Allow"); got != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("Allow %q", got)
	}
}

func TestStreamedBody(t *testing.T) {
	t.Parallel()
	s := newService(t, func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/things", io.MultiReader(strings.NewReader(`"`+strings.Repeat("x", 5000)+`"`)))
	r.ContentLength = -1
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer x")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if problem(t, w); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("streamed body: %d %s", w.Code, w.Body)
	}
}

// unread fails the test when somebody reads the body.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestAuthenticationComesBeforeTheBody(t *testing.T) {
	t.Parallel()
	s := newService(t, func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/things", unread{t})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	p := problem(t, w)
	if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != "Bearer" || p.Detail != "no token" {
		t.Fatalf("%d %v %+v", w.Code, w.Header(), p)
	}
}

func TestPanicIsAnsweredAndLogged(t *testing.T) {
	t.Parallel()
	s := newService(t, func(http.ResponseWriter, *http.Request) { panic("at the disco") })
	w := s.do(t, "GET", "/things", "")
	if problem(t, w); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "disco") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	id := w.Header().Get("X-Request-ID")
	if log := s.log.String(); !strings.Contains(log, "at the disco") || !strings.Contains(log, id) || !strings.Contains(log, "middleware_test.go") {
		t.Fatalf("log: %s", log)
	}
}

// Half an answer must not look like a whole one.
func TestErrorAfterTheResponseBeganCutsTheConnection(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(http.ResponseWriter, *http.Request){
		"error": func(w http.ResponseWriter, r *http.Request) { rest.WriteError(w, r, errors.New("late")) },
		"panic": func(http.ResponseWriter, *http.Request) { panic("late") },
		"abort": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		s := newService(t, func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.WriteString(w, `{"items":[`); err != nil {
				t.Error(err)
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			fail(w, r)
		})
		server := httptest.NewServer(s)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/open", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err == nil || strings.Contains(string(body), "late") {
			t.Errorf("%s: read %q without an error", name, body)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
		if name != "abort" && !strings.Contains(s.log.String(), "late") {
			t.Errorf("%s: log %s", name, s.log.String())
		}
	}
}

func TestDocumentsThatCannotBeServed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ paths, want string }{
		"mixed segment":  {`{"/a/x{id}": {get: {operationId: a, security: [], parameters: [{name: id, in: path, required: true, schema: {type: string}}], responses: {"200": {description: ok}}}}}`, `segment "x{id}"`},
		"not authentic":  {`{"/a": {get: {operationId: a, security: [{bearer: []}], responses: {"200": {description: ok}}}}}`, "Authenticate is nil"},
		"ambiguous path": {`{"/a/{x}/b": {get: {operationId: a, security: [], parameters: [{name: x, in: path, required: true, schema: {type: string}}], responses: {"200": {description: ok}}}}, "/a/b/{y}": {get: {operationId: b, security: [], parameters: [{name: "y", in: path, required: true, schema: {type: string}}], responses: {"200": {description: ok}}}}}`, "conflicts"},
	} {
		doc := load(t, `{openapi: 3.0.3, info: {title: x, version: "1"}, components: {securitySchemes: {bearer: {type: http, scheme: bearer}}}, paths: `+c.paths+`}`)
		_, err := rest.Wrap(doc, rest.Options{}, http.NotFoundHandler())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Null is not absent: where it is allowed it stays, and where it is not it is
// refused, whatever the default. Defaults are set at each depth.
func TestNullIsNoDefault(t *testing.T) {
	t.Parallel()
	var got map[string]any
	s := newService(t, func(_ http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
	})
	start := `{"name":"x","owner":"` + someID + `",`
	if w := s.do(t, "POST", "/things", start+`"size":null}`); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w := s.do(t, "POST", "/things", start+`"color":null,"parts":[{},{"n":5}],"shape":{},"by_name":{"x":{}},"both":{"two":7}}`)
	want := map[string]any{
		"name": "x", "owner": someID, "size": 7.0, "color": nil, "parts": []any{map[string]any{"n": 1.0}, map[string]any{"n": 5.0}},
		"shape": map[string]any{"sides": 4.0}, "by_name": map[string]any{"x": map[string]any{"list": []any{"a"}}},
		"both": map[string]any{"one": 1.0, "two": 7.0},
	}
	if diff := cmp.Diff(want, got); w.Code != http.StatusOK || diff != "" {
		t.Errorf("%d %s %s", w.Code, w.Body, diff)
	}
}
