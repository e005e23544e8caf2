package service_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// Attack 1: only the Host header counts, unless a configured proxy speaks.
func TestAttack1SpoofedHost(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	token := g.valid(t, 0)
	for _, header := range []string{"X-Forwarded-Host", "Forwarded", "X-Host", "X-Original-Host", "X-Forwarded-Server", "X-Http-Host-Override"} {
		_, body := g.ask(t, "/whoami", "acme.app.example", token, func(r *http.Request) {
			r.Header.Set(header, "globex.app.example")
			if header == "Forwarded" {
				r.Header.Set(header, "host=globex.app.example")
			}
		})
		if !strings.Contains(body, g.Tenants[0].Schema()) {
			t.Errorf("%s: %s", header, body)
		}
	}
	auth := "Authorization: Bearer " + token + "\nConnection: close\n\n"
	for name, c := range map[string][2]string{
		"two hosts":                {"GET /whoami HTTP/1.1\nHost: acme.app.example\nHost: globex.app.example\n" + auth, "HTTP/1.1 400 "},
		"no host":                  {"GET /whoami HTTP/1.1\n" + auth, "HTTP/1.1 400 "},
		"no host in HTTP/1.0":      {"GET /whoami HTTP/1.0\n" + auth, "HTTP/1.0 404 "},
		"folded host":              {"GET /whoami HTTP/1.1\nHost: acme.app.example\n globex.app.example\n" + auth, "HTTP/1.1 400 "},
		"absolute form":            {"GET http://acme.app.example/whoami HTTP/1.1\nHost: acme.app.example\n" + auth, "HTTP/1.1 421 "},
		"absolute form, other":     {"GET http://acme.app.example/whoami HTTP/1.1\nHost: globex.app.example\n" + auth, "HTTP/1.1 421 "},
		"absolute form, no host":   {"GET http:///whoami HTTP/1.1\nHost: acme.app.example\n" + auth, "HTTP/1.1 421 "},
		"absolute form, one slash": {"GET http:/whoami HTTP/1.1\nHost: acme.app.example\n" + auth, "HTTP/1.1 421 "},
		"absolute form, user info": {"GET http://x@acme.app.example/whoami HTTP/1.1\nHost: acme.app.example\n" + auth, "HTTP/1.1 421 "},
	} {
		if answer := g.raw(t, c[0]); !strings.HasPrefix(answer, c[1]) {
			t.Errorf("%s: want %s, got %s", name, c[1], answer)
		}
	}
	if n, _ := g.counter.counts(); n != 6 {
		t.Errorf("%d statements of tenants instead of 6", n)
	}
}

func TestAttack1ConfiguredProxy(t *testing.T) {
	t.Parallel()
	g := newGate(t, netip.MustParsePrefix("127.0.0.0/8"))
	token := g.valid(t, 0)
	for name, c := range map[string]struct {
		host   string
		values []string
		status int
	}{
		"its value counts": {"inner.example", []string{"acme.app.example"}, 200},
		"without one":      {"acme.app.example", nil, 200},
		"two headers":      {"acme.app.example", []string{"acme.app.example", "globex.app.example"}, 400},
		"a list":           {"acme.app.example", []string{"acme.app.example, globex.app.example"}, 400},
		"another tenant's": {"acme.app.example", []string{"globex.app.example"}, 403},
		"not a host":       {"acme.app.example", []string{""}, 404},
	} {
		res, body := g.ask(t, "/whoami", c.host, token, func(r *http.Request) { r.Header["X-Forwarded-Host"] = c.values })
		if res.StatusCode != c.status {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
	far := newGate(t, netip.MustParsePrefix("10.0.0.0/8"))
	res, body := far.ask(t, "/whoami", "inner.example", far.valid(t, 0), func(r *http.Request) { r.Header.Set("X-Forwarded-Host", "acme.app.example") })
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("not the configured proxy: %d %s", res.StatusCode, body)
	}
}

// Attacks 2 and 25: every host that can't be a tenant's gets one and the same
// answer, and one that could be gets that of another tenant's host.
func TestAttack2HostsWithoutATenant(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	token := g.valid(t, 0)
	_, uniform := g.ask(t, "/whoami", "app.example", token, nil)
	for _, host := range []string{
		"app.example", "a.acme.app.example", "acme.app.example.evil.example", "acmeapp.example",
		"127.0.0.1", "127.0.0.1:8080", "[::1]", "acme.app.example:0", "acme.app.example..", "ac_me.app.example",
		"acme.localhost", "-acme.app.example",
	} {
		res, body := g.ask(t, "/whoami", host, token, nil)
		if res.StatusCode != http.StatusNotFound || body != uniform {
			t.Errorf("%s: %d %s", host, res.StatusCode, body)
		}
	}
	res, theirs := g.ask(t, "/whoami", "globex.app.example", token, nil)
	if nobody, nobodys := g.ask(t, "/whoami", "nobody.app.example", token, nil); nobody.StatusCode != http.StatusForbidden || res.StatusCode != http.StatusForbidden || nobodys != theirs {
		t.Errorf("a token tells nobody's host, %d %s, from another's, %d %s", nobody.StatusCode, nobodys, res.StatusCode, theirs)
	}
	if n, _ := g.counter.counts(); n != 0 {
		t.Errorf("%d statements of tenants", n)
	}
}

// Who made a typing error in a host finds it in the log; the answer does not tell.
func TestLogTellsThatNoTenantHasTheSlug(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config())
	r := s.Request(t, 0, http.MethodGet, "/notes", "")
	r.URL.Host = "acne." + servicetest.BaseDomain
	r.Host = r.URL.Host
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("%d, %v", res.StatusCode, err)
	}
	if !strings.Contains(s.Log.String(), `no active tenant has the slug \"acne\"`) {
		t.Errorf("the log:\n%s", s.Log.String())
	}
}

// Attack 3: no header, parameter or cookie of the client names the tenant.
func TestAttack3ClientsNameNoTenant(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	other := g.Tenants[1]
	res, body := g.ask(t, "/whoami?tenant="+other.Slug+"&tenant_id="+other.ID.String(), "acme.app.example", g.valid(t, 0), func(r *http.Request) {
		for _, name := range []string{"X-Tenant", "X-Tenant-Id", "X-Tenant-Slug", "Tenant", "X-Org-Id"} {
			r.Header.Set(name, other.ID.String())
		}
		r.AddCookie(&http.Cookie{Name: "tenant", Value: other.Slug})
	})
	if res.StatusCode != http.StatusOK || !strings.Contains(body, g.Tenants[0].Schema()) {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}
