package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/domains"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// shown is what hosts show, in place of DNS and HTTP.
type shown struct {
	mu     sync.Mutex
	tokens map[string]string
	down   error
}

func (s *shown) Prove(_ context.Context, host, token string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.down != nil:
		return s.down
	case s.tokens[host] != token:
		return fmt.Errorf("%w: %s", domains.ErrNotProven, host)
	}
	return nil
}

// inDNS is shown with DNS apart from the rest.
type inDNS struct {
	*shown

	texts map[string][]string
	down  error
}

func (s *inDNS) ProveDNS(_ context.Context, host, token string) error {
	switch {
	case s.down != nil:
		return s.down
	case !slices.Contains(s.texts[host], token):
		return fmt.Errorf("%w: %s", domains.ErrNotProven, host)
	}
	return nil
}

func (s *shown) set(host, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[host] = token
}

// claims is a catalog whose domains are proven by what the test says, two tenants,
// and a resolver that remembers nothing.
type claims struct {
	*catalog.Catalog
	*shown

	db    *tenanttest.DB
	asks  *catalog.Resolver
	acme  catalog.Ref
	other catalog.Ref
}

func newClaims(t *testing.T) *claims {
	t.Helper()
	c := &claims{shown: &shown{tokens: map[string]string{}}, db: tenanttest.New(t, tenanttest.Options{})}
	var err error
	c.Catalog, err = catalog.Open(t.Context(), catalog.Config{URL: c.db.OwnerURL, Domains: catalog.DomainConfig{
		Base: "app.example", Prover: c.shown, CheckEvery: time.Nanosecond, RetryEvery: time.Nanosecond, MaxFailures: 3,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.asks = catalog.NewResolver(c.db.DB, 0)
	c.acme, c.other = catalog.Ref{Slug: "acme"}, catalog.Ref{Slug: "globex"}
	return c
}

func (c *claims) add(t *testing.T, ref catalog.Ref, host string) catalog.Domain {
	t.Helper()
	d, err := c.AddDomain(t.Context(), ref, host)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// routed is the slug of the tenant that a host leads to.
func (c *claims) routed(t *testing.T, host string) string {
	t.Helper()
	route, err := c.asks.Route(t.Context(), tenant.Name{Domain: host})
	if err != nil && tenant.CodeOf(err) != tenant.CodeNotFound {
		t.Fatal(err)
	}
	return route.Slug
}

// actions are what the audit has of domains, the latest first.
func (c *claims) actions(t *testing.T) []string {
	t.Helper()
	all, err := c.Audit(t.Context(), catalog.AuditFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, e := range all {
		if strings.HasSuffix(e.Action, "-domain") {
			actions = append(actions, e.Action)
		}
	}
	return actions
}

func TestDomainLife(t *testing.T) {
	t.Parallel()
	c := newClaims(t)
	const host = "security.acme.example"
	d := c.add(t, c.acme, "Security.ACME.example.")
	if d.Host != host || len(d.Token) < 26 || !d.VerifiedAt.IsZero() {
		t.Fatalf("%+v", d)
	}
	if again := c.add(t, c.acme, host); again.Token != d.Token {
		t.Errorf("claimed again: %+v", again)
	}
	_, err := c.VerifyDomain(t.Context(), c.acme, host)
	wantCode(t, err, tenant.CodeInvalid, "_bailiwick."+host)
	if got := c.routed(t, host); got != "" {
		t.Errorf("unproven, and routed to %s", got)
	}
	c.set(host, d.Token)
	for range 2 {
		if d, err = c.VerifyDomain(t.Context(), c.acme, host); err != nil || d.VerifiedAt.IsZero() || d.Error != "" {
			t.Fatalf("%+v, %v", d, err)
		}
	}
	if got := c.routed(t, host); got != "acme" {
		t.Errorf("routed to %q", got)
	}
	for _, step := range []struct {
		take func() (catalog.Record, error)
		want string
	}{
		{func() (catalog.Record, error) { return c.Suspend(t.Context(), c.acme, "") }, ""},
		{func() (catalog.Record, error) { return c.Resume(t.Context(), c.acme) }, "acme"},
		{func() (catalog.Record, error) { return c.Rename(t.Context(), c.acme, "apex") }, "apex"},
	} {
		if _, err := step.take(); err != nil {
			t.Fatal(err)
		}
		if got := c.routed(t, host); got != step.want {
			t.Errorf("routed to %q, want %q", got, step.want)
		}
	}
	if err := c.RemoveDomain(t.Context(), catalog.Ref{Slug: "apex"}, host); err != nil {
		t.Fatal(err)
	}
	if got := c.routed(t, host); got != "" {
		t.Errorf("removed, and routed to %s", got)
	}
	wantCode(t, c.RemoveDomain(t.Context(), catalog.Ref{Slug: "apex"}, host), tenant.CodeNotFound, host)
	if got := c.actions(t); !slices.Equal(got, []string{"remove-domain", "verify-domain", "add-domain"}) {
		t.Errorf("the audit: %v", got)
	}
}

// Attack 7: of two claims the first that is proven wins.
func TestAttack7OneDomainClaimedTwice(t *testing.T) {
	t.Parallel()
	c := newClaims(t)
	const host = "security.acme.example"
	mine, theirs := c.add(t, c.acme, host), c.add(t, c.other, host)
	if mine.Token == theirs.Token {
		t.Fatal("two claims have one token")
	}
	c.set(host, mine.Token)
	_, err := c.VerifyDomain(t.Context(), c.other, host)
	wantCode(t, err, tenant.CodeInvalid, theirs.Token)
	if strings.Contains(err.Error(), mine.Token) {
		t.Errorf("the token of one was told to the other: %v", err)
	}
	if _, err := c.VerifyDomain(t.Context(), c.acme, host); err != nil {
		t.Fatal(err)
	}
	c.set(host, theirs.Token)
	_, err = c.VerifyDomain(t.Context(), c.other, host)
	wantCode(t, err, tenant.CodeConflict, "another tenant has proven")
	if got := c.routed(t, host); got != "acme" {
		t.Errorf("routed to %q", got)
	}

	// Many at once: one wins.
	const race = "race.example"
	refs := []catalog.Ref{c.acme, c.other}
	for _, ref := range refs {
		c.add(t, ref, race)
	}
	both := &always{}
	cat, err := catalog.Open(t.Context(), catalog.Config{URL: c.db.OwnerURL, Domains: catalog.DomainConfig{Prover: both}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cat.Close)
	errs := make([]error, 8)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() { _, errs[i] = cat.VerifyDomain(t.Context(), refs[i%2], race) })
	}
	group.Wait()
	var won [2]int
	for i, err := range errs {
		if err == nil {
			won[i%2]++
		} else if tenant.CodeOf(err) != tenant.CodeConflict {
			t.Error(err)
		}
	}
	if won != [2]int{4, 0} && won != [2]int{0, 4} {
		t.Errorf("won: %v", won)
	}
}

type always struct{}

func (*always) Prove(context.Context, string, string) error { return nil }

func TestDomainsThatCantBeClaimed(t *testing.T) {
	t.Parallel()
	c := newClaims(t)
	if _, err := c.Create(t.Context(), catalog.CreateParams{Slug: "initech"}); err != nil { // Its role is in no template.
		t.Fatal(err)
	}
	c.acme = catalog.Ref{Slug: "initech"}
	for _, host := range []string{
		"", "app.example", "APP.example.", "acme.app.example", "a.b.app.example", "localhost", "127.0.0.1", "[::1]", "acme.example:8080",
		"münchen.example", "*.acme.example", "acme_x.example", "http://acme.example", "acme.example/", "a..b", "acme.example\x00", "acme.example'; --",
	} {
		_, err := c.AddDomain(t.Context(), c.acme, host)
		wantCode(t, err, tenant.CodeInvalid, "")
	}
	for _, host := range []string{"xn--mnchen-3ya.example", "app.example.com", "myapp.example"} {
		c.add(t, c.acme, host)
	}
	_, err := c.AddDomain(t.Context(), catalog.Ref{Slug: "nobody"}, "x.example")
	wantCode(t, err, tenant.CodeNotFound, "nobody")
	_, err = c.AddDomain(t.Context(), catalog.Ref{Slug: "initech", Revision: 7}, "x.example")
	wantCode(t, err, tenant.CodeConflict, "has changed")
	_, err = c.VerifyDomain(t.Context(), c.acme, "unclaimed.example")
	wantCode(t, err, tenant.CodeNotFound, "unclaimed.example")
	if _, err := c.Offboard(t.Context(), c.acme, catalog.OffboardParams{}); err != nil {
		t.Fatal(err)
	}
	_, err = c.AddDomain(t.Context(), c.acme, "late.example")
	wantCode(t, err, tenant.CodeConflict, "offboarding")
	_, err = c.VerifyDomain(t.Context(), c.acme, "myapp.example")
	wantCode(t, err, tenant.CodeConflict, "offboarding")
	if all, err := c.Domains(t.Context(), c.acme); err != nil || len(all) != 3 {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := c.Purge(t.Context(), c.acme, catalog.PurgeParams{Early: true}); err != nil {
		t.Fatal(err)
	}
	if all, err := c.Domains(t.Context(), catalog.Ref{}); err != nil || len(all) != 0 {
		t.Errorf("after the purge: %+v, %v", all, err)
	}
}

// Attack 7: a domain that is pointed elsewhere is released, and free for another.
func TestAttack7DanglingDomainIsReleased(t *testing.T) {
	t.Parallel()
	c := newClaims(t)
	const host = "security.acme.example"
	c.set(host, c.add(t, c.acme, host).Token)
	if _, err := c.VerifyDomain(t.Context(), c.acme, host); err != nil {
		t.Fatal(err)
	}
	recheck := func() {
		t.Helper()
		if n, err := c.RecheckDomains(t.Context()); err != nil || n != 1 {
			t.Errorf("%d looked at, %v", n, err)
		}
	}
	recheck()
	c.down = errors.New("DNS does not answer")
	for range 5 {
		recheck()
	}
	if got := c.routed(t, host); got != "acme" {
		t.Errorf("nobody could look, and it is routed to %q", got)
	}
	c.down = nil
	c.set(host, "")
	recheck()
	_, err := c.VerifyDomain(t.Context(), c.acme, host) // It counts for nothing that somebody looks by hand.
	wantCode(t, err, tenant.CodeInvalid, "")
	recheck()
	c.set(host, all(t, c)[0].Token)
	recheck() // It is there again.
	if d := all(t, c)[0]; d.Failures != 0 || d.Error != "" || c.routed(t, host) != "acme" {
		t.Errorf("%+v", d)
	}
	c.set(host, "")
	for range 3 {
		recheck()
	}
	if d := all(t, c)[0]; !d.VerifiedAt.IsZero() || d.Failures != 3 || !strings.Contains(d.Error, "does not show the token") || c.routed(t, host) != "" {
		t.Errorf("%+v", d)
	}
	if n, err := c.RecheckDomains(t.Context()); err != nil || n != 0 {
		t.Errorf("released, and looked at: %d, %v", n, err)
	}
	if got := c.actions(t); !slices.Equal(got, []string{"release-domain", "verify-domain", "add-domain"}) {
		t.Errorf("the audit: %v", got)
	}
	c.set(host, c.add(t, c.other, host).Token)
	if _, err := c.VerifyDomain(t.Context(), c.other, host); err != nil || c.routed(t, host) != "globex" {
		t.Errorf("free for another: %v", err)
	}
}

func all(t *testing.T, c *claims) []catalog.Domain {
	t.Helper()
	list, err := c.Domains(t.Context(), c.acme)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Attack 7: a domain that was sold is the buyer's, who has DNS, whatever the seller
// still shows, and once the seller's token is out of it.
func TestAttack7DomainChangesHands(t *testing.T) {
	t.Parallel()
	c := newClaims(t)
	dns := &inDNS{shown: c.shown, texts: map[string][]string{}}
	cat, err := catalog.Open(t.Context(), catalog.Config{URL: c.db.OwnerURL, Domains: catalog.DomainConfig{Prover: dns}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cat.Close)
	const host = "shop.example.org"
	seller, buyer := c.add(t, c.acme, host), c.add(t, c.other, host)
	c.set(host, seller.Token)
	if _, err := cat.VerifyDomain(t.Context(), c.acme, host); err != nil {
		t.Fatal(err)
	}
	shows := func() bool {
		t.Helper()
		shown, err := c.asks.Shows(t.Context(), host, seller.Token)
		if err != nil {
			t.Fatal(err)
		}
		return shown
	}
	if !shows() {
		t.Error("a proven claim is not shown")
	}
	c.set(host, buyer.Token)
	for name, texts := range map[string][]string{"both": {seller.Token, buyer.Token}, "the host alone": nil, "the seller": {seller.Token}} {
		dns.texts[host] = texts
		_, err := cat.VerifyDomain(t.Context(), c.other, host)
		if wantCode(t, err, tenant.CodeConflict, "another tenant has proven"); c.routed(t, host) != "acme" {
			t.Errorf("%s: routed to %q", name, c.routed(t, host))
		}
	}
	dns.texts[host], dns.down = []string{buyer.Token}, errors.New("DNS does not answer")
	_, err = cat.VerifyDomain(t.Context(), c.other, host)
	wantCode(t, err, tenant.CodeConflict, "another tenant has proven")
	dns.down = nil
	if _, err := c.Offboard(t.Context(), c.acme, catalog.OffboardParams{Grace: time.Hour}); err != nil || shows() {
		t.Errorf("the token of a tenant that has left is shown: %v, %v", shows(), err)
	}
	if _, err := cat.VerifyDomain(t.Context(), c.other, host); err != nil || c.routed(t, host) != "globex" {
		t.Errorf("the buyer: %v, routed to %q", err, c.routed(t, host))
	}
	if got := c.actions(t); !slices.Equal(got[:2], []string{"verify-domain", "release-domain"}) {
		t.Errorf("the audit: %v", got)
	}
	if all, err := cat.Domains(t.Context(), c.acme); err != nil || len(all) != 1 || !all[0].VerifiedAt.IsZero() {
		t.Errorf("the seller's claim: %+v, %v", all, err)
	}
	if _, err := cat.Restore(t.Context(), c.acme); err != nil {
		t.Fatal(err)
	}
	_, err = cat.VerifyDomain(t.Context(), c.acme, host) // Nobody takes it back without DNS.
	wantCode(t, err, tenant.CodeInvalid, seller.Token)
}
