package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

const document = `
openapi: 3.0.3
info: {title: Things, version: "1"}
servers: [{url: "https://elsewhere.example/v9"}]
security: [{bearer: []}]
paths:
  /things:
    get:
      operationId: listThings
      parameters:
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100, default: 25}}
        - {name: state, in: query, schema: {type: string, enum: [new, old]}}
        - {name: search, in: query, schema: {type: string}}
        - {name: broken, in: query, schema: {type: boolean}}
      responses: {"200": {description: ok}}
    post:
      operationId: createThing
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}
      responses: {"201": {description: created}}
  /things/{thing-id}:
    parameters:
      - {name: thing-id, in: path, required: true, schema: {type: string, format: uuid}}
    get:
      operationId: getThing
      responses: {"200": {description: ok}}
    delete:
      operationId: deleteThing
      x-scope: public
      responses: {"204": {description: gone}}
  /labels/{label}:
    get:
      operationId: getLabel
      x-scope: none
      security: []
      parameters:
        - {name: label, in: path, required: true, schema: {type: string, pattern: "^[a-z ]+$"}}
      responses: {"200": {description: ok}}
  /größen:
    get:
      operationId: listSizes
      responses: {"200": {description: ok}}
  /open:
    get:
      operationId: open
      security: [{}, {bearer: []}]
      responses: {"200": {description: ok}}
components:
  securitySchemes: {bearer: {type: http, scheme: bearer}}
  schemas:
    Thing:
      type: object
      required: [name, owner]
      additionalProperties: false
      properties:
        name: {type: string, minLength: 1}
        owner: {type: string, format: uuid}
        size: {type: integer, format: int64, default: 7}
        color: {type: string, nullable: true, default: red}
        parts: {type: array, items: {type: object, properties: {n: {type: integer, default: 1}}}}
        shape: {oneOf: [{type: integer}, {type: object, additionalProperties: false, properties: {sides: {type: integer, default: 4}}}]}
        by_name: {type: object, additionalProperties: {type: object, properties: {list: {type: array, items: {type: string}, default: [a]}}}}
        both: {allOf: [{type: object, properties: {one: {type: integer, default: 1}}}, {type: object, properties: {two: {type: integer, default: 2}}}]}
        weight: {type: number, format: double}
        extra: {type: object}
        any: {}
        "a/b~c": {type: array, items: {type: integer}}
`

var acme = tenant.Tenant{ID: tenant.NewID(), Slug: "acme"}

const someID = "6f9619ff-8b86-4d01-b42d-00c04fc964ff"

// service is a wrapped handler, with what it saw and what it logged.
type service struct {
	http.Handler

	operations []rest.Operation
	log        logBuffer
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newService(t *testing.T, next http.HandlerFunc) *service {
	t.Helper()
	s := &service{}
	opts := rest.Options{
		MaxBody: 1024,
		Logger:  slog.New(slog.NewJSONHandler(&s.log, nil)),
		Authenticate: func(r *http.Request, op rest.Operation) (context.Context, error) {
			s.operations = append(s.operations, op)
			if op.Secured && r.Header.Get("Authorization") == "" {
				return nil, rest.Errorf(http.StatusUnauthorized, "no token")
			}
			return rest.WithSubject(tenant.NewContext(r.Context(), acme), "alice"), nil
		},
	}
	h, err := rest.Wrap(load(t, document), opts, next)
	if err != nil {
		t.Fatal(err)
	}
	s.Handler = h
	return s
}

// quiet is a log that nobody reads.
var quiet = slog.New(slog.DiscardHandler)

func load(t testing.TB, text string) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

func (s *service) do(t *testing.T, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer x")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func problem(t *testing.T, w *httptest.ResponseRecorder) rest.Problem {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != rest.ContentType {
		t.Fatalf("content type %q, body %s", got, w.Body)
	}
	var p rest.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != w.Code || p.Type == "" || p.Title == "" {
		t.Fatalf("problem %+v of status %d", p, w.Code)
	}
	return p
}
