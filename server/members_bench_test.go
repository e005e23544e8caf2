package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// BenchmarkMembers compares requests whose member is asked for with such that are
// admitted by the scopes of their token alone. The two take turns. It tells, beside
// how long an asked one takes, how many times as long as the other that is.
func BenchmarkMembers(b *testing.B) {
	db := tenanttest.New(b, tenanttest.Options{Schema: testSchema, OwnerEmail: servicetest.Subject})
	issuer := servicetest.NewIssuer(b)
	token := issuer.Token(b, db.Tenants[0], servicetest.Subject, labels[string](permissions)...)
	open := func(cfg service.Config) http.Handler {
		cfg.Logger = slog.New(slog.DiscardHandler)
		s, err := service.Open(b.Context(), cfg, append(servicetest.Settings(db.RuntimeURL, issuer), "SCOPE_CLAIM="+servicetest.ScopeClaim))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		})
		return s.Handler()
	}
	unasked := config()
	unasked.Members = nil
	handlers := [2]http.Handler{open(unasked), open(config())}
	for _, path := range []string{"/v1/roles/1", "/v1/findings?limit=50", "/v1/overview/findings"} {
		b.Run(path, func(b *testing.B) {
			var spent [2]time.Duration
			send := func(i int) {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "http://x"+path, http.NoBody)
				r.URL.Scheme, r.URL.Host, r.Host = "", "", "acme."+servicetest.BaseDomain
				r.Header.Set("Authorization", "Bearer "+token)
				w := httptest.NewRecorder()
				began := time.Now()
				handlers[i].ServeHTTP(w, r)
				spent[i] += time.Since(began)
				if w.Code != http.StatusOK {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
			}
			for range 50 {
				send(0)
				send(1)
			}
			spent = [2]time.Duration{}
			for b.Loop() {
				send(0)
				send(1)
			}
			b.ReportMetric(float64(spent[1].Nanoseconds())/float64(b.N), "ns/asked")
			b.ReportMetric(float64(spent[1])/float64(spent[0]), "asked/unasked")
		})
	}
}
