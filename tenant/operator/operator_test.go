package operator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/domains"
	"github.com/bailiwick-dev/bailiwick/tenant/operator"
	"github.com/bailiwick-dev/bailiwick/tenant/rest/resttest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// plans let tenants have one.
const plans = `
CREATE TABLE public.plans (name text PRIMARY KEY);
INSERT INTO public.plans VALUES ('free'), ('team');
ALTER TABLE public.tenants ADD COLUMN plan text REFERENCES public.plans (name);
`

// api is the operator API on a test's database, with tenants acme and globex.
type api struct {
	*tenanttest.DB

	handler http.Handler
	key     string
	log     bytes.Buffer
	proven  prover
}

// prover knows which hosts show their tokens.
type prover map[string]bool

// Prove implements catalog.Prover.
func (p prover) Prove(_ context.Context, host, _ string) error {
	if !p[host] {
		return domains.ErrNotProven
	}
	return nil
}

func newAPI(t *testing.T, hooks ...catalog.Hook) *api {
	t.Helper()
	schema := catalog.Schema{Public: tenanttest.PublicSchema + plans, Tenant: "CREATE TABLE notes (text text);"}
	a := &api{DB: tenanttest.New(t, tenanttest.Options{Schema: schema}), proven: prover{}}
	var err error
	a.Catalog, err = catalog.Open(t.Context(), catalog.Config{
		URL: a.OwnerURL, Schema: schema, Hooks: hooks, Domains: catalog.DomainConfig{Base: "app.example", Prover: a.proven},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Catalog.Close)
	var keys operator.Keys
	var entries []string
	for _, name := range []string{"bob", "ann"} {
		key, entry, err := operator.GenerateKey(name)
		if err != nil {
			t.Fatal(err)
		}
		a.key, entries = key, append(entries, entry)
	}
	if err := keys.UnmarshalText([]byte(strings.Join(entries, ", "))); err != nil {
		t.Fatal(err)
	}
	a.handler, err = operator.New(operator.Config{Catalog: a.Catalog, Keys: keys, Logger: slog.New(slog.NewTextHandler(&a.log, nil)),
		Open: map[string]http.Handler{"/open": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "open") })}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// send sends a request as ann; headers are pairs of name and value.
func (a *api) send(t *testing.T, method, target, body string, headers ...string) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+a.key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	var value map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &value); err != nil && w.Body.Len() > 0 {
		t.Fatalf("%s %s: %d %s", method, target, w.Code, w.Body)
	}
	return w, value
}

// want sends a request and checks the status.
func (a *api) want(t *testing.T, status int, method, target, body string, headers ...string) (http.Header, map[string]any) {
	t.Helper()
	w, value := a.send(t, method, target, body, headers...)
	if w.Code != status {
		t.Errorf("%s %s %s: %d instead of %d: %s", method, target, body, w.Code, status, w.Body)
	}
	return w.Header(), value
}

// Requests made from the document are answered as it says.
func TestFuzz(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	resttest.Fuzz(t, a.handler, resttest.Options{Document: operator.OpenAPI, Prepare: func(r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			r.Header.Set("Authorization", "Bearer "+a.key)
		}
	}})
}
