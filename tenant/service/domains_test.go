package service_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/domains"
	"github.com/bailiwick-dev/bailiwick/tenant/limit"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// fetch asks a service at a host, without following where it leads.
func fetch(t *testing.T, client *http.Client, address, token string) (res reply, body string) {
	t.Helper()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header}, string(text)
}

// TestBelowAPath: what answers lead to is below the path too.
func TestBelowAPath(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, configOf(func(w http.ResponseWriter, r *http.Request) {
		if err := rest.SetLocation(r.Context(), "/notes/{id}", "a/b"); err != nil {
			rest.WriteError(w, r, err)
			return
		}
		t, _ := tenant.FromContext(r.Context())
		_, _ = io.WriteString(w, t.Slug)
	}), "TENANT_FROM=path", "DOCS=true")
	const base = "http://" + servicetest.BaseDomain
	res, body := fetch(t, s.Client(), base+"/t/globex/notes", s.Token(t, 1))
	if res.StatusCode != http.StatusOK || body != "globex" || res.Header.Get("Location") != "/t/globex/notes/a%2Fb" {
		t.Errorf("%d %s, Location %s", res.StatusCode, body, res.Header.Get("Location"))
	}
	if res, _ := fetch(t, s.Client(), base+"/t/acme/notes", s.Token(t, 1)); res.StatusCode != http.StatusForbidden {
		t.Errorf("another tenant's path: %d", res.StatusCode)
	}
	if res, _ := fetch(t, s.Client(), base+"/notes", s.Token(t, 1)); res.StatusCode != http.StatusNotFound {
		t.Errorf("no path: %d", res.StatusCode)
	}
	if res, _ := fetch(t, s.Client(), base+"/t/acme/docs", ""); res.StatusCode != http.StatusMovedPermanently || res.Header.Get("Location") != "/t/acme/docs/" {
		t.Errorf("the page: %d, Location %s", res.StatusCode, res.Header.Get("Location"))
	}
	for _, path := range []string{"/t/acme/docs/", "/t/nobody/docs/", "/t/acme/openapi.yaml"} {
		if res, _ := fetch(t, s.Client(), base+path, ""); res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	for path, want := range map[string]string{"/t/globex/openapi.yaml": "/t/globex", "/openapi.yaml": "/t/{tenant}"} {
		_, document := fetch(t, s.Client(), base+path, "")
		doc, err := openapi3.NewLoader().LoadFromData([]byte(document))
		if err != nil || len(doc.Servers) != 1 || doc.Servers[0].URL != want {
			t.Fatalf("%s: %v, %s", path, err, document)
		}
		at := strings.ReplaceAll(doc.Servers[0].URL, "{tenant}", "globex")
		if res, body := fetch(t, s.Client(), base+at+"/notes", s.Token(t, 1)); res.StatusCode != http.StatusOK || body != "globex" {
			t.Errorf("by the document at %s: %d %s", path, res.StatusCode, body)
		}
	}
}

// TestDocumentAmongOtherNames: what hosts name stays the first choice.
func TestDocumentAmongOtherNames(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config(), "TENANT_FROM=subdomain,path", "DOCS=true")
	_, document := fetch(t, s.Client(), "http://acme."+servicetest.BaseDomain+"/openapi.yaml", "")
	doc, err := openapi3.NewLoader().LoadFromData([]byte(document))
	if err != nil || len(doc.Servers) != 2 || doc.Servers[0].URL != "/" || doc.Servers[1].URL != "/t/{tenant}" {
		t.Errorf("%v: %s", err, document)
	}
}

// proven is a prover whom every host satisfies.
type proven struct{}

func (proven) Prove(context.Context, string, string) error { return nil }

