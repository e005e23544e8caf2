package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/devauth"
	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// The slugs of the demo tenants.
const (
	acme   = "acme"
	globex = "globex"
)

// ensureAttempts bounds how often a demo tenant is looked for while another
// process makes it. Each attempt waits for a lock.
const ensureAttempts = 12

type demoTenant struct{ slug, name, plan string }

// demoTenants are made at the first start in embedded mode.
var demoTenants = []demoTenant{
	{acme, "Acme Corporation", "team"},
	{globex, "Globex Corporation", "business"},
}

// demoRequest is what the printed curl lines ask for.
const demoRequest = "/v1/findings?status=fail&severity=critical&limit=3"

// embedded is the database that the service brings along, with its demo tenants.
type embedded struct {
	instance   *devpg.Instance
	runtimeURL string
	key        *devauth.Key
	base       string
	localKey   bool
	tenants    []tenant.Tenant
}

// openEmbedded starts the database or attaches to it, and makes what is missing.
func (b *backend) openEmbedded(ctx context.Context, s *settings, reset bool, logger *slog.Logger) (*embedded, error) {
	instance, err := devpg.Start(ctx, devpg.Options{
		Name: devpg.Dev,
		Log:  func(format string, args ...any) { logger.InfoContext(ctx, fmt.Sprintf(format, args...)) },
	})
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	b.closers = append(b.closers, instance.Close)
	if reset {
		if err := resetDatabase(ctx, instance); err != nil {
			return nil, fmt.Errorf("reset: %w", err)
		}
	}
	key, err := devauth.Open(instance.Dir())
	if err != nil {
		return nil, fmt.Errorf("key for tokens: %w", err)
	}
	cat, err := openCatalog(ctx, instance.OwnerURL(devpg.Database), devpg.RuntimeRole)
	if err != nil {
		return nil, err
	}
	defer cat.Close()
	err = cat.Install(ctx)
	if tenant.CodeOf(err) == tenant.CodeConflict {
		return nil, fmt.Errorf("%w; in development, `go run ./server --reset` makes the demo data anew", err)
	}
	if err != nil {
		return nil, fmt.Errorf("install the shared schema: %w", err)
	}
	local := &embedded{
		instance: instance, runtimeURL: instance.RuntimeURL(devpg.Database), key: key, base: s.BaseDomain, localKey: s.localKey(),
	}
	return local, local.ensureTenants(ctx, cat, logger)
}

// ensureTenants makes the demo tenants that are not there yet.
func (e *embedded) ensureTenants(ctx context.Context, cat *catalog.Catalog, logger *slog.Logger) error {
	for _, d := range demoTenants {
		t, err := ensureTenant(ctx, cat, d, logger.With("slug", d.slug))
		if err != nil {
			return fmt.Errorf("demo tenant %s: %w", d.slug, err)
		}
		e.tenants = append(e.tenants, t)
	}
	return nil
}

// ensureTenant finds a demo tenant or makes it. When another process is making
// it, Create waits for that one: it ends with a conflict once the tenant is
// there, and with a timeout when that takes longer than it waits for a lock.
func ensureTenant(ctx context.Context, cat *catalog.Catalog, d demoTenant, logger *slog.Logger) (tenant.Tenant, error) {
	var failed error
	for range ensureAttempts {
		record, err := cat.Get(ctx, d.slug)
		if err == nil {
			if record.Version != catalog.Version(schema.Tenant) {
				logger.WarnContext(ctx, "the tenant's schema is not that of schema/tenant.sql; go run ./server --reset makes the demo data anew")
			}
			return record.Tenant(), nil
		}
		if tenant.CodeOf(err) != tenant.CodeNotFound || tenant.CodeOf(failed) == tenant.CodeConflict {
			return tenant.Tenant{}, errors.Join(failed, err) // A conflict is not with a tenant of this name.
		}
		logger.InfoContext(ctx, "creating demo tenant")
		t, err := cat.Create(ctx, catalog.CreateParams{
			Slug: d.slug, Name: d.name, Plan: d.plan,
			Seed: func(ctx context.Context, tx pgx.Tx) error { return seedDemo(ctx, tx, d.slug) },
		})
		if err == nil {
			return t, nil
		}
		failed = err
		if code := tenant.CodeOf(err); code != tenant.CodeConflict && code != tenant.CodeTimeout {
			break
		}
	}
	return tenant.Tenant{}, failed
}

// resetDatabase throws away all tenants of the development instance.
func resetDatabase(ctx context.Context, instance *devpg.Instance) (err error) {
	conn, err := pgx.Connect(ctx, instance.SuperURL("postgres"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	database := tenant.QuoteIdent(devpg.Database)
	for _, statement := range []string{
		"DROP DATABASE IF EXISTS " + database + " WITH (FORCE)",
		"CREATE DATABASE " + database + " OWNER " + tenant.QuoteIdent(devpg.OwnerRole),
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := instance.Harden(ctx, devpg.Database); err != nil {
		return err
	}
	return dropTenantRoles(ctx, conn)
}

// dropTenantRoles removes the roles whose schemas are gone; roles outlive their database.
func dropTenantRoles(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `SELECT rolname FROM pg_roles WHERE rolname ~ '^t_[0-9a-f]{32}$'`)
	if err != nil {
		return err
	}
	roles, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, role := range roles {
		if _, err := conn.Exec(ctx, "DROP ROLE "+tenant.QuoteIdent(role)); err != nil {
			return err
		}
	}
	return nil
}

// announce prints, for each demo tenant, what to open and what to paste.
func (e *embedded) announce(w io.Writer, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nServing %d demo tenants on PostgreSQL %d, data in %s\n", len(e.tenants), e.instance.Major(), e.instance.Dir())
	for _, t := range e.tenants {
		authority := net.JoinHostPort(t.Slug+"."+e.base, port)
		fmt.Fprintf(&b, "\n%s\n  url    http://%s\n", t.Slug, authority)
		if !e.localKey {
			continue
		}
		token, err := e.key.Token(t.ID, "owner@"+t.Slug+".example", devauth.DefaultTTL)
		if err != nil {
			return fmt.Errorf("announce: %w", err)
		}
		fmt.Fprintf(&b, "  token  %s\n", token)
		fmt.Fprintf(&b, "  try    curl -s --noproxy '*' --resolve %s:%s -H 'Authorization: Bearer %s' 'http://%s%s'\n",
			authority, cmp.Or(strings.Trim(host, "[]"), "127.0.0.1"), token, authority, demoRequest)
	}
	b.WriteString("\nAnother token: go run ./cmd/bailiwick token --tenant acme --user owner@acme.example\nCtrl-C stops.\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	return nil
}
