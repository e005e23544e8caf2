package routing_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/domains"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// proven is a prover whom every host satisfies.
type proven struct{}

func (proven) Prove(context.Context, string, string) error { return nil }

// behindCaddy is a service as the page about custom domains sets it up.
type behindCaddy struct {
	*proxy

	catalog   *catalog.Catalog
	tokens    []string // of acme and globex
	caddyfile string
}

var askAddress = regexp.MustCompile(`"api":"tls-ask","address":"([^"]+)"`)

func newBehindCaddy(t *testing.T) *behindCaddy {
	t.Helper()
	settings, caddyfile := documented(t)
	db, issuer := tenanttest.New(t, tenanttest.Options{Schema: config().Schema}), servicetest.NewIssuer(t)
	all := append(issuer.Settings(), "DATABASE_URL="+db.RuntimeURL, "BASE_DOMAIN=app.example", "SECRET_KEYS="+keyring.Generate("test"))
	s := start(t, append(all, strings.Fields(replaced(t, strings.Join(settings, " "), "127.0.0.1:8081", "127.0.0.1:0"))...))
	await(t, "the service listens for Caddy", func() bool { return askAddress.MatchString(s.log.String()) })
	b := &behindCaddy{caddyfile: replaced(t, caddyfile, "127.0.0.1:8080", s.address, "127.0.0.1:8081", askAddress.FindStringSubmatch(s.log.String())[1])}
	b.proxy = startCaddy(t, b.caddyfile)
	for _, to := range db.Tenants[:2] {
		b.tokens = append(b.tokens, issuer.Token(t, to, servicetest.Subject))
	}
	var err error
	b.catalog, err = catalog.Open(t.Context(), catalog.Config{URL: db.OwnerURL, Domains: catalog.DomainConfig{Base: "app.example", Prover: proven{}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.catalog.Close)
	return b
}

// claim adds a domain, and verifies it if it is told to. It returns its token.
func (b *behindCaddy) claim(t *testing.T, slug, host string, verify bool) string {
	t.Helper()
	d, err := b.catalog.AddDomain(t.Context(), catalog.Ref{Slug: slug}, host)
	if err == nil && verify {
		_, err = b.catalog.VerifyDomain(t.Context(), catalog.Ref{Slug: slug}, host)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d.Token
}

// refused wants a handshake to fail because Caddy has no certificate.
func (b *behindCaddy) refused(t *testing.T, p *proxy, what, host string) {
	t.Helper()
	status, body, err := p.visit(t, visit{host: host, token: b.tokens[0]})
	if alert, ok := errors.AsType[*net.OpError](err); !ok || alert.Op != "remote error" {
		t.Errorf("%s: %d %s, %v; want no certificate", what, status, body, err)
	}
}

// TestCustomDomainBehindCaddy does as docs/tasks/custom-domains.md says: a proven
// domain gets a certificate when it is first asked for, and leads to its tenant.
func TestCustomDomainBehindCaddy(t *testing.T) {
	t.Parallel()
	b := newBehindCaddy(t)
	const host = "notes.acme.example"
	proof, unproven := b.claim(t, "acme", host, true), b.claim(t, "globex", "notes.globex.example", false)
	acme, globex := b.tokens[0], b.tokens[1]
	for _, c := range []struct {
		visit

		what   string
		status int
		body   string
	}{
		{visit{host: host, token: acme}, "its token", 200, "acme"},
		{visit{host: "acme.app.example", token: acme}, "its subdomain", 200, "acme"},
		{visit{host: host, path: domains.Path + proof}, "its proof, for the next time", 200, proof + "\n"},
		{visit{host: host, path: domains.Path + unproven}, "another's proof", 404, ""},
		{visit{host: host, path: domains.Path + "tls-allowed?domain=" + host}, "what only Caddy may ask", 404, ""},
		{visit{host: host}, "no token", 401, ""},
		{visit{host: host, token: globex}, "another tenant's token", 403, ""},
		{visit{host: host, token: acme, header: http.Header{"X-Forwarded-Host": {"globex.app.example"}}}, "a host that Caddy must replace", 200, "acme"},
		{visit{host: host, token: globex, header: http.Header{"X-Forwarded-Host": {"globex.app.example"}}}, "another tenant's token, and a host that Caddy must replace", 403, ""},
		{visit{host: host, token: globex, header: http.Header{"X-Forwarded-Host": {"globex.app.example", host}}}, "two hosts that Caddy must replace", 403, ""},
		{visit{host: host, token: globex, header: http.Header{"X-Tenant": {"globex"}, "Forwarded": {"host=globex.app.example"}, "X-Original-Host": {"globex.app.example"}}}, "headers that nobody asked for", 403, ""},
		{visit{host: host, token: acme, header: http.Header{"Host": {"globex.app.example"}}}, "another tenant's host below the certificate", 403, ""},
		{visit{host: host, token: globex, header: http.Header{"Host": {"notes.globex.example"}}}, "an unproven host below the certificate", 403, ""},
	} {
		status, body, err := b.visit(t, c.visit)
		if err != nil || status != c.status || c.body != "" && body != c.body {
			t.Errorf("%s: %d %s, %v; want %d %s", c.what, status, body, err, c.status, c.body)
		}
	}
	b.refused(t, b.proxy, "an unproven domain", "notes.globex.example")
	b.refused(t, b.proxy, "a domain that nobody has", "unknown.example")
	b.refused(t, b.proxy, "a subdomain that nobody has", "nobody.app.example")
}

// TestRemovedDomainBehindCaddy: a domain gets no certificate from when it is removed.
// The one that Caddy may have by then leads nowhere.
func TestRemovedDomainBehindCaddy(t *testing.T) {
	t.Parallel()
	b := newBehindCaddy(t)
	const asked, unasked = "asked.acme.example", "unasked.acme.example"
	for _, host := range []string{asked, unasked} {
		b.claim(t, "acme", host, true)
	}
	if status, body, err := b.visit(t, visit{host: asked, token: b.tokens[0]}); err != nil || status != http.StatusOK {
		t.Fatalf("before: %d %s, %v", status, body, err)
	}
	for _, host := range []string{asked, unasked} {
		if err := b.catalog.RemoveDomain(t.Context(), catalog.Ref{Slug: "acme"}, host); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the domain that was removed is served no more", func() bool {
		status, _, err := b.visit(t, visit{host: asked, token: b.tokens[0]})
		return err != nil || status == http.StatusForbidden
	})
	b.refused(t, b.proxy, "a removed domain that has no certificate", unasked)
	b.refused(t, startCaddy(t, b.caddyfile), "a removed domain, for a Caddy that has no certificate", asked)
}
