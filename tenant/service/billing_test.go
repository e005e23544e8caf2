package service_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/billing"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// The webhook is at the service's own hosts, and nowhere below a tenant's.
func TestBillingWebhook(t *testing.T) {
	t.Parallel()
	db, is := tenanttest.New(t, tenanttest.Options{Schema: config().Schema}), servicetest.NewIssuer(t)
	const old, current = "whsec_of_last_year", "whsec_of_this_year"
	environ := append(servicetest.Settings(db.RuntimeURL, is), "TENANT_FROM=subdomain,path", "BILLING_SECRETS="+current+", "+old)
	p := servicetest.Start(t, config(), nil, environ...)
	defer p.Stop(t)
	const body = `{"id":"evt_1","type":"customer.subscription.updated"}`
	post := func(host, path, signature string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.Addr+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		r.Header.Set(billing.SignatureHeader, signature)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode
	}
	sign := func(secret string) string { return billing.Sign(secret, time.Now(), []byte(body)) }
	slug := db.Tenants[0].Slug
	for name, c := range map[string]struct {
		host, path, signature string
		want                  int
	}{
		"the service's host":       {"app.example", "/webhooks/billing", sign(current), http.StatusNoContent},
		"by the secret of before":  {"app.example", "/webhooks/billing", sign(old), http.StatusNoContent},
		"by another one":           {"app.example", "/webhooks/billing", sign("whsec_of_nobody_here"), http.StatusBadRequest},
		"a tenant's host":          {slug + ".app.example", "/webhooks/billing", sign(current), http.StatusNotFound},
		"below a tenant's path":    {"app.example", "/t/" + slug + "/webhooks/billing", sign(current), http.StatusNotFound},
		"a host that is nobody's":  {"elsewhere.example", "/webhooks/billing", sign(current), http.StatusNotFound},
		"a path that is not there": {"app.example", "/webhooks/billing/", sign(current), http.StatusNotFound},
	} {
		if got := post(c.host, c.path, c.signature); got != c.want {
			t.Errorf("%s: %d, want %d\n%s", name, got, c.want, p.Log.String())
		}
	}
}

// Plans that can't limit what operations are limited by end the start, also where
// the code was generated for another database.
func TestPlansWithoutLimit(t *testing.T) {
	t.Parallel()
	c := config()
	db, is := tenanttest.New(t, tenanttest.Options{Schema: c.Schema}), servicetest.NewIssuer(t)
	c.Counts = map[string]billing.Count{"max_notes": func(context.Context, *tenant.Querier) (int64, error) { return 0, nil }}
	_, err := service.Open(t.Context(), c, servicetest.Settings(db.RuntimeURL, is))
	if err == nil || !strings.Contains(err.Error(), "public.plans of this database has no column of integers max_notes, which") {
		t.Errorf("got %v", err)
	}
}

// A worker that could hold nobody to a subscription says so at the start.
func TestBillingWithoutTables(t *testing.T) {
	t.Parallel()
	db, is := tenanttest.New(t, tenanttest.Options{Schema: config().Schema}), servicetest.NewIssuer(t)
	environ := append(servicetest.Settings(db.RuntimeURL, is), "DATABASE_OWNER_URL="+db.OwnerURL, "BILLING_SECRETS=whsec_of_this_year")
	_, err := service.Open(t.Context(), config(), environ)
	if err == nil || !strings.Contains(err.Error(), "BILLING_SECRETS is set, but the shared schema has no tables public.plans") {
		t.Errorf("got %v", err)
	}
}
