package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/harden"
)

// backend is everything behind the HTTP handlers.
type backend struct {
	db       *tenant.DB
	tokens   *tokens
	resolver resolver
	probe    pinger
	closers  []func() error
	// local is set in embedded mode.
	local *embedded
}

// close undoes what openBackend did, the last first.
func (b *backend) close() error {
	var errs []error
	for _, c := range slices.Backward(b.closers) {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// announce tells a person how to talk to the service.
func (b *backend) announce(w io.Writer, addr string) error {
	if b.local == nil {
		return nil
	}
	return b.local.announce(w, addr)
}

// openBackend connects to the configured database, or brings one along.
func openBackend(ctx context.Context, s *settings, reset bool, logger *slog.Logger) (_ *backend, err error) {
	b := &backend{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	runtimeURL := s.DatabaseURL
	if s.embedded() {
		b.local, err = b.openEmbedded(ctx, s, reset, logger)
		if err != nil {
			return nil, fmt.Errorf("embedded database: %w", err)
		}
		runtimeURL = b.local.runtimeURL
	} else if err := install(ctx, s, logger); err != nil {
		return nil, err
	}
	var resolver *catalog.Resolver // It needs the database, which asks it in turn.
	b.db, err = tenant.Open(ctx, tenant.Config{
		URL:              runtimeURL,
		MaxConns:         s.DatabaseMaxConns,
		Unnamed:          s.DatabaseUnnamed,
		StatementTimeout: s.StatementTimeout,
		Locate: func(ctx context.Context, t tenant.Tenant) (tenant.Tenant, error) {
			return resolver.Locate(ctx, t)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("connect to DATABASE_URL: %w", err)
	}
	b.closers = append(b.closers, func() error { b.db.Close(); return nil })
	if err := checkRuntimeRole(ctx, runtimeURL, logger); err != nil {
		return nil, err
	}
	probe, err := openProbe(ctx, runtimeURL)
	if err != nil {
		return nil, err
	}
	b.probe = probe
	b.closers = append(b.closers, func() error { probe.Close(); return nil })
	resolver = catalog.NewResolver(b.db, s.TenantCacheExpiry)
	b.resolver = resolver
	if s.localKey() {
		b.tokens = newLocalTokens(b.local.key.Public())
	} else {
		b.tokens = newRemoteTokens(ctx, s)
	}
	return b, nil
}

// install brings the shared schema into the configured database when the owner
// role is given too. It creates no tenants.
func install(ctx context.Context, s *settings, logger *slog.Logger) (err error) {
	if s.DatabaseOwnerURL == "" {
		return nil
	}
	runtime, err := url.Parse(s.DatabaseURL)
	if err != nil {
		return errors.New("DATABASE_URL is not a URL") // Its own error would quote the password.
	}
	cat, err := openCatalog(ctx, s.DatabaseOwnerURL, runtime.User.Username())
	if err != nil {
		return err
	}
	defer cat.Close()
	if err := cat.Install(ctx); err != nil {
		return fmt.Errorf("install the shared schema: %w", err)
	}
	logger.InfoContext(ctx, "shared schema installed")
	return nil
}

// checkRuntimeRole refuses a role that could read tenants without being bound to
// one. Everything would work with it, and the database would isolate nothing. What
// only a superuser can mend is a warning.
func checkRuntimeRole(ctx context.Context, runtimeURL string, logger *slog.Logger) (err error) {
	config, err := pgx.ParseConfig(runtimeURL)
	if err != nil {
		return errors.New("DATABASE_URL is not a URL") // Its own error would quote the password.
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // A pooler may stand in between.
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect to DATABASE_URL: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	var role string
	var super, inherits bool
	err = conn.QueryRow(ctx, `
		SELECT rolname::text, rolsuper OR rolbypassrls OR rolcreaterole, rolinherit
		FROM pg_catalog.pg_roles WHERE rolname = current_user`).Scan(&role, &super, &inherits)
	switch {
	case err != nil:
		return fmt.Errorf("look at the role of DATABASE_URL: %w", err)
	case super:
		return fmt.Errorf("the role %q of DATABASE_URL is a superuser, bypasses row security or may create roles: use a role that may not", role)
	case inherits:
		return fmt.Errorf("the role %q of DATABASE_URL inherits the rights of tenants: ALTER ROLE %s NOINHERIT", role, tenant.QuoteIdent(role))
	}
	warning, err := harden.Check(ctx, conn)
	if warning != "" {
		logger.WarnContext(ctx, "the database is not hardened: "+warning)
	}
	return err
}

func openCatalog(ctx context.Context, ownerURL, runtimeRole string) (*catalog.Catalog, error) {
	cat, err := catalog.Open(ctx, catalog.Config{
		URL:         ownerURL,
		RuntimeRole: runtimeRole,
		Schema:      catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, Seed: schema.Seed},
	})
	if err != nil {
		return nil, fmt.Errorf("open the catalog: %w", err)
	}
	return cat, nil
}
