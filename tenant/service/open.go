package service

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/billing"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devauth"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/mail"
)

// resetFunc empties the embedded database before it is used.
type resetFunc func(ctx context.Context, instance *devpg.Instance, logger *slog.Logger) error

// open connects to the configured database, or brings one along, and builds the
// handler. reset is nil unless it was asked for.
func open(ctx context.Context, cfg Config, set *settings, reset resetFunc) (*Service, error) {
	if cfg.Handler == nil {
		return nil, errors.New("service: Config.Handler is nil")
	}
	if set.signup() && cfg.Mail == nil && set.MailURL.send == nil && !set.embedded() {
		return nil, errors.New("SIGNUP is on, but nothing sends mail: set MAIL_URL, or service.Config.Mail")
	}
	s := &Service{cfg: cfg, settings: set, backend: Backend{Logger: cfg.Logger, Keys: set.SecretKeys.ring, Mail: sender(cfg, set)}}
	if err := s.open(ctx, reset); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// open makes the parts of the service, in the order in which they need one another.
func (s *Service) open(ctx context.Context, reset resetFunc) error {
	runtimeURL, err := s.prepare(ctx, reset)
	if err != nil {
		return err
	}
	if err := checkDatabase(ctx, runtimeURL, s.cfg.Logger); err != nil {
		return err
	}
	resolver, err := s.openDatabase(ctx, runtimeURL)
	if err != nil {
		return err
	}
	probe, err := openProbe(ctx, runtimeURL)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { probe.Close(); return nil })
	if s.tokens, err = s.newTokens(resolver); err != nil {
		return err
	}
	if err := s.openOwner(ctx); err != nil {
		return err
	}
	if err := s.newHandler(resolver, probe); err != nil {
		return err
	}
	if err := s.openRelease(ctx, resolver.ForgetAll); err != nil {
		return err
	}
	return s.startWorker(ctx)
}

// prepare sees to it that there is a database, with the shared schema, and tells
// where it is for the runtime role.
func (s *Service) prepare(ctx context.Context, reset resetFunc) (runtimeURL string, err error) {
	if !s.settings.embedded() {
		return s.settings.DatabaseURL, s.install(ctx)
	}
	if err := s.openEmbedded(ctx, reset); err != nil {
		return "", fmt.Errorf("embedded database: %w", err)
	}
	return s.local.runtimeURL, nil
}

// newTokens accepts the tokens of the issuer of the settings, or of the embedded
// mode's own key, and those of single tenants' issuers.
func (s *Service) newTokens(issuers identity.Issuers) (*identity.Tokens, error) {
	c := identity.Config{
		Issuer: s.settings.Issuer, Audience: s.settings.Audience, JWKSURL: s.settings.JWKSURL,
		Issuers: issuers, PrivateIssuers: s.settings.IssuerPrivate,
		Algorithms: s.settings.TokenAlgs, Skew: s.settings.ClockSkew,
		TenantClaim: s.settings.TenantClaim, SubjectClaim: s.settings.SubjectClaim, ScopeClaim: s.settings.ScopeClaim,
	}
	if s.settings.localKey() {
		c.Issuer, c.Audience, c.Keys = devauth.Issuer, devauth.Audience, []crypto.PublicKey{s.local.key.Public()}
		c.TenantClaim, c.SubjectClaim, c.ScopeClaim = devauth.TenantClaim, "", ""
	}
	return identity.NewTokens(c)
}

// tokenSkew is how far the clock that dates tokens may be ahead. The embedded mode
// makes its own on the database's machine.
func (s *Service) tokenSkew() time.Duration {
	if s.settings.localKey() {
		return 0
	}
	return s.settings.ClockSkew
}

// openDatabase opens the connections that the tenants share.
func (s *Service) openDatabase(ctx context.Context, runtimeURL string) (*catalog.Resolver, error) {
	var resolver *catalog.Resolver // It needs the database, which asks it in turn.
	db, err := tenant.Open(ctx, tenant.Config{
		URL:              runtimeURL,
		MaxConns:         s.settings.DatabaseMaxConns,
		Unnamed:          s.settings.DatabaseUnnamed,
		StatementTimeout: s.settings.StatementTimeout,
		Locate: func(ctx context.Context, t tenant.Tenant) (tenant.Tenant, error) {
			return resolver.Locate(ctx, t)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("connect to DATABASE_URL: %w", err)
	}
	s.backend.DB = db
	s.closers = append(s.closers, func() error { db.Close(); return nil })
	if err := billing.CheckLimits(ctx, db, s.cfg.Counts); err != nil {
		return nil, err
	}
	resolver = catalog.NewResolver(db, s.settings.TenantCacheExpiry)
	s.listen(ctx, resolver, cmp.Or(s.settings.DatabaseListenURL, runtimeURL))
	return resolver, nil
}

// listen hears of the changes of tenants until the service is closed.
func (s *Service) listen(ctx context.Context, resolver *catalog.Resolver, url string) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		resolver.Listen(ctx, url, s.cfg.Logger)
	}()
	s.closers = append(s.closers, func() error {
		cancel()
		<-done
		return nil
	})
}

// sender is what sends the service's mail. A message may hold a secret, so that
// only the log of one's own machine shows it.
func sender(cfg Config, set *settings) mail.Sender {
	switch {
	case cfg.Mail != nil:
		return cfg.Mail
	case set.MailURL.send != nil:
		return set.MailURL.send
	case set.embedded():
		return mail.Log(cfg.Logger)
	}
	return func(context.Context, mail.Message) error {
		return errors.New("the mail is not sent: set MAIL_URL, or service.Config.Mail")
	}
}
