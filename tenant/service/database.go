package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/harden"
)

// errDatabaseURL is for what can't be parsed, whose own error would quote the password.
var errDatabaseURL = errors.New("DATABASE_URL can't be read")

// install brings the shared schema into the configured database when the owner
// role is given too. It creates no tenants.
func (s *Service) install(ctx context.Context) error {
	if s.settings.DatabaseOwnerURL == "" {
		return nil
	}
	runtime, err := pgx.ParseConfig(s.settings.DatabaseURL)
	if err != nil {
		return errDatabaseURL
	}
	cat, err := openCatalog(ctx, s.cfg.Schema, s.settings.DatabaseOwnerURL, runtime.User)
	if err != nil {
		return err
	}
	defer cat.Close()
	return installShared(ctx, cat, s.cfg.Logger)
}

// installShared leaves a shared schema alone that is of another release: the
// statements tell which of them it fits, and a rollout changes it.
func installShared(ctx context.Context, cat *catalog.Catalog, logger *slog.Logger) error {
	err := cat.Install(ctx)
	if errors.Is(err, catalog.ErrOtherPublic) {
		logger.WarnContext(ctx, "the shared schema is not that of schema/public.sql; operations whose queries don't fit it are answered 503", "error", err.Error())
		return nil
	}
	if err != nil {
		return fmt.Errorf("install the shared schema: %w", err)
	}
	logger.InfoContext(ctx, "shared schema installed")
	return nil
}

func openCatalog(ctx context.Context, schema catalog.Schema, ownerURL, runtimeRole string) (*catalog.Catalog, error) {
	cat, err := catalog.Open(ctx, catalog.Config{URL: ownerURL, RuntimeRole: runtimeRole, Schema: schema})
	if err != nil {
		return nil, fmt.Errorf("open the catalog: %w", err)
	}
	return cat, nil
}

// checkDatabase asks the runtime role's database whether it can be served from.
func checkDatabase(ctx context.Context, runtimeURL string, logger *slog.Logger) (err error) {
	config, err := pgx.ParseConfig(runtimeURL)
	if err != nil {
		return errDatabaseURL
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // A pooler may stand in between.
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect to DATABASE_URL: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	if err := checkRuntimeRole(ctx, conn); err != nil {
		return err
	}
	if err := checkInstalled(ctx, conn); err != nil {
		return err
	}
	warning, err := harden.Check(ctx, conn)
	if warning != "" {
		logger.WarnContext(ctx, "the database is not hardened: "+warning)
	}
	return err
}

// checkRuntimeRole refuses a role that could read tenants without being bound to
// one. Everything would work with it, and the database would isolate nothing. What
// only a superuser can mend is a warning.
func checkRuntimeRole(ctx context.Context, conn *pgx.Conn) error {
	var role string
	var super, inherits bool
	err := conn.QueryRow(ctx, `
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
	return nil
}

// checkInstalled refuses a database without a registry of tenants: no request
// could be served from it, and each would fail with an error that says less.
func checkInstalled(ctx context.Context, conn *pgx.Conn) error {
	var database, role string
	var installed, readable bool
	err := conn.QueryRow(ctx, `
		SELECT current_database()::text, current_user::text, t.oid IS NOT NULL, coalesce(has_table_privilege(t.oid, 'SELECT'), false)
		FROM (SELECT pg_catalog.to_regclass('public.tenants') AS oid) t`).Scan(&database, &role, &installed, &readable)
	switch {
	case err != nil:
		return fmt.Errorf("look for the registry of tenants: %w", err)
	case !installed:
		return fmt.Errorf("the database %q of DATABASE_URL has no shared schema: start once with DATABASE_OWNER_URL, "+
			"the owner role's connection string, or run `bailiwick tenant create SLUG`; both install it", database)
	case !readable:
		return fmt.Errorf("the role %q of DATABASE_URL may not read public.tenants: the shared schema of %q was installed for another runtime role, so use that one", role, database)
	}
	return nil
}
