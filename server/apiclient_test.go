package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// object is a JSON object.
type object = map[string]any

// apiClient speaks for a user of one tenant. It holds every answer against the
// document and remembers which operations it has used.
type apiClient struct {
	service *configured
	tenant  int
	router  routers.Router
	used    map[string]bool
	signup  string // The token of the sign-up that is looked at.
}

// call sends a request and wants a status. An answer without a body is nil.
func (c *apiClient) call(t *testing.T, method, path string, body any, want int) object {
	t.Helper()
	var payload io.Reader = http.NoBody
	if body != nil {
		payload = encoded(t, body)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+c.service.Tenants[c.tenant].Slug+".app.example"+path, payload)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.service.token(t, c.tenant))
	if body != nil {
		r.Header.Set("Content-Type", mediaType(method, body))
	}
	if c.signup != "" {
		r.Header.Set("Signup-Token", c.signup)
	}
	res, err := c.service.client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != want {
		t.Fatalf("%s %s: %d instead of %d: %s", method, path, res.StatusCode, want, answer)
	}
	if op := checkAnswer(t, c.router, r, res, answer); res.StatusCode < http.StatusBadRequest {
		c.used[op.OperationID] = true
	}
	if len(answer) == 0 || !strings.Contains(res.Header.Get("Content-Type"), "json") {
		return object{"text": string(answer)}
	}
	var o object
	if err := json.Unmarshal(answer, &o); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, answer)
	}
	return o
}

// raw sends a request as it is and gives the answer as it is.
func (c *apiClient) raw(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	r := c.service.Request(t, c.tenant, method, path, body)
	if method == http.MethodPost && strings.HasSuffix(path, "/findings") {
		r.Header.Set("Content-Type", "application/x-ndjson")
	}
	res, err := c.service.client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// mediaType is that of a request's body.
func mediaType(method string, body any) string {
	switch _, many := body.([]object); {
	case many:
		return "application/x-ndjson"
	case method == http.MethodPatch:
		return "application/merge-patch+json"
	}
	return "application/json"
}

// encoded is a body as JSON, a line each when they are many.
func encoded(t *testing.T, body any) io.Reader {
	t.Helper()
	bodies := []any{body}
	if lines, ok := body.([]object); ok {
		bodies = nil
		for _, line := range lines {
			bodies = append(bodies, line)
		}
	}
	var text bytes.Buffer
	for _, v := range bodies {
		if err := json.NewEncoder(&text).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	return &text
}

// checkAnswer holds an answer against the document and gives its operation.
func checkAnswer(t *testing.T, router routers.Router, r *http.Request, res *http.Response, body []byte) *openapi3.Operation {
	t.Helper()
	route, params, err := router.FindRoute(r)
	if err != nil {
		t.Fatalf("%s %s is not in the document: %v", r.Method, r.URL.Path, err)
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 res.StatusCode,
		Header:                 res.Header,
		Body:                   io.NopCloser(bytes.NewReader(body)),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		t.Errorf("%s %s: the answer is not what the document says: %v\n%s", r.Method, r.URL.Path, err, body)
	}
	return route.Operation
}

func items(t *testing.T, page object) []object {
	t.Helper()
	list, ok := page["items"].([]any)
	if !ok {
		t.Fatalf("no items in %v", page)
	}
	all := make([]object, len(list))
	for i, item := range list {
		if all[i], ok = item.(object); !ok {
			t.Fatalf("item %v is no object", item)
		}
	}
	return all
}

func text(t *testing.T, o object, name string) string {
	t.Helper()
	s, ok := o[name].(string)
	if !ok {
		t.Fatalf("%s is no string in %v", name, o)
	}
	return s
}

// property reads a property out of an answer.
func property(t *testing.T, answer, name string) string {
	t.Helper()
	var o object
	if err := json.Unmarshal([]byte(answer), &o); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	return text(t, o, name)
}
