package catalog_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// BenchmarkResolve goes from the request's host to the tenant's route: from what
// is remembered, alone and by several at once, and by asking each time.
func BenchmarkResolve(b *testing.B) {
	db := tenanttest.New(b, tenanttest.Options{})
	remembers, asks := catalog.NewResolver(db.DB, time.Hour), catalog.NewResolver(db.DB, 0)
	hosts := tenant.Hosts{Base: "app.example"}
	subdomain := hosts.Subdomain()
	resolve := func(b *testing.B, r *catalog.Resolver, request *http.Request) {
		name, err := subdomain.Resolve(request)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Route(b.Context(), name); err != nil {
			b.Fatal(err)
		}
	}
	for name, host := range map[string]string{"canonical": "acme.app.example", "port and case": "Acme.App.example:8443"} {
		request := &http.Request{Method: http.MethodGet, Host: host, URL: mustURL("/v1/scans")}
		b.Run("remembered/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				resolve(b, remembers, request)
			}
		})
		b.Run("parallel/"+name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					resolve(b, remembers, request)
				}
			})
		})
	}
	request := &http.Request{Method: http.MethodGet, Host: "acme.app.example", URL: mustURL("/v1/scans")}
	b.Run("asked", func(b *testing.B) {
		for b.Loop() {
			resolve(b, asks, request)
		}
	})
}

func mustURL(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	return u
}
