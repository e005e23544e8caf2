package service_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

const notesDocument = `
openapi: 3.0.3
info: {title: Notes, version: "1"}
servers: [{url: /}]
security: [{bearer: []}]
paths:
  /notes:
    get: {operationId: listNotes, responses: {"200": {description: ok}}}
    post:
      operationId: createNote
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses: {"200": {description: ok}}
  /stream: {get: {operationId: stream, responses: {"200": {description: ok}}}}
components: {securitySchemes: {bearer: {type: http, scheme: bearer}}}
`

// config is a service that counts the tenant's notes.
func config() service.Config {
	cfg := service.Config{
		Name:    "notes",
		Schema:  catalog.Schema{Public: tenanttest.PublicSchema, Tenant: "CREATE TABLE notes (text text);"},
		OpenAPI: []byte(notesDocument),
	}
	cfg.Handler = func(b service.Backend) (http.Handler, error) { return wrap(b, countNotes(b.DB)) }
	return cfg
}

// configOf is a service that does what a test says.
func configOf(api http.HandlerFunc) service.Config {
	cfg := config()
	cfg.Handler = func(b service.Backend) (http.Handler, error) { return wrap(b, api) }
	return cfg
}

func wrap(b service.Backend, api http.HandlerFunc) (http.Handler, error) {
	return wrapText(b, notesDocument, api)
}

func wrapText(b service.Backend, document string, api http.Handler) (http.Handler, error) {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(document))
	if err != nil {
		return nil, err
	}
	return rest.Wrap(doc, b.Options, api)
}

func countNotes(db *tenant.DB) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t, _ := tenant.FromContext(r.Context())
		q, err := db.Bind(t)
		if err != nil {
			rest.WriteError(w, r, err)
			return
		}
		defer q.Close()
		var n int
		if err := q.QueryRow(r.Context(), "SELECT count(*) FROM notes").Scan(&n); err != nil {
			rest.WriteError(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"notes":%d}`, n)
	}
}

// run runs a service that ends by itself.
func run(t *testing.T, out io.Writer, args []string, environ ...string) error {
	t.Helper()
	return service.Run(t.Context(), config(), service.Process{Args: args, Environ: environ, Stdout: out, Stderr: out})
}

func TestConfiguredServiceMakesNoTenantsAndPrintsNothing(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config())
	if status, body := s.Send(t, 0, "GET", "/notes", ""); status != http.StatusOK || !strings.Contains(body, `{"notes":0}`) {
		t.Errorf("%d %s", status, body)
	}
	all, err := s.Catalog.List(t.Context())
	if err != nil || len(all) != 2 {
		t.Errorf("%d tenants, %v", len(all), err)
	}
	if s.Stdout.String() != "" {
		t.Errorf("stdout: %s", s.Stdout.String())
	}
	for _, secret := range []string{s.RuntimeURL, "password"} {
		if strings.Contains(s.Log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
	if status, body := s.Send(t, 0, "GET", "/docs/", ""); status != http.StatusNotFound {
		t.Errorf("docs: %d %s", status, body)
	}
}

// A program may listen by itself.
func TestOpen(t *testing.T) {
	t.Parallel()
	cfg := config()
	db, is := tenanttest.New(t, tenanttest.Options{Schema: cfg.Schema}), servicetest.NewIssuer(t)
	cfg.Logger = slog.New(slog.DiscardHandler)
	s, err := service.Open(t.Context(), cfg, append(servicetest.Settings(db.RuntimeURL, is), "DOCS=true"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Backend().DB == nil || s.Backend().Keys == nil || s.Backend().Options.Authenticate == nil {
		t.Errorf("backend: %+v", s.Backend())
	}
	for path, want := range map[string]int{
		"/notes": http.StatusOK, "/healthz": http.StatusOK, "/readyz": http.StatusOK, "/openapi.json": http.StatusOK, "/docs/": http.StatusOK, "/other": http.StatusNotFound,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		r.Host = "acme." + servicetest.BaseDomain
		r.Header.Set("Authorization", "Bearer "+is.Token(t, db.Tenants[0], servicetest.Subject))
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestConfigWithoutAHandler(t *testing.T) {
	t.Parallel()
	if _, err := service.Open(t.Context(), service.Config{}, nil); err == nil || !strings.Contains(err.Error(), "Config.Handler is nil") {
		t.Errorf("%v", err)
	}
}

// Tokens are verified for as long as there are requests, whatever became of the
// context of the start.
func TestTokensOutliveTheStart(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Logger = slog.New(slog.DiscardHandler)
	db, is := tenanttest.New(t, tenanttest.Options{Schema: cfg.Schema}), servicetest.NewIssuer(t)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := service.Open(ctx, cfg, servicetest.Settings(db.RuntimeURL, is))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/notes", http.NoBody)
	r.Host = "acme." + servicetest.BaseDomain
	r.Header.Set("Authorization", "Bearer "+is.Token(t, db.Tenants[0], servicetest.Subject))
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// People can't sign up where nothing can send them mail.
func TestSignupWantsMail(t *testing.T) {
	t.Parallel()
	db, is := tenanttest.New(t, tenanttest.Options{Schema: config().Schema}), servicetest.NewIssuer(t)
	environ := append(servicetest.Settings(db.RuntimeURL, is), "SIGNUP=on", "LOG_LEVEL=error")
	if _, err := service.Open(t.Context(), config(), environ); err == nil || !strings.Contains(err.Error(), "MAIL_URL") {
		t.Errorf("%v", err)
	}
}
