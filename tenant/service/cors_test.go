package service_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

func TestCORSOrigins(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]struct{ yes, no []string }{
		"https://app.example": {
			yes: []string{"https://app.example"},
			no:  []string{"http://app.example", "https://app.example:8443", "https://x.app.example", "https://app.example.evil.example", "https://APP.example", "null", ""},
		},
		"https://*.app.example, http://localhost:3000": {
			yes: []string{"https://acme.app.example", "http://localhost:3000"},
			no: []string{
				"https://app.example", "https://a.b.app.example", "https://.app.example", "https://evilapp.example", "http://acme.app.example",
				"https://acme.app.example:8443", "https://evil.example/.app.example", "https://evil.example:443.app.example", "https://evil@x.app.example", "http://localhost:3001",
			},
		},
		"http://*.localhost:8080":       {yes: []string{"http://acme.localhost:8080"}, no: []string{"http://acme.localhost", "http://localhost:8080"}},
		"https://*.app.example:8443":    {yes: []string{"https://acme.app.example:8443"}, no: []string{"https://acme.app.example"}},
		"*":                             {yes: []string{"https://anyone.example", "null"}},
		"https://xn--bcher-kva.example": {yes: []string{"https://xn--bcher-kva.example"}},
	} {
		s, err := service.ReadSettings([]string{"CORS_ORIGINS=" + setting})
		if err != nil {
			t.Errorf("%s: %v", setting, err)
			continue
		}
		for _, origin := range want.yes {
			if !s.Allows(origin) {
				t.Errorf("%s does not allow %s", setting, origin)
			}
		}
		for _, origin := range want.no {
			if s.Allows(origin) {
				t.Errorf("%s allows %s", setting, origin)
			}
		}
	}
	for _, setting := range []string{
		"*,https://app.example", "app.example", "https://", "https://app.example/", "https://app.example/x", "https://app.example?x", "ftp://app.example", "https://*.example",
		"https://*", "https://a*.app.example", "https://*.*.example", "https://App.example", "https://u@app.example", "https://app.example,", "null", "https://app.example:x",
	} {
		if _, err := service.ReadSettings([]string{"CORS_ORIGINS=" + setting}); err == nil || !strings.Contains(err.Error(), "CORS_ORIGINS: ") {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

// crossOrigin is what a page of another origin sends.
func crossOrigin(t *testing.T, s *servicetest.Service, method, path, origin string, header http.Header) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://acme."+servicetest.BaseDomain+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header.Clone()
	r.Header.Set("Origin", origin)
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	const page = "https://shop.app.example"
	s := servicetest.New(t, config(), "CORS_ORIGINS=https://*.app.example")
	preflight := http.Header{
		"Access-Control-Request-Method":  {"PATCH"},
		"Access-Control-Request-Headers": {"authorization,content-type,idempotency-key,if-match,if-none-match,prefer,x-request-id"},
	}
	res := crossOrigin(t, s, http.MethodOptions, "/notes", page, preflight)
	if res.StatusCode != http.StatusNoContent || res.Header.Get("Access-Control-Allow-Origin") != page || res.Header.Get("Access-Control-Allow-Methods") != "PATCH" ||
		res.Header.Get("Access-Control-Allow-Headers") != preflight.Get("Access-Control-Request-Headers") || res.Header.Get("Access-Control-Max-Age") == "" {
		t.Errorf("preflight: %d %v", res.StatusCode, res.Header)
	}
	wantVary(t, res.Header, "Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")

	token := http.Header{"Authorization": {"Bearer " + s.Token(t, 0)}}
	res = crossOrigin(t, s, http.MethodGet, "/notes", page, token)
	exposed := res.Header.Get("Access-Control-Expose-Headers")
	for _, name := range []string{
		"X-Request-Id", "Etag", "Location", "Deprecation", "Sunset", "Retry-After", "Ratelimit", "Ratelimit-Policy", "Preference-Applied", "Idempotency-Replayed", "Content-Disposition",
	} {
		if !strings.Contains(exposed+",", name+",") {
			t.Errorf("%s is not exposed: %s", name, exposed)
		}
	}
	wantVary(t, res.Header, "Origin", "Accept-Encoding")
	if res.StatusCode != http.StatusOK || res.Header.Get("Access-Control-Allow-Origin") != page {
		t.Errorf("request: %d %v", res.StatusCode, res.Header)
	}
	// A page may read why it is refused.
	if res = crossOrigin(t, s, http.MethodGet, "/notes", page, http.Header{}); res.StatusCode != http.StatusUnauthorized || res.Header.Get("Access-Control-Allow-Origin") != page {
		t.Errorf("without a token: %d %v", res.StatusCode, res.Header)
	}
	for what, res := range map[string]reply{
		"preflight of a stranger": crossOrigin(t, s, http.MethodOptions, "/notes", "https://evil.example", preflight),
		"preflight of TRACE":      crossOrigin(t, s, http.MethodOptions, "/notes", page, http.Header{"Access-Control-Request-Method": {"TRACE"}}),
		"preflight of a header": crossOrigin(t, s, http.MethodOptions, "/notes", page, http.Header{
			"Access-Control-Request-Method": {"GET"}, "Access-Control-Request-Headers": {"x-forwarded-host"},
		}),
		"a stranger": crossOrigin(t, s, http.MethodGet, "/notes", "https://evil.example", token),
	} {
		if res.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v", what, res.StatusCode, res.Header)
		}
		wantVary(t, res.Header, "Origin")
	}
}

// Credentials in the sense of CORS are never allowed, least of all with *.
func TestCORSOfAll(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config(), "CORS_ORIGINS=*")
	for _, method := range []string{http.MethodOptions, http.MethodGet} {
		res := crossOrigin(t, s, method, "/notes", "https://anyone.example", http.Header{"Access-Control-Request-Method": {"GET"}})
		if res.Header.Get("Access-Control-Allow-Origin") != "*" || res.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %d %v", method, res.StatusCode, res.Header)
		}
	}
}

func TestNoCORSUnlessConfigured(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config())
	for _, method := range []string{http.MethodOptions, http.MethodGet} {
		res := crossOrigin(t, s, method, "/notes", "https://anyone.example", http.Header{"Access-Control-Request-Method": {"GET"}})
		for name := range res.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: %v", method, res.Header)
			}
		}
	}
}

func wantVary(t *testing.T, header http.Header, names ...string) {
	t.Helper()
	vary := strings.Join(header.Values("Vary"), ", ") + ","
	for _, name := range names {
		if !strings.Contains(vary, name+",") {
			t.Errorf("Vary is %s and lacks %s", vary, name)
		}
	}
}
