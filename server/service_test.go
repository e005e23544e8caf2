package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

var testSchema = config().Schema

// configured is this service on a test's database, with tokens of a test's issuer.
type configured struct {
	*servicetest.Service

	addr        string
	stdout, log *servicetest.Output
}

func newConfigured(t *testing.T, environ ...string) *configured {
	t.Helper()
	s := servicetest.New(t, config(), environ...)
	return &configured{Service: s, addr: s.Addr, stdout: s.Stdout, log: s.Log}
}

func (c *configured) client() *http.Client { return c.Client() }

func (c *configured) token(t *testing.T, i int) string {
	t.Helper()
	return c.Token(t, i)
}

// send sends one request as a user of the i-th tenant and returns the answer.
func (c *configured) send(t *testing.T, i int, method, path, body string) (int, string) {
	t.Helper()
	return c.Send(t, i, method, path, body)
}

func TestOwnerURLInstallsTheSharedSchema(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	environ := append(servicetest.Settings(urls.RuntimeURL, servicetest.NewIssuer(t)), "DATABASE_OWNER_URL="+urls.OwnerURL)
	for range 2 {
		s := servicetest.Start(t, config(), nil, environ...)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://app.example/v1/plans", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var plans struct {
			Items []any `json:"items"`
		}
		if err := errors.Join(json.NewDecoder(res.Body).Decode(&plans), res.Body.Close()); err != nil || len(plans.Items) == 0 {
			t.Errorf("%d plans, %v", len(plans.Items), err)
		}
		s.Stop(t)
	}
}

// Attack 38, as far as one request goes: bodies are bounded, before and while they are read.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	c := newConfigured(t, "MAX_BODY=1000")
	body := `{"kind":"aws","uid":"` + strings.Repeat("1", 2000) + `"}`
	status, answer := c.send(t, 0, "POST", "/v1/providers", body)
	if status != http.StatusRequestEntityTooLarge || !strings.Contains(answer, rest.ProblemBase+"content-too-large") {
		t.Errorf("%d %s", status, answer)
	}
}

// Attack 41: the log tells tenant, operation and request, and nothing that a client sent or stores.
func TestAttack41NothingOfTheRequestIsLogged(t *testing.T) {
	t.Parallel()
	c := newConfigured(t, "LOG_LEVEL=debug")
	for _, request := range [][3]string{
		{"POST", "/v1/providers", `{"kind":"aws","uid":"s3cret-1234"}`},
		{"POST", "/v1/providers", `{"kind":"aws","uid":"s3cret-1234"}`},
		{"POST", "/v1/providers", `{"kind":"s3cret","uid":"s3cret-1234","s3cret":1}`},
		{"GET", "/v1/findings?search=s3cret&severity=s3cret", ""},
		{"GET", "/v1/findings/s3cret", ""},
		{"GET", "/v1/s3cret", ""},
	} {
		if status, body := c.send(t, 0, request[0], request[1], request[2]); status >= http.StatusInternalServerError {
			t.Errorf("%v: %d %s", request, status, body)
		}
	}
	log := c.log.String()
	token := c.token(t, 0)
	for _, secret := range []string{"s3cret", "alice@example.org", token[:40]} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %s:\n%s", secret, log)
		}
	}
	for _, part := range []string{c.Tenants[0].ID.String(), `"operation":"`, `"request_id":"`, `"constraint":"providers_`, `"status":409`} {
		if !strings.Contains(log, part) {
			t.Errorf("the log lacks %s:\n%s", part, log)
		}
	}
}

// Attacks 13 and 24: whatever goes wrong, the next request is served, and no
// answer names a schema, a role or a state of SQL.
func TestAttack13And24FailuresLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	c := newConfigured(t, "DATABASE_MAX_CONNS=1")
	execOwner(t, c.DB, "ALTER TABLE "+c.Tenants[0].Schema()+".scans RENAME TO moved")
	for range 5 {
		status, body := c.send(t, 0, "GET", "/v1/scans", "")
		if status != http.StatusServiceUnavailable || strings.Contains(body, "t_") || strings.Contains(body, "scans") || strings.Contains(body, "42P01") {
			t.Errorf("%d %s", status, body)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://globex.app.example/v1/findings", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+c.token(t, 1))
		if res, err := c.client().Do(r); err == nil {
			if err := res.Body.Close(); err != nil {
				t.Error(err)
			}
		}
		cancel()
		if status, body := c.send(t, 1, "GET", "/v1/scans", ""); status != http.StatusOK {
			t.Errorf("the neighbour: %d %s", status, body)
		}
	}
	execOwner(t, c.DB, "ALTER TABLE "+c.Tenants[0].Schema()+".moved RENAME TO scans")
	// A misfit is believed for some seconds.
	status, body := c.send(t, 0, "GET", "/v1/scans", "")
	for deadline := time.Now().Add(30 * time.Second); status != http.StatusOK && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		status, body = c.send(t, 0, "GET", "/v1/scans", "")
	}
	if status != http.StatusOK {
		t.Errorf("afterwards: %d %s", status, body)
	}
}

// The base domain has the operations of scope public, and no tenant that would
// have a subscription.
func TestNoSubscriptionAtTheBaseDomain(t *testing.T) {
	t.Parallel()
	c := newConfigured(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://app.example/v1/subscription", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token(t, 0))
	res, err := c.client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("status %d, %v; want 404", res.StatusCode, err)
	}
}
