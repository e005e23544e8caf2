package service_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-jose/go-jose/v4"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

const identityDocument = `
openapi: 3.0.3
info: {title: Identity, version: "1"}
security: [{bearer: []}]
paths:
  /whoami: {get: {operationId: whoami, responses: {"200": {description: ok}}}}
  /account: {get: {operationId: account, x-scope: public, responses: {"200": {description: ok}}}}
  /plans: {get: {operationId: plans, x-scope: public, security: [], responses: {"200": {description: ok}}}}
  /version: {get: {operationId: version, x-scope: none, security: [], responses: {"200": {description: ok}}}}
components: {securitySchemes: {bearer: {type: http, scheme: bearer}}}
`

// counter counts the statements of tenants and of the shared schema.
type counter struct {
	mu             sync.Mutex
	tenant, public int
}

func (c *counter) TraceStart(ctx context.Context, s tenant.TraceStatement) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Tenant.ID.IsZero() {
		c.public++
	} else {
		c.tenant++
	}
	return ctx
}

func (c *counter) TraceEnd(context.Context, tenant.TraceResult) {}

func (c *counter) counts() (ofTenants, ofPublic int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tenant, c.public
}

// gate is the identity in front of a handler that asks the database who it is.
type gate struct {
	*httptest.Server
	*tenanttest.DB

	issuer  *servicetest.Issuer
	counter *counter
	keys    *keyring.Keyring
}

func newGate(t *testing.T, proxies ...netip.Prefix) *gate {
	t.Helper()
	return newGateFrom(t, "subdomain", proxies...)
}

// newGateFrom is a gate with a TENANT_FROM.
func newGateFrom(t *testing.T, from string, proxies ...netip.Prefix) *gate {
	t.Helper()
	return newGateOf(t, from, nil, proxies...)
}

// newGateOf is a gate that only members pass.
func newGateOf(t *testing.T, from string, members identity.Members, proxies ...netip.Prefix) *gate {
	t.Helper()
	keys, err := keyring.Parse(keyring.Generate("gate"))
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{issuer: servicetest.NewIssuer(t), counter: &counter{}, keys: keys}
	g.DB = tenanttest.New(t, tenanttest.Options{Config: tenant.Config{Tracer: g.counter}})
	authenticate, err := service.Identity{
		Base: "app.example", From: from, Proxies: proxies,
		Tokens:   identity.Config{Issuer: servicetest.IssuerName, Audience: servicetest.Audience, JWKSURL: g.issuer.URL},
		Resolver: catalog.NewResolver(g.DB.DB, 0), Members: members, Keys: g.keys, DB: g.DB.DB,
	}.Authenticate()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData([]byte(identityDocument))
	if err != nil {
		t.Fatal(err)
	}
	api, err := rest.Wrap(doc, rest.Options{Authenticate: authenticate, Logger: slog.New(slog.DiscardHandler)}, http.HandlerFunc(g.whoami))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(from, "path") {
		api = tenant.PathPrefix("/t/").Strip(api)
	}
	g.Server = httptest.NewServer(service.WithHealth(g.DB.DB, slog.New(slog.DiscardHandler), api))
	t.Cleanup(g.Close)
	return g
}

func (g *gate) whoami(w http.ResponseWriter, r *http.Request) {
	answer := map[string]string{"subject": rest.Subject(r.Context())}
	if bound, ok := tenant.FromContext(r.Context()); ok {
		q, err := g.DB.DB.Bind(bound)
		if err != nil {
			rest.WriteError(w, r, err)
			return
		}
		defer q.Close()
		var role string
		if err := q.QueryRow(r.Context(), "SELECT current_user::text").Scan(&role); err != nil {
			rest.WriteError(w, r, err)
			return
		}
		answer["slug"], answer["role"] = bound.Slug, role
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		rest.WriteError(w, r, err)
	}
}

// reply is a response whose body has been read and closed.
type reply struct {
	StatusCode int
	Header     http.Header
}

// ask sends one request; edit may change it before.
func (g *gate) ask(t *testing.T, path, host, token string, edit func(*http.Request)) (reply, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if edit != nil {
		edit(r)
	}
	res, err := g.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header}, string(body)
}

// raw sends bytes that no HTTP client would send.
func (g *gate) raw(t *testing.T, request string) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", g.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func (g *gate) valid(t *testing.T, i int) string {
	t.Helper()
	return g.issuer.Sign(t, jose.EdDSA, servicetest.Claims(g.Tenants[i].ID.String()))
}
