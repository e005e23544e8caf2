// Package operator serves the life of tenants over HTTP to those who run the
// service: on a listener of its own, with credentials of its own, which are no
// good at the tenants' API, as theirs are no good here. Whatever is done is in the
// audit under the operator's name.
//
// openapi.yaml in this folder is the API; requests are held against it by
// [rest.Wrap]. Everything is done by [catalog.Catalog], with the owner role.
//
// The package imports the standard library, kin-openapi and packages under tenant/.
package operator

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// OpenAPI is the document of the operator API, as YAML.
//
//go:embed openapi.yaml
var OpenAPI []byte

// maxKey bounds what is hashed before anybody is known.
const maxKey = 200

// Config is what the API works with.
type Config struct {
	// Catalog does the work. Its owner closes it.
	Catalog *catalog.Catalog
	// Keys are who may operate.
	Keys Keys
	// Logger gets a line for each request. Nil means slog.Default().
	Logger *slog.Logger
	// Open answers GET at further paths to everybody who reaches the listener, such
	// as a TLS proxy that can't send a key.
	Open map[string]http.Handler
}

// New makes the handler. /healthz is answered without a key.
func New(c Config) (http.Handler, error) {
	if c.Catalog == nil {
		return nil, errors.New("operator: Config.Catalog is nil")
	}
	doc, err := openapi3.NewLoader().LoadFromData(OpenAPI)
	if err != nil {
		return nil, fmt.Errorf("operator: read the document: %w", err)
	}
	a := &api{catalog: c.Catalog}
	routed, err := route(doc, a.operations())
	if err != nil {
		return nil, err
	}
	wrapped, err := rest.Wrap(doc, rest.Options{Authenticate: authenticate(&c.Keys), Logger: c.Logger}, routed)
	if err != nil {
		return nil, fmt.Errorf("operator: %w", err)
	}
	open := map[string]http.Handler{"/healthz": http.HandlerFunc(healthy)}
	maps.Copy(open, c.Open)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler, isOpen := open[r.URL.Path]
		if !isOpen || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			handler = wrapped
		}
		handler.ServeHTTP(w, r)
	}), nil
}

func healthy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n") // Who has gone needs no answer.
}

// authenticate knows operators and nobody else.
func authenticate(keys *Keys) func(*http.Request, rest.Operation) (context.Context, error) {
	return func(r *http.Request, _ rest.Operation) (context.Context, error) {
		values := r.Header.Values("Authorization")
		var name string
		if len(values) == 1 {
			scheme, key, _ := strings.Cut(values[0], " ")
			if strings.EqualFold(scheme, "Bearer") && len(key) <= maxKey {
				name = keys.owner(key)
			}
		}
		if name == "" {
			return nil, &rest.StatusError{
				Problem: rest.Problem{Status: http.StatusUnauthorized},
				Header:  http.Header{"Www-Authenticate": {`Bearer realm="operator"`}},
				Err:     errors.New("no operator has this key"),
			}
		}
		actor := "operator:" + name
		return catalog.WithActor(rest.WithSubject(r.Context(), actor), actor), nil
	}
}

// answer is what an operation answers with when all is well.
type answer struct {
	status int
	body   any
}

// operation answers a request that is what the document says.
type operation func(r *http.Request) (answer, error)

// route finds the operation of a request. Each one of the document must be there.
func route(doc *openapi3.T, operations map[string]operation) (http.Handler, error) {
	mux := http.NewServeMux()
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			do, ok := operations[op.OperationID]
			if !ok {
				return nil, fmt.Errorf("operator: nothing answers %s", op.OperationID)
			}
			mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
				a, err := do(r)
				if err == nil {
					err = write(w, a)
				}
				if err != nil {
					rest.WriteError(w, r, explained(err))
				}
			})
		}
	}
	return mux, nil
}

func write(w http.ResponseWriter, a answer) error {
	if a.status == http.StatusNoContent {
		w.WriteHeader(a.status)
		return nil
	}
	body, err := json.Marshal(a.body)
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(a.status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// read decodes a body. It has been validated, but a name that stands there twice
// may have been so by its other value.
func read[T any](r *http.Request) (body T, err error) {
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return body, unreadable("the body", err)
	}
	return body, nil
}
