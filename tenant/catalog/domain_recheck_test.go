package catalog_test

import (
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// Attack 7: who looks by hand, again and again, does not put off that a domain which
// is pointed elsewhere is looked at when its time has come, and released.
func TestAttack7LooksByHandPutNothingOff(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{})
	hosts := &shown{tokens: map[string]string{}}
	c, err := catalog.Open(t.Context(), catalog.Config{URL: db.OwnerURL, Domains: catalog.DomainConfig{
		Prover: hosts, CheckEvery: time.Hour, RetryEvery: time.Hour, MaxFailures: 2,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	const host = "security.acme.example"
	acme := catalog.Ref{Slug: "acme"}
	d, err := c.AddDomain(t.Context(), acme, host)
	if err != nil {
		t.Fatal(err)
	}
	failByHand := func() {
		t.Helper()
		_, err := c.VerifyDomain(t.Context(), acme, host)
		wantCode(t, err, tenant.CodeInvalid, "")
	}
	recheck := func(want int) {
		t.Helper()
		if n, err := c.RecheckDomains(t.Context()); err != nil || n != want {
			t.Errorf("looked at %d instead of %d, %v", n, want, err)
		}
	}
	failByHand()
	if d := all(t, &claims{Catalog: c})[0]; d.CheckedAt.IsZero() || d.Error == "" {
		t.Errorf("a claim that was never proven does not say when and why it was not: %+v", d)
	}
	hosts.set(host, d.Token)
	if _, err := c.VerifyDomain(t.Context(), acme, host); err != nil {
		t.Fatal(err)
	}
	recheck(0)
	hosts.set(host, "")
	for range 2 {
		must(t, db.OwnerURL, "UPDATE bailiwick.domains SET checked_at = now() - interval '2 hours'")
		failByHand()
		recheck(1)
		failByHand()
		recheck(0)
	}
	if d := all(t, &claims{Catalog: c})[0]; !d.VerifiedAt.IsZero() {
		t.Errorf("not released: %+v", d)
	}
}
