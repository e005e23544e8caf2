package service

import (
	"errors"
	"fmt"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/billing"
	"github.com/bailiwick-dev/bailiwick/tenant/limit"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/signup"
)

// newHandler puts the API behind this service's identity, and around it what
// is the same for every API: from the outside in, the headers of every answer,
// probes, CORS, the document's pages, compression.
func (s *Service) newHandler(r registry, probe pinger) error {
	id := s.newAuthenticator(r)
	s.tlsAsk = id.routing.tlsAsk()
	s.backend.Options = rest.Options{
		Authenticate: id.authenticate,
		Scoped:       s.cfg.Members != nil || s.scopedTokens(),
		PlanLimits:   billing.Limits(s.backend.DB, s.cfg.Counts),
		MaxBody:      s.settings.MaxBody,
		MaxSpooled:   s.settings.MaxSpooled,
		Logger:       s.cfg.Logger,
		Keys:         s.backend.Keys,
	}
	s.backend.Signups = s.newDesk()
	api, err := s.cfg.Handler(s.backend)
	if errors.Is(err, rest.ErrUnscoped) {
		return fmt.Errorf("build the API: the document wants scopes; set service.Config.Members, which says what each member may do, or SCOPE_CLAIM: %w", err)
	}
	if err != nil {
		return fmt.Errorf("build the API: %w", err)
	}
	api = limit.Addresses(s.settings.TrustedProxies, api)
	if api, err = withCompression(api); err != nil {
		return err
	}
	if api, err = s.withDocs(api); err != nil {
		return err
	}
	api = s.withBilling(id.routing, api)
	api = withCORS(&s.settings.CORSOrigins, withDiscovery(s.settings, api))
	if s.settings.TenantFrom.path {
		api = tenant.PathPrefix(s.settings.TenantPath).Strip(api)
	}
	if s.settings.TenantFrom.domain {
		api = id.routing.withProofs(r, limit.New("domain-proofs", s.settings.OpenLimit), api)
	}
	s.handler = withHealth(probe, s.cfg.Logger, api)
	return nil
}

// newAuthenticator makes what finds out the tenant of a request, and its caller.
func (s *Service) newAuthenticator(r router) *authenticator {
	return &authenticator{
		routing: newRouting(s.settings, r),
		credentials: &credentials{
			tokens: s.tokens, scoped: s.scopedTokens(), skew: s.tokenSkew(), members: s.cfg.Members,
			keys: s.backend.Keys, uses: newKeyUses(), db: s.backend.DB, logger: s.cfg.Logger,
		},
		opens: limit.New("open-operations", s.settings.OpenLimit),
	}
}

// newDesk is where people sign up, or nil if they can't.
func (s *Service) newDesk() *signup.Desk {
	if !s.settings.signup() {
		return nil
	}
	return signup.New(signup.Config{
		DB: s.backend.DB, Keys: s.backend.Keys, Mail: s.backend.Mail, BaseDomain: s.settings.BaseDomain,
		Link: s.settings.SignupLink, Expiry: s.settings.SignupExpiry,
		PerAddress: s.settings.SignupAddressLimit, PerEmail: s.settings.SignupEmailLimit,
		Wake: s.wake,
	})
}

// scopedTokens tells whether tokens bring scopes. Those of the embedded mode's own
// key do not.
func (s *Service) scopedTokens() bool { return s.settings.ScopeClaim != "" && !s.settings.localKey() }
