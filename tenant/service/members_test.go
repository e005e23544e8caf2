package service_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// list are members and keys; each question is a statement of the tenant.
type list struct {
	mu      sync.Mutex
	members map[string]identity.Member
	keys    map[string]identity.Key
	asked   int
	used    int
	fail    error
}

// change changes the list between two questions.
func (l *list) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// count is how often the list was asked.
func (l *list) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

func (l *list) ask(ctx context.Context, q *tenant.Querier) error {
	l.asked++
	var n int
	return q.QueryRow(ctx, "SELECT 1").Scan(&n)
}

func (l *list) Member(ctx context.Context, q *tenant.Querier, subject string) (identity.Member, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := errors.Join(l.ask(ctx, q), l.fail); err != nil {
		return identity.Member{}, err
	}
	m, ok := l.members[subject]
	if !ok {
		return m, &tenant.Error{Code: tenant.CodeNotFound, Err: errors.New("no row")}
	}
	return m, nil
}

func (l *list) Key(ctx context.Context, q *tenant.Querier, prefix string) (identity.Key, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := errors.Join(l.ask(ctx, q), l.fail); err != nil {
		return identity.Key{}, err
	}
	k, ok := l.keys[prefix]
	if !ok {
		return k, &tenant.Error{Code: tenant.CodeNotFound, Err: errors.New("no row")}
	}
	return k, nil
}

func (l *list) KeyUsed(context.Context, *tenant.Querier, identity.Key) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used++
	return errors.New("read only")
}

// newMembers is a gate with one member and one key of the first tenant.
func newMembers(t *testing.T) (*gate, *list, identity.APIKey) {
	t.Helper()
	l := &list{members: map[string]identity.Member{servicetest.Subject: {Subject: servicetest.Subject}}, keys: map[string]identity.Key{}}
	g := newGateOf(t, "subdomain", l)
	key := identity.NewAPIKey(g.keys, g.Tenants[0].ID)
	l.keys[key.Prefix] = identity.Key{Member: l.members[servicetest.Subject], Hash: key.Hash(g.keys), CreatedAt: time.Now()}
	return g, l, key
}

// Attacks 4 and 25: a key that opens nothing is refused with the same bytes, and
// before any of the tenant's SQL; one that nobody has made before any SQL at all.
func TestAttack25APIKeys(t *testing.T) {
	t.Parallel()
	g, l, key := newMembers(t)
	foreign := identity.NewAPIKey(g.keys, g.Tenants[1].ID)
	l.keys[foreign.Prefix] = identity.Key{Hash: foreign.Hash(g.keys)} // As if both tenants had it.
	hosts := []string{"acme.app.example", "globex.app.example", "nobody.app.example"}
	made := "bw_" + strings.Repeat("a", 26) + "." + strings.Repeat("A", 43)
	want := g.answer(t, hosts[0], made)
	if !strings.HasPrefix(want, "HTTP/1.1 401 ") || !strings.HasSuffix(want, "\n0 0") {
		t.Errorf("a key that nobody has made:\n%s", want)
	}
	for _, host := range hosts {
		for _, credential := range []string{made, "bw_", "bw_x.y", key.Prefix, key.Prefix + "." + made} {
			if diff := cmp.Diff(want, g.answer(t, host, credential)); diff != "" {
				t.Errorf("%s at %s (-want +got):\n%s", credential, host, diff)
			}
		}
	}
	want = strings.TrimSuffix(want, "0 0") + "0 1" // The registry is asked.
	for credential, at := range map[string][]string{key.String(): hosts[1:], foreign.String(): {hosts[0], hosts[2]}} {
		for _, host := range at {
			if diff := cmp.Diff(want, g.answer(t, host, credential)); diff != "" {
				t.Errorf("a key of another tenant at %s (-want +got):\n%s", host, diff)
			}
		}
	}
	wrong := identity.APIKey{Prefix: key.Prefix, Secret: foreign.Secret}
	if diff := cmp.Diff(strings.TrimSuffix(want, "0 1")+"1 1", g.answer(t, hosts[0], wrong.String())); diff != "" {
		t.Errorf("a wrong secret (-want +got):\n%s", diff)
	}
	if l.used != 0 {
		t.Errorf("%d uses are noted", l.used)
	}
	if res, body := g.ask(t, "/account", "app.example", key.String(), nil); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a key where no tenant is named: %d %s", res.StatusCode, body)
	}
}

