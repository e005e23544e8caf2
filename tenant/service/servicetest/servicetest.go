// Package servicetest runs a whole service for a test: its settings, its
// database with two tenants, an issuer of tokens, and HTTP in between.
//
//	func TestShelves(t *testing.T) {
//		t.Parallel()
//		s := servicetest.New(t, config())
//		status, body := s.Send(t, 0, "GET", "/v1/shelves", "")
//		...
//	}
//
// It imports the standard library, go-jose, pgx, and packages below tenant/.
package servicetest

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// BaseDomain is the domain below which the tenants are.
const BaseDomain = "app.example"

// Service is a service on a test's database. It ends with the test.
type Service struct {
	*Process
	*tenanttest.DB

	// Issuer signs the tokens that the service accepts.
	Issuer *Issuer

	document []byte
}

// New runs a service on a database of its own with two tenants, acme and
// globex, each of which is made for [Subject]: a project's schema.TenantSeed makes
// its owner of that. The settings are added to those that it needs.
func New(t testing.TB, cfg service.Config, environ ...string) *Service {
	t.Helper()
	s := &Service{DB: tenanttest.New(t, tenanttest.Options{Schema: cfg.Schema, OwnerEmail: Subject}), Issuer: NewIssuer(t), document: cfg.OpenAPI}
	s.Process = Start(t, cfg, nil, append(Settings(s.RuntimeURL, s.Issuer), environ...)...)
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// Settings are the variables of a service on a configured database.
func Settings(databaseURL string, issuer *Issuer) []string {
	return append([]string{
		"DATABASE_URL=" + databaseURL, "BASE_DOMAIN=" + BaseDomain, "SECRET_KEYS=" + keyring.Generate("test"),
	}, issuer.Settings()...)
}

// Token is one of [Subject], the owner of the i-th tenant. See [Issuer.Token].
func (s *Service) Token(t testing.TB, i int, scopes ...string) string {
	t.Helper()
	return s.Issuer.Token(t, s.Tenants[i], Subject, scopes...)
}

// Request makes a request at the host of the i-th tenant, with its token. A body
// that is not empty is JSON, and a merge patch when the method is PATCH.
func (s *Service) Request(t testing.TB, i int, method, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Tenants[i].Slug+"."+BaseDomain+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.Token(t, i))
	switch {
	case body == "":
	case method == http.MethodPatch:
		r.Header.Set("Content-Type", "application/merge-patch+json")
	default:
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// Send sends such a request and returns the answer's status and body.
func (s *Service) Send(t testing.TB, i int, method, path, body string) (int, string) {
	t.Helper()
	res, err := s.Client().Do(s.Request(t, i, method, path, body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}
