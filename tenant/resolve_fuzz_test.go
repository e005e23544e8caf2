package tenant_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// FuzzResolve: whatever a request says, names are in their one form, no host is
// both a slug's and a domain, and what only proxies may say has no effect when
// somebody else says it.
func FuzzResolve(f *testing.F) {
	for _, s := range [][4]string{
		{"acme.app.example", "", "", "/v1/scans"},
		{"ACME.app.example.:443", "globex.app.example", "globex", "/t/globex/v1"},
		{"app.example", "acme.example", "a'b", "/t/a%2Fb/v1"},
		{"[::1]:80", "a,b", "a,b", "/t//"},
		{"security.acme.example", "\u212aite.app.example", "ACME", "//t/acme"},
		{"a.b.app.example", "127.1", "-", "/t/" + strings.Repeat("a", 70)},
	} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	const prefix = tenant.PathPrefix("/t/")
	hosts := tenant.Hosts{Base: "app.example", Own: []string{"api.app.example"}, Proxies: proxies}
	resolvers := []tenant.Resolver{hosts.Subdomain(), hosts.CustomDomain(), tenant.Header("X-Tenant", proxies), prefix}
	f.Fuzz(func(t *testing.T, host, forwarded, header, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || u.Host != "" {
			t.Skip()
		}
		names := func(peer string, headers bool) ([]tenant.Name, error) {
			r := &http.Request{Method: http.MethodGet, Host: host, RemoteAddr: peer, Header: http.Header{}, URL: u}
			if headers {
				r.Header["X-Forwarded-Host"], r.Header["X-Tenant"] = []string{forwarded}, []string{header}
			}
			var names []tenant.Name
			var err error
			prefix.Strip(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				names, err = tenant.Names(r, resolvers...)
			})).ServeHTTP(httptest.NewRecorder(), r)
			return names, err
		}
		spoofed, spoofedErr := names(stranger, true)
		plain, plainErr := names(stranger, false)
		if diff := cmp.Diff(plain, spoofed); diff != "" || tenant.CodeOf(plainErr) != tenant.CodeOf(spoofedErr) {
			t.Fatalf("headers of a stranger count: %s, %v and %v", diff, plainErr, spoofedErr)
		}
		for _, peer := range []string{stranger, proxy} {
			got, err := names(peer, true)
			if err != nil && (got != nil || tenant.CodeOf(err) != tenant.CodeNotFound && tenant.CodeOf(err) != tenant.CodeInvalid) {
				t.Fatalf("%v, %v", got, err)
			}
			for _, name := range got {
				wellFormed(t, name)
			}
		}
	})
}

func wellFormed(t *testing.T, name tenant.Name) {
	t.Helper()
	switch {
	case name.Slug != "" && name.Domain != "", name.IsZero():
		t.Fatalf("%+v", name)
	case name.Slug != "":
		if len(name.Slug) > 63 || strings.Trim(name.Slug, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Fatalf("slug %q", name.Slug)
		}
	default:
		canonical, err := tenant.CanonicalHost(name.Domain)
		if err != nil || canonical != name.Domain || canonical == "app.example" || strings.HasSuffix(canonical, ".app.example") {
			t.Fatalf("domain %q: %v", name.Domain, err)
		}
	}
}