func TestAPIKeyIsAMembers(t *testing.T) {
	t.Parallel()
	g, l, key := newMembers(t)
	use := func(key identity.APIKey) {
		if res, body := g.ask(t, "/whoami", "acme.app.example", key.String(), nil); res.StatusCode != http.StatusOK || !strings.Contains(body, servicetest.Subject) {
			t.Errorf("%d %s", res.StatusCode, body)
		}
	}
	var all sync.WaitGroup
	for range 12 { // That a use can't be noted is no reason to refuse it, or to try again at once.
		all.Go(func() { use(key) })
	}
	all.Wait()
	if l.used != 1 {
		t.Errorf("%d uses of a key are noted within a minute", l.used)
	}
	elsewhere := identity.NewAPIKey(g.keys, g.Tenants[0].ID) // Another server has noted it.
	stored := l.keys[key.Prefix]
	stored.Hash, stored.LastUsed = elsewhere.Hash(g.keys), time.Now().Add(-30*time.Second)
	l.keys[elsewhere.Prefix] = stored
	if use(elsewhere); l.used != 1 {
		t.Error("a use is noted half a minute after the last")
	}
	stored.LastUsed = time.Now().Add(-2 * time.Minute)
	l.keys[elsewhere.Prefix] = stored
	if use(elsewhere); l.used != 2 {
		t.Errorf("%d uses of two keys are noted", l.used)
	}
	without := newGate(t)
	if res, _ := without.ask(t, "/whoami", "acme.app.example", identity.NewAPIKey(without.keys, without.Tenants[0].ID).String(), nil); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a key without members: %d", res.StatusCode)
	}
}

// The member is asked for last, and only in the tenant that all agree on.
func TestMembersAreAskedForAfterAgreement(t *testing.T) {
	t.Parallel()
	g, l, _ := newMembers(t)
	if res, body := g.ask(t, "/whoami", "globex.app.example", g.valid(t, 0), nil); res.StatusCode != http.StatusForbidden {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if n, _ := g.counter.counts(); n != 0 {
		t.Errorf("%d statements of tenants before there is agreement", n)
	}
	if res, body := g.ask(t, "/whoami", "acme.app.example", g.valid(t, 0), nil); res.StatusCode != http.StatusOK {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	l.members = nil
	if res, body := g.ask(t, "/whoami", "acme.app.example", g.valid(t, 0), nil); res.StatusCode != http.StatusForbidden || strings.Contains(body, "row") {
		t.Errorf("no member: %d %s", res.StatusCode, body)
	}
	l.fail = &tenant.Error{Code: tenant.CodeSchema, Err: errors.New("misfit")}
	if res, body := g.ask(t, "/whoami", "acme.app.example", g.valid(t, 0), nil); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("members that can't be asked: %d %s", res.StatusCode, body)
	}
}

// A document that wants scopes is nothing that a service without any can serve.
func TestScopesNeedSomebodyWhoGivesThem(t *testing.T) {
	t.Parallel()
	const document = `{"openapi":"3.0.3","info":{"title":"x","version":"1"},"paths":{"/x":{"get":{"security":[{"p":["read"]}],"responses":{"200":{"description":"ok"}}}}},
		"components":{"securitySchemes":{"p":{"type":"openIdConnect","openIdConnectUrl":"/x","x-scopes":{"read":""}}}}}`
	cfg := config()
	cfg.Handler = func(b service.Backend) (http.Handler, error) { return wrapText(b, document, http.NotFoundHandler()) }
	s := servicetest.New(t, config())
	environ := servicetest.Settings(s.RuntimeURL, s.Issuer)
	_, err := service.Open(t.Context(), cfg, environ)
	if !errors.Is(err, rest.ErrUnscoped) || !strings.Contains(err.Error(), "service.Config.Members") || !strings.Contains(err.Error(), "SCOPE_CLAIM") {
		t.Errorf("%v", err)
	}
	opened, err := service.Open(t.Context(), cfg, append(environ, "SCOPE_CLAIM=scope"))
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.Close(); err != nil {
		t.Error(err)
	}
}

// The document may name the discovery of whichever issuer the service trusts.
func TestDiscoveryLeadsToTheIssuer(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config())
	c := s.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for host, want := range map[string]string{"acme.app.example": servicetest.IssuerName, "nobody.app.example": servicetest.IssuerName} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/.well-known/openid-configuration", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusFound || res.Header.Get("Location") != want+"/.well-known/openid-configuration" {
			t.Errorf("%s: %d %v", host, res.StatusCode, res.Header)
		}
	}
}