// withDomain gives acme a proven domain, and globex a claim to another one.
func withDomain(t *testing.T, s *servicetest.Service) (token, unproven string) {
	t.Helper()
	c, err := catalog.Open(t.Context(), catalog.Config{URL: s.OwnerURL, Domains: catalog.DomainConfig{Base: servicetest.BaseDomain, Prover: proven{}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	acme, globex := catalog.Ref{Slug: "acme"}, catalog.Ref{Slug: "globex"}
	d, err := c.AddDomain(t.Context(), acme, "security.acme.example")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.VerifyDomain(t.Context(), acme, d.Host); err != nil {
		t.Fatal(err)
	}
	other, err := c.AddDomain(t.Context(), globex, "globex.example")
	if err != nil {
		t.Fatal(err)
	}
	return d.Token, other.Token
}

// Attack 7: the service shows the token of a host that is proven, so that it can be
// proven anew, and no other, or a host that points here would be whose asks first.
func TestServiceShowsProvenTokens(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config(), "TENANT_FROM=subdomain,domain")
	token, unproven := withDomain(t, s)
	if res, body := fetch(t, s.Client(), "http://security.acme.example"+domains.Path+token, ""); res.StatusCode != http.StatusOK || body != token+"\n" {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	for name, address := range map[string]string{
		"an unproven claim":     "http://globex.example" + domains.Path + unproven,
		"another host's token":  "http://globex.example" + domains.Path + token,
		"another token":         "http://security.acme.example" + domains.Path + unproven,
		"at the base domain":    "http://" + servicetest.BaseDomain + domains.Path + token,
		"at the tenant's host":  "http://acme." + servicetest.BaseDomain + domains.Path + token,
		"the proxy's question":  "http://security.acme.example" + domains.Path + "tls-allowed?domain=security.acme.example",
		"at nobody's host":      "http://unknown.example" + domains.Path + token,
		"something like a path": "http://security.acme.example" + domains.Path + "../../notes",
	} {
		if res, body := fetch(t, s.Client(), address, ""); res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
	subdomains := servicetest.New(t, config())
	token, _ = withDomain(t, subdomains)
	if res, body := fetch(t, subdomains.Client(), "http://security.acme.example"+domains.Path+token, ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("without domains: %d %s", res.StatusCode, body)
	}
}

var askAddress = regexp.MustCompile(`"api":"tls-ask","address":"([^"]+)"`)

// Who asks for tokens at random soon asks the database nothing any more. That does
// not keep the service from showing them to others who ask at the same time.
func TestAskingForProofsIsBounded(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config(), "TENANT_FROM=subdomain,domain", "OPEN_LIMIT=5/1h", "TRUSTED_PROXIES=127.0.0.0/8,::1/128")
	token, _ := withDomain(t, s)
	ask := func(from, host, token string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+domains.Path+token, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", from)
		res, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode
	}
	const host = "security.acme.example"
	for range 4 {
		ask("8.8.8.8", "unknown.example", domains.NewToken())
	}
	if status := ask("8.8.8.8", host, token); status != http.StatusOK {
		t.Errorf("before it was wrong too often: %d", status)
	}
	ask("8.8.8.8", "unknown.example", domains.NewToken())
	if status := ask("8.8.8.8", host, token); status == http.StatusOK {
		t.Error("the registry is asked for one who was wrong too often")
	}
	for i := range 7 {
		if status := ask("8.8.4.4", host, token); (status == http.StatusOK) != (i < 5) {
			t.Errorf("another address, time %d: %d", i, status)
		}
	}
}

// Nor by asking all at once, before it is known that they are wrong.
func TestAskingForProofsAtOnceIsBounded(t *testing.T) {
	t.Parallel()
	for name, right := range map[string]bool{"wrong": false, "right": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var looked, shown atomic.Int32
				answer := make(chan struct{})
				h := service.NewRouting(nil, nil).Proofs(limit.Policy{Quota: 5, Window: time.Hour}, func() bool {
					looked.Add(1)
					<-answer
					return right
				})
				ask := func() {
					r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, domains.Path+domains.NewToken(), http.NoBody)
					r.Host = "security.acme.example"
					w := httptest.NewRecorder()
					if h.ServeHTTP(w, r); w.Code == http.StatusOK {
						shown.Add(1)
					}
				}
				for range 20 {
					go ask()
				}
				synctest.Wait()
				close(answer)
				synctest.Wait()
				ask()
				if looked.Load() != 5 || right != (shown.Load() == 5) {
					t.Errorf("the registry was asked %d times, and %d were shown", looked.Load(), shown.Load())
				}
			})
		})
	}
}

