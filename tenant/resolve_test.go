package tenant_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

var proxies = tenant.Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

// asked is a request for a host, from a peer that is a proxy or is not.
func asked(host, peer string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/v1/scans", http.NoBody)
	r.Host, r.RemoteAddr = host, peer
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

const (
	proxy    = "10.1.2.3:4711"
	stranger = "203.0.113.9:4711"
)

func TestHosts(t *testing.T) {
	t.Parallel()
	hosts := tenant.Hosts{Base: "app.example", Own: []string{"api.app.example", "api.example"}, Proxies: proxies}
	for host, want := range map[string]struct {
		subdomain, custom tenant.Name
		refused           bool
	}{
		"acme.app.example":           {subdomain: tenant.Name{Slug: "acme"}},
		"ACME.App.Example.:8443":     {subdomain: tenant.Name{Slug: "acme"}},
		"www.app.example":            {subdomain: tenant.Name{Slug: "www"}},
		"xn--80ak6aa92e.app.example": {subdomain: tenant.Name{Slug: "xn--80ak6aa92e"}},
		"app.example":                {},
		"APP.example.:80":            {},
		"api.app.example":            {},
		"api.example":                {},
		"acme.example":               {custom: tenant.Name{Domain: "acme.example"}},
		"Security.Acme.Example.:80":  {custom: tenant.Name{Domain: "security.acme.example"}},
		"acmeapp.example":            {custom: tenant.Name{Domain: "acmeapp.example"}},
		"acme.app.example.evil":      {custom: tenant.Name{Domain: "acme.app.example.evil"}},
		"localhost":                  {custom: tenant.Name{Domain: "localhost"}},
		"127.0.0.1":                  {refused: true},
		"[::1]:80":                   {refused: true},
		"ac_me.app.example":          {refused: true},
		"acme..app.example":          {refused: true},
		"":                           {refused: true},
	} {
		r := asked(host, stranger)
		sub, err := hosts.Subdomain().Resolve(r)
		custom, customErr := hosts.CustomDomain().Resolve(r)
		if want.refused {
			if tenant.CodeOf(err) != tenant.CodeNotFound || tenant.CodeOf(customErr) != tenant.CodeNotFound {
				t.Errorf("%q: %v, %v", host, err, customErr)
			}
			continue
		}
		if err != nil || customErr != nil || sub != want.subdomain || custom != want.custom {
			t.Errorf("%q: %v, %v and %v, %v", host, sub, err, custom, customErr)
		}
	}
	_, err := hosts.Subdomain().Resolve(asked("a.acme.app.example", stranger))
	if tenant.CodeOf(err) != tenant.CodeNotFound {
		t.Errorf("deeper: %v", err)
	}
}

func TestForwardedHost(t *testing.T) {
	t.Parallel()
	hosts := tenant.Hosts{Base: "app.example", Proxies: proxies}
	for name, c := range map[string]struct {
		peer string
		sent []string
		want string
		code tenant.Code
	}{
		"a proxy's counts":      {proxy, []string{"acme.app.example"}, "acme.app.example", ""},
		"IPv6":                  {"[fd00::1%eth0]:80", []string{"acme.app.example"}, "acme.app.example", ""},
		"IPv4 as IPv6":          {"[::ffff:10.0.0.1]:80", []string{"acme.app.example"}, "acme.app.example", ""},
		"a stranger's does not": {stranger, []string{"acme.app.example"}, "inner.example", ""},
		"nobody's does not":     {"@", []string{"acme.app.example"}, "inner.example", ""},
		"two":                   {proxy, []string{"acme.app.example", "globex.app.example"}, "", tenant.CodeInvalid},
		"a list":                {proxy, []string{"acme.app.example, globex.app.example"}, "", tenant.CodeInvalid},
		"a stranger's two":      {stranger, []string{"a.app.example", "b.app.example"}, "inner.example", ""},
	} {
		r := asked("inner.example", c.peer)
		r.Header["X-Forwarded-Host"] = c.sent
		if got, err := hosts.Of(r); got != c.want || tenant.CodeOf(err) != c.code {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, target := range []url.URL{{Host: "acme.app.example"}, {Scheme: "http", Path: "/v1"}, {Scheme: "http", Opaque: "v1"}} {
		r := asked("acme.app.example", proxy)
		r.URL = &target
		if _, err := hosts.Of(r); !errors.Is(err, tenant.ErrNotProxy) {
			t.Errorf("absolute form, %s: %v", &target, err)
		}
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	header := tenant.Header("X-Tenant", proxies)
	for name, c := range map[string]struct {
		peer string
		sent []string
		want tenant.Name
		code tenant.Code
	}{
		"a proxy's counts":      {proxy, []string{"acme"}, tenant.Name{Slug: "acme"}, ""},
		"a stranger's does not": {stranger, []string{"acme"}, tenant.Name{}, ""},
		"none":                  {proxy, nil, tenant.Name{}, ""},
		"empty":                 {proxy, []string{""}, tenant.Name{}, ""},
		"two":                   {proxy, []string{"acme", "acme"}, tenant.Name{}, tenant.CodeInvalid},
		"a list":                {proxy, []string{"acme,globex"}, tenant.Name{}, tenant.CodeInvalid},
		"no slug":               {proxy, []string{"acme'; --"}, tenant.Name{Slug: "-"}, ""},
		"in capitals":           {proxy, []string{"ACME"}, tenant.Name{Slug: "-"}, ""},
		"long":                  {proxy, []string{strings.Repeat("a", 9000)}, tenant.Name{Slug: "-"}, ""},
	} {
		r := asked("inner.example", c.peer)
		r.Header["X-Tenant"] = c.sent
		if got, err := header.Resolve(r); got != c.want || tenant.CodeOf(err) != c.code {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	hosts := tenant.Hosts{Base: "app.example"}
	id := tenant.NewID()
	claim := tenant.ResolverFunc(func(*http.Request) (tenant.Name, error) { return tenant.Name{ID: id}, nil })
	header := tenant.Header("X-Tenant", proxies)
	r := asked("acme.app.example", proxy, "X-Tenant", "acme")
	got, err := tenant.Names(r, hosts.Subdomain(), hosts.CustomDomain(), header, claim)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]tenant.Name{{Slug: "acme"}, {ID: id}}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := tenant.Names(asked("127.0.0.1", proxy, "X-Tenant", "acme"), header, hosts.Subdomain()); tenant.CodeOf(err) != tenant.CodeNotFound {
		t.Errorf("what can't be a host, and a header: %v", err)
	}
}

func TestPathPrefix(t *testing.T) {
	t.Parallel()
	const prefix = tenant.PathPrefix("/t/")
	for target, want := range map[string]struct {
		path string
		name tenant.Name
	}{
		"/t/acme/v1/scans?x=1":    {"/v1/scans", tenant.Name{Slug: "acme"}},
		"/t/acme/v1/a%2Fb":        {"/v1/a%2Fb", tenant.Name{Slug: "acme"}},
		"/t/acme":                 {"/", tenant.Name{Slug: "acme"}},
		"/t/acme/":                {"/", tenant.Name{Slug: "acme"}},
		"/t/acme//v1":             {"//v1", tenant.Name{Slug: "acme"}},
		"/t/acme/t/globex/v1":     {"/t/globex/v1", tenant.Name{Slug: "acme"}},
		"/t/ACME/v1":              {"/v1", tenant.Name{Slug: "-"}},
		"/t/ac%6de/v1":            {"/v1", tenant.Name{Slug: "-"}},
		"/t/acme%2F..%2Fglobex/x": {"/x", tenant.Name{Slug: "-"}},
		"/t/../v1":                {"/v1", tenant.Name{Slug: "-"}},
		"/t/":                     {"/t/", tenant.Name{}},
		"/t//v1":                  {"/t//v1", tenant.Name{}},
		"/T/acme/v1":              {"/T/acme/v1", tenant.Name{}},
		"/v1/scans":               {"/v1/scans", tenant.Name{}},
	} {
		r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
		prefix.Strip(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			name, err := prefix.Resolve(r)
			if got := r.URL.EscapedPath(); got != want.path || name != want.name || err != nil {
				t.Errorf("%s: %s, %v, %v", target, got, name, err)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
}

func TestPathPrefixInAnswers(t *testing.T) {
	t.Parallel()
	shared := []string{`</docs/>; rel="deprecation", <https://x.example/>; rel=help`, `</v1/a?cursor=1>; rel="next"`}
	h := tenant.PathPrefix("/t/").Strip(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := tenant.BasePath(r.Context()); got != "/t/acme" {
			t.Errorf("base path %q", got)
		}
		w.Header()["Link"] = shared
		w.Header().Set("Location", r.URL.Query().Get("to"))
		if r.URL.Query().Has("write") {
			_, _ = w.Write([]byte("x"))
		}
	}))
	for to, want := range map[string]string{
		"/v1/scans/7":           "/t/acme/v1/scans/7",
		"/t/acme/v1":            "/t/acme/v1",
		"https://x.example/v1":  "https://x.example/v1",
		"//x.example/v1":        "//x.example/v1",
		"7":                     "7",
		"":                      "",
		"/v1/scans/7&write=yes": "/t/acme/v1/scans/7",
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/t/acme/v1?to="+to, http.NoBody))
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("Location %q became %q", to, got)
		}
		links := []string{`</t/acme/docs/>; rel="deprecation", <https://x.example/>; rel=help`, `</t/acme/v1/a?cursor=1>; rel="next"`}
		if diff := cmp.Diff(links, w.Header()["Link"]); diff != "" {
			t.Error(diff)
		}
	}
	if !strings.HasPrefix(shared[0], "</docs/>") {
		t.Errorf("what others share was changed: %q", shared)
	}
}
