package service

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/limit"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// MaxToken is the longest token that is looked at.
const MaxToken = identity.MaxToken

// Parts that tests put together in their own ways.
var (
	WithHealth    = withHealth
	WithCORS      = withCORS
	ReadSettings  = readSettings
	EnsureTenants = ensureTenants
	Confirm       = confirm
)

// Settings are what the environment decides.
type Settings = settings

// Embedded tells whether the service brings its own database.
func (s *settings) Embedded() bool { return s.embedded() }

// LocalKey tells whether tokens are those of the local key.
func (s *settings) LocalKey() bool { return s.localKey() }

// ServesDocs tells whether the document is served.
func (s *settings) ServesDocs() bool { return s.docs() }

// Keys are those of SECRET_KEYS, as a text that shows no key.
func (s *settings) Keys() string { return s.SecretKeys.ring.String() }

// Identity is what the authentication of a service is made of; From is TENANT_FROM.
type Identity struct {
	Base, From string
	Proxies    []netip.Prefix
	Tokens     identity.Config
	Resolver   *catalog.Resolver
	Members    identity.Members
	Keys       *keyring.Keyring
	DB         *tenant.DB
}

// Authenticate gives the authentication.
func (i Identity) Authenticate() (func(*http.Request, rest.Operation) (context.Context, error), error) {
	s := &settings{BaseDomain: i.Base, TrustedProxies: i.Proxies, TenantHeader: "X-Tenant", TenantPath: "/t/", APIHosts: hostNames{"api.app.example"}}
	if err := s.TenantFrom.UnmarshalText([]byte(i.From)); err != nil {
		return nil, err
	}
	verifier, err := identity.NewTokens(i.Tokens)
	if err != nil {
		return nil, err
	}
	id := &authenticator{
		routing:     newRouting(s, i.Resolver),
		credentials: &credentials{tokens: verifier, members: i.Members, keys: i.Keys, uses: newKeyUses(), db: i.DB, logger: slog.New(slog.DiscardHandler)},
		opens:       limit.New("open-operations", limit.Policy{Quota: 1000, Window: time.Second}),
	}
	return id.authenticate, nil
}

// Serve listens and serves a handler until ctx ends.
func Serve(ctx context.Context, s *Settings, handler http.Handler) (net.Addr, <-chan error, error) {
	listener, err := listen(ctx, "ADDR", s.Addr)
	if err != nil {
		return nil, nil, err
	}
	done := make(chan error, 1)
	go func() {
		done <- serve(ctx, s, slog.New(slog.DiscardHandler), endpoint{listener: listener, handler: handler})
	}()
	return listener.Addr(), done, nil
}

// Allows tells whether pages of an origin may call.
func (s *settings) Allows(origin string) bool { return s.CORSOrigins.allows(origin) }

// Routing finds out which tenant a request is for, by all that may name one.
type Routing struct{ ro *routing }

// NewRouting takes the names of a service at app.example.
func NewRouting(proxies []netip.Prefix, route func(tenant.Name) (tenant.Route, error)) Routing {
	return Routing{newRouting(&settings{
		BaseDomain: "app.example", APIHosts: hostNames{"api.app.example"}, TrustedProxies: proxies,
		TenantHeader: "X-Tenant", TenantPath: "/t/",
		TenantFrom: sources{subdomain: true, domain: true, header: true, path: true, token: true},
	}, routeFunc(route))}
}

// Of gives what a request calls its tenant, and its tenant as long as that is the
// one that its token is for. Paths are those that tenant.PathPrefix leaves.
func (r Routing) Of(req *http.Request, claim tenant.ID) ([]tenant.Name, tenant.Route, error) {
	names, err := r.ro.names(req, rest.Operation{Scope: rest.ScopeTenant, Secured: true})
	if err != nil {
		return nil, tenant.Route{}, err
	}
	route, err := r.ro.agreed(req.Context(), r.ro.claimed(names, claim), claim)
	return names, route, err
}

type routeFunc func(tenant.Name) (tenant.Route, error)

func (f routeFunc) Route(_ context.Context, name tenant.Name) (tenant.Route, error) { return f(name) }

// Proofs answers what shows tokens of custom domains, as often as a policy says.
func (r Routing) Proofs(policy limit.Policy, shows func() bool) http.Handler {
	return r.ro.withProofs(shower{r.ro.router, shows}, limit.New("domain-proofs", policy), http.NotFoundHandler())
}

// TLSAsk answers proxies.
func (r Routing) TLSAsk() http.Handler { return r.ro.tlsAsk() }

type shower struct {
	router

	shows func() bool
}

func (s shower) Shows(context.Context, string, string) (bool, error) { return s.shows(), nil }
