package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// output is what a service writes; it may be read while it grows.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// service is the whole program at work, in this process.
type service struct {
	addr        string
	stdout, log *output
	cancel      context.CancelFunc
	done        chan error
}

var listening = regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`)

// startService runs the program and waits until it listens.
func startService(t *testing.T, args, environ []string) *service {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &service{stdout: &output{}, log: &output{}, cancel: cancel, done: make(chan error, 1)}
	go func() { s.done <- run(ctx, args, append([]string{"ADDR=127.0.0.1:0"}, environ...), s.stdout, s.log) }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if found := listening.FindStringSubmatch(s.log.String()); found != nil {
			s.addr = found[1]
			return s
		}
		select {
		case err := <-s.done:
			t.Fatalf("the service ended: %v\n%s", err, s.log.String())
		case <-tick.C:
		}
	}
}

// stop is Ctrl-C.
func (s *service) stop(t *testing.T) {
	t.Helper()
	s.cancel()
	if err := <-s.done; err != nil {
		t.Errorf("the service ended with: %v", err)
	}
}

// client talks to the service as if DNS led every name to it.
func (s *service) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.addr)
		},
	}}
}

// configured is a service on a test's database, with tokens of a test's issuer.
type configured struct {
	*service
	*tenanttest.DB

	issuer *issuer
}

func newConfigured(t *testing.T, environ ...string) *configured {
	t.Helper()
	c := &configured{DB: tenanttest.New(t, tenanttest.Options{Schema: testSchema}), issuer: newIssuer(t)}
	c.service = startService(t, nil, append([]string{
		"DATABASE_URL=" + c.RuntimeURL, "BASE_DOMAIN=app.example",
		"ISSUER=" + testIssuer, "AUDIENCE=" + testAudience, "JWKS_URL=" + c.issuer.URL,
	}, environ...))
	t.Cleanup(func() { c.stop(t) })
	return c
}

func (c *configured) token(t *testing.T, i int) string {
	t.Helper()
	return c.issuer.sign(t, jose.ES256, claims(c.Tenants[i].ID.String()))
}

// send sends one request as a user of the i-th tenant and returns the answer.
func (c *configured) send(t *testing.T, i int, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+c.Tenants[i].Slug+".app.example"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token(t, i))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := c.client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

func TestConfiguredServiceMakesNoTenantsAndPrintsNothing(t *testing.T) {
	t.Parallel()
	c := newConfigured(t)
	if status, body := c.send(t, 0, "GET", "/v1/providers", ""); status != http.StatusOK || !strings.Contains(body, `"items":[]`) {
		t.Errorf("%d %s", status, body)
	}
	all, err := c.Catalog.List(t.Context())
	if err != nil || len(all) != 2 {
		t.Errorf("%d tenants, %v", len(all), err)
	}
	if c.stdout.String() != "" {
		t.Errorf("stdout: %s", c.stdout.String())
	}
	for _, secret := range []string{c.RuntimeURL, "password"} {
		if strings.Contains(c.log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}

func TestOwnerURLInstallsTheSharedSchema(t *testing.T) {
	t.Parallel()
	urls, is := tenanttest.Database(t), newIssuer(t)
	environ := []string{
		"DATABASE_URL=" + urls.RuntimeURL, "DATABASE_OWNER_URL=" + urls.OwnerURL, "BASE_DOMAIN=app.example",
		"ISSUER=" + testIssuer, "AUDIENCE=" + testAudience, "JWKS_URL=" + is.URL,
	}
	for range 2 {
		s := startService(t, nil, environ)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://app.example/v1/plans", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var plans struct {
			Items []any `json:"items"`
		}
		if err := errors.Join(json.NewDecoder(res.Body).Decode(&plans), res.Body.Close()); err != nil || len(plans.Items) == 0 {
			t.Errorf("%d plans, %v", len(plans.Items), err)
		}
		s.stop(t)
	}
}

func TestDatabaseThatCannotBeReached(t *testing.T) {
	t.Parallel()
	is, out := newIssuer(t), &output{}
	err := run(t.Context(), nil, []string{
		"ADDR=127.0.0.1:0", "DATABASE_URL=postgres://app:s3cret@127.0.0.1:1/x", "DATABASE_OWNER_URL=postgres://own:s3cret@127.0.0.1:1/x",
		"BASE_DOMAIN=app.example", "ISSUER=i", "AUDIENCE=a", "JWKS_URL=" + is.URL,
	}, out, out)
	if err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(out.String(), "s3cret") {
		t.Errorf("%v, output %s", err, out.String())
	}
}

// A role that can read tenants by itself would make every other lock the last one.
func TestRolesThatAreTooStrong(t *testing.T) {
	t.Parallel()
	urls, is := tenanttest.Database(t), newIssuer(t)
	for name, c := range map[string][2]string{
		"superuser": {urls.SuperURL, "superuser"},
		"owner":     {urls.OwnerURL, "may create roles"},
	} {
		out := &output{}
		err := run(t.Context(), nil, []string{
			"ADDR=127.0.0.1:0", "DATABASE_URL=" + c[0], "BASE_DOMAIN=app.example", "ISSUER=i", "AUDIENCE=a", "JWKS_URL=" + is.URL,
		}, out, out)
		if err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v", name, err)
		}
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
	if status, body := c.send(t, 0, "GET", "/v1/scans", ""); status != http.StatusOK {
		t.Errorf("afterwards: %d %s", status, body)
	}
}
