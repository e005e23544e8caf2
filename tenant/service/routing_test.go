package service_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/domains"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// claim gives a tenant a domain, proven or not.
func claim(t *testing.T, g *gate, of tenant.Tenant, host string, proven bool) {
	t.Helper()
	when := "NULL"
	if proven {
		when = "now()"
	}
	execOwner(t, g.DB, "INSERT INTO bailiwick.domains (tenant_id, host, token, verified_at) VALUES ($1::text::uuid, $2, $3, "+when+")",
		of.ID.String(), host, domains.NewToken())
}

// changing are the parts of an answer that differ between any two.
var changing = regexp.MustCompile(`(?m)^(X-Request-Id|Date): .*\r\n`)

// answer is what a host answers, in bytes, and the statements that it took.
func (g *gate) answer(t *testing.T, host, token string) string {
	t.Helper()
	request := "GET /whoami HTTP/1.1\nHost: " + host + "\nConnection: close\n"
	if token != "" {
		request += "Authorization: Bearer " + token + "\n"
	}
	tenants, public := g.counter.counts()
	text := g.raw(t, request+"\n")
	tenantsNow, publicNow := g.counter.counts()
	return changing.ReplaceAllString(text, "") + fmt.Sprintf("\n%d %d", tenantsNow-tenants, publicNow-public)
}

// Attack 25: the answer has the same bytes, after the same work, for every host
// that could be a tenant's and is not the token's.
func TestAttack25UniformAnswers(t *testing.T) {
	t.Parallel()
	g := newGateFrom(t, "subdomain,domain")
	for _, slug := range []string{"suspended", "offboarded", "purged", "former"} {
		if _, err := g.Catalog.Create(t.Context(), catalog.CreateParams{Slug: slug}); err != nil {
			t.Fatal(err)
		}
	}
	claim(t, g, tenantOf(t, g, "suspended"), "suspended.example", true)
	claim(t, g, g.Tenants[1], "verified.example", true)
	claim(t, g, g.Tenants[1], "unverified.example", false)
	claim(t, g, g.Tenants[0], "mine.example", false)
	for _, step := range []func() (catalog.Record, error){
		func() (catalog.Record, error) {
			return g.Catalog.Suspend(t.Context(), catalog.Ref{Slug: "suspended"}, "")
		},
		func() (catalog.Record, error) {
			return g.Catalog.Offboard(t.Context(), catalog.Ref{Slug: "offboarded"}, catalog.OffboardParams{})
		},
		func() (catalog.Record, error) {
			return g.Catalog.Offboard(t.Context(), catalog.Ref{Slug: "purged"}, catalog.OffboardParams{})
		},
		func() (catalog.Record, error) {
			return g.Catalog.Purge(t.Context(), catalog.Ref{Slug: "purged"}, catalog.PurgeParams{})
		},
		func() (catalog.Record, error) {
			return g.Catalog.Rename(t.Context(), catalog.Ref{Slug: "former"}, "latter")
		},
	} {
		if _, err := step(); err != nil {
			t.Fatal(err)
		}
	}
	hosts := []string{
		"suspended.app.example", "offboarded.app.example", "purged.app.example", "former.app.example", // once somebody's
		"www.app.example", "public.app.example", "xn--cme-6cd.app.example", "1234.app.example", strings.Repeat("a", 63) + ".app.example", // nobody's ever
		"globex.app.example", "verified.example", "suspended.example", // another's
		"unverified.example", "mine.example", "unknown.example", "localhost", // not proven
	}
	token := g.valid(t, 0)
	without, with := g.answer(t, "nobody.app.example", ""), g.answer(t, "nobody.app.example", token)
	if !strings.HasPrefix(without, "HTTP/1.1 401 ") || !strings.HasPrefix(with, "HTTP/1.1 403 ") || !strings.HasSuffix(with, "\n0 1") {
		t.Fatalf("%s\n%s", without, with)
	}
	for _, host := range hosts {
		if got := g.answer(t, host, ""); got != without {
			t.Errorf("%s without a token: %s", host, got)
		}
		if got := g.answer(t, host, token); got != with {
			t.Errorf("%s with a token: %s", host, got)
		}
	}
	if got := g.answer(t, "acme.app.example", token); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Error(got)
	}
}

// Attack 25: a tenant's own people read the same as strangers do once it is not
// served, and it is true: their tokens outlive their membership.
func TestAttack25MembersOfTenantsThatAreNotServed(t *testing.T) {
	t.Parallel()
	g := newGateFrom(t, "subdomain,token")
	if _, err := g.Catalog.Suspend(t.Context(), catalog.Ref{Slug: "globex"}, "unpaid"); err != nil {
		t.Fatal(err)
	}
	own, stranger := g.valid(t, 1), g.valid(t, 0)
	want := g.answer(t, "nobody.app.example", stranger)
	if !strings.Contains(want, `"the token is for no tenant that is served here"`) {
		t.Error(want)
	}
	for host, token := range map[string]string{"globex.app.example": own, "app.example": own, "acme.app.example": own, "Globex.app.example": stranger} {
		if got := g.answer(t, host, token); got != want {
			t.Errorf("%s: %s", host, got)
		}
	}
}

func tenantOf(t *testing.T, g *gate, slug string) tenant.Tenant {
	t.Helper()
	r, err := g.Catalog.Get(t.Context(), slug)
	if err != nil {
		t.Fatal(err)
	}
	return r.Tenant()
}

