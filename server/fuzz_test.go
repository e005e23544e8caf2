package main

import (
	"net/http"
	"testing"

	"github.com/bailiwick-dev/bailiwick"
	"github.com/bailiwick-dev/bailiwick/tenant/rest/resttest"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// Every operation gets requests made from the document, and answers as it says.
func TestFuzz(t *testing.T) {
	t.Parallel()
	db, tenants := newDemoTenants(t, acme)
	resttest.Fuzz(t, newExampleService(t, db, tenants[0]), resttest.Options{Document: bailiwick.OpenAPI, Numbered: true})
}

// The same through all that stands before the API: identity, CORS, compression.
func TestFuzzService(t *testing.T) {
	t.Parallel()
	db, tenants := newDemoTenants(t, acme)
	issuer := servicetest.NewIssuer(t)
	s, err := service.Open(t.Context(), config(), append(servicetest.Settings(db.RuntimeURL, issuer), "LOG_LEVEL=error"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	token := issuer.Token(t, tenants[0], "analyst@acme.example")
	resttest.Fuzz(t, s.Handler(), resttest.Options{Document: bailiwick.OpenAPI, Numbered: true, Prepare: func(r *http.Request) {
		r.Host = acme + "." + servicetest.BaseDomain
		if r.Header.Get("Authorization") == "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		if r.Header.Get("Accept-Encoding") == "" {
			r.Header.Set("Accept-Encoding", "gzip")
		}
	}})
}