// What a proxy asks is no business of strangers.
func TestProxyAsksWithin(t *testing.T) {
	t.Parallel()
	const warning = "TLS_ASK_ADDR may be reached from outside"
	for address, warns := range map[string]bool{"127.0.0.1:0": false, "0.0.0.0:0": true, ":0": true} {
		s := servicetest.New(t, config(), "TENANT_FROM=subdomain,domain", "TLS_ASK_ADDR="+address)
		eventually(t, "it listens for the proxy", func() bool { return askAddress.MatchString(s.Log.String()) })
		eventually(t, "it serves", func() bool {
			status, _ := s.Send(t, 0, http.MethodGet, "/notes", "")
			return status == http.StatusOK
		})
		if got := strings.Contains(s.Log.String(), warning); got != warns {
			t.Errorf("%s: it warns: %t\n%s", address, got, s.Log.String())
		}
	}
}

// Attack 38: who connects to the proxy under many names at random keeps the registry
// busy with few of them at a time, and the others get their answer after it.
func TestProxyAsksInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var looking, answered atomic.Int32
		answer := make(chan struct{})
		h := service.NewRouting(nil, func(tenant.Name) (tenant.Route, error) {
			looking.Add(1)
			defer looking.Add(-1)
			<-answer
			return tenant.Route{}, nil
		}).TLSAsk()
		ask := func(ctx context.Context) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, domains.Path+"tls-allowed?domain=acme.example", http.NoBody)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w
		}
		for range 20 {
			go func() {
				if ask(t.Context()).Code == http.StatusOK {
					answered.Add(1)
				}
			}()
		}
		synctest.Wait()
		if looking.Load() != 2 {
			t.Errorf("%d questions are looked up at a time", looking.Load())
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		ask(gone) // It returns, though nobody has been answered.
		close(answer)
		synctest.Wait()
		if answered.Load() != 20 {
			t.Errorf("%d of 20 were answered", answered.Load())
		}
	})
}

// TestProxyAsksForCertificates on a listener that is not the public one.
func TestProxyAsksForCertificates(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config(), "TENANT_FROM=subdomain,domain", "TLS_ASK_ADDR=127.0.0.1:0", "API_HOSTS=api.app.example", "TENANT_CACHE_EXPIRY=1ms")
	withDomain(t, s)
	found := []string(nil)
	eventually(t, "it listens for the proxy", func() bool {
		found = askAddress.FindStringSubmatch(s.Log.String())
		return found != nil
	})
	ask := func(query string) (int, string) {
		res, body := fetch(t, &http.Client{}, "http://"+found[1]+domains.Path+"tls-allowed"+query, "")
		return res.StatusCode, body
	}
	_, uniform := ask("?domain=nobody.app.example")
	for _, c := range []struct {
		domain string
		status int
	}{
		{"app.example", 200}, {"api.app.example", 200}, {"acme.app.example", 200}, {"ACME.app.example.", 200}, {"security.acme.example", 200},
		{"nobody.app.example", 404}, {"www.app.example", 404}, {"a.acme.app.example", 404}, {"globex.example", 404},
		{"x.security.acme.example", 404}, {"unknown.example", 404}, {"127.0.0.1", 404}, {"", 404}, {"*.app.example", 404},
	} {
		status, body := ask("?domain=" + c.domain)
		if status != c.status || status == http.StatusNotFound && body != uniform {
			t.Errorf("%s: %d %s", c.domain, status, body)
		}
	}
	if status, body := ask(""); status != http.StatusNotFound || body != uniform {
		t.Errorf("no domain: %d %s", status, body)
	}
	if _, err := s.Catalog.Suspend(t.Context(), catalog.Ref{Slug: "acme"}, ""); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"acme.app.example", "security.acme.example"} {
		eventually(t, host+" gets no certificate", func() bool { status, _ := ask("?domain=" + host); return status == http.StatusNotFound })
	}
	for _, host := range []string{"app.example", "globex.app.example", "127.0.0.1"} { // The public listener tells nothing.
		res, body := fetch(t, s.Client(), "http://"+host+domains.Path+"tls-allowed?domain=globex.app.example", "")
		if res.StatusCode != http.StatusNotFound || strings.Contains(body, "globex") {
			t.Errorf("%s: %d %s", host, res.StatusCode, body)
		}
	}
}