// Attack 7: a domain leads to the tenant that has proven it, and to no other.
func TestAttack7CustomDomains(t *testing.T) {
	t.Parallel()
	g := newGateFrom(t, "subdomain,domain")
	claim(t, g, g.Tenants[0], "security.acme.example", true)
	claim(t, g, g.Tenants[1], "security.acme.example", false)
	claim(t, g, g.Tenants[1], "deeper.acme.app.example", true) // No claim below the base domain counts.
	claim(t, g, g.Tenants[1], "acme.app.example", true)
	acme, globex := g.valid(t, 0), g.valid(t, 1)
	for _, c := range []struct {
		host, token string
		status      int
	}{
		{"security.acme.example", acme, 200},
		{"Security.ACME.example.:8443", acme, 200},
		{"security.acme.example", globex, 403},
		{"x.security.acme.example", acme, 403},
		{"acme.example", acme, 403},
		{"acme.app.example", globex, 403},
		{"acme.app.example", acme, 200},
		{"deeper.acme.app.example", globex, 404},
	} {
		if res, body := g.ask(t, "/whoami", c.host, c.token, nil); res.StatusCode != c.status {
			t.Errorf("%s: %d %s", c.host, res.StatusCode, body)
		}
	}
}

// Attacks 3 and 4: each way to name a tenant counts where it is asked for, from
// whom it may come, and only if all agree.
func TestSources(t *testing.T) {
	t.Parallel()
	here := netip.MustParsePrefix("127.0.0.0/8")
	all := newGateFrom(t, "subdomain,domain,header,path,token", here)
	claim(t, all, all.Tenants[0], "acme.example", true)
	strangers := newGateFrom(t, "subdomain,header", netip.MustParsePrefix("10.0.0.0/8"))
	onlyToken, onlyPath := newGateFrom(t, "token"), newGateFrom(t, "path")
	for name, c := range map[string]struct {
		gate               *gate
		path, host, header string
		status             int
	}{
		"the token alone":            {all, "/whoami", "app.example", "", 200},
		"at another host of its own": {all, "/whoami", "api.app.example", "", 200},
		"at an unknown host":         {all, "/whoami", "api.example", "", 403},
		"at an address":              {all, "/whoami", "10.0.0.7:8080", "", 404},
		"the path":                   {all, "/t/acme/whoami", "app.example", "", 200},
		"the header":                 {all, "/whoami", "app.example", "acme", 200},
		"all agree":                  {all, "/t/acme/whoami", "acme.app.example", "acme", 200},
		"domain and path agree":      {all, "/t/acme/whoami", "acme.example", "acme", 200},
		"the path differs":           {all, "/t/globex/whoami", "acme.app.example", "acme", 403},
		"the header differs":         {all, "/t/acme/whoami", "acme.app.example", "globex", 403},
		"the host differs":           {all, "/t/acme/whoami", "globex.app.example", "acme", 403},
		"a nobody in the path":       {all, "/t/nobody/whoami", "acme.app.example", "", 403},
		"no slug in the path":        {all, "/t/ACME/whoami", "acme.app.example", "", 403},
		"a nobody in the header":     {all, "/whoami", "acme.app.example", "a'b", 403},
		"two in the header":          {all, "/whoami", "acme.app.example", "acme,acme", 400},
		"the token differs":          {all, "/t/globex/whoami", "globex.app.example", "globex", 403},
		"not from a proxy":           {strangers, "/whoami", "acme.app.example", "globex", 200},
		"not from a proxy, alone":    {strangers, "/whoami", "app.example", "acme", 404},
		"only the token":             {onlyToken, "/whoami", "10.0.0.7:8080", "", 200},
		"only the token, a header":   {onlyToken, "/whoami", "globex.app.example", "globex", 200},
		"only the path":              {onlyPath, "/t/acme/whoami", "10.0.0.7:8080", "", 200},
		"only the path, another's":   {onlyPath, "/t/globex/whoami", "acme.app.example", "", 403},
		"only the path, and none":    {onlyPath, "/whoami", "acme.app.example", "", 404},
	} {
		res, body := c.gate.ask(t, c.path, c.host, c.gate.valid(t, 0), func(r *http.Request) {
			if c.header != "" {
				r.Header.Set("X-Tenant", c.header)
			}
		})
		if res.StatusCode != c.status || (c.status == 200 && !strings.Contains(body, c.gate.Tenants[0].Schema())) {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
	if res, body := all.ask(t, "/whoami", "app.example", "", nil); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("no token: %d %s", res.StatusCode, body)
	}
	claims := servicetest.Claims(tenant.NewID().String())
	if res, body := onlyToken.ask(t, "/whoami", "api.example", onlyToken.issuer.Sign(t, jose.EdDSA, claims), nil); res.StatusCode != http.StatusForbidden {
		t.Errorf("a token of no tenant: %d %s", res.StatusCode, body)
	}
}

// Attack 32: a token of a tenant that is not served is good nowhere, not even
// where no tenant is named.
func TestAttack32TokensOfSuspendedTenants(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	if _, err := g.Catalog.Suspend(t.Context(), catalog.Ref{Slug: "acme"}, ""); err != nil {
		t.Fatal(err)
	}
	if res, body := g.ask(t, "/account", "app.example", g.valid(t, 0), nil); res.StatusCode != http.StatusForbidden {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}
