package service

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

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devauth"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
)

const (
	// ensureAttempts bounds how often a demo tenant is looked for while another
	// process makes it. Each attempt waits for a lock.
	ensureAttempts = 12
	// maxNamed is how many tenants a warning names.
	maxNamed = 5
)

// embedded is the database that the service brings along.
type embedded struct {
	instance   *devpg.Instance
	runtimeURL string
	key        *devauth.Key
	// tenants are the demo tenants.
	tenants []tenant.Tenant
}

// openEmbedded starts the database or attaches to it, and makes what is missing.
func (s *Service) openEmbedded(ctx context.Context, reset resetFunc) error {
	logger := s.cfg.Logger
	instance, err := devpg.Start(ctx, devpg.Options{
		Name: devpg.Dev,
		Log:  func(format string, args ...any) { logger.InfoContext(ctx, fmt.Sprintf(format, args...)) },
	})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	s.closers = append(s.closers, instance.Close)
	if reset != nil {
		if err := reset(ctx, instance, logger); err != nil {
			return fmt.Errorf("reset: %w", err)
		}
	}
	s.local = &embedded{instance: instance, runtimeURL: instance.RuntimeURL(devpg.Database)}
	if err := s.openLocalKeys(instance.Dir()); err != nil {
		return err
	}
	cat, err := openCatalog(ctx, s.cfg.Schema, instance.OwnerURL(devpg.Database), devpg.RuntimeRole)
	if err != nil {
		return err
	}
	defer cat.Close()
	if err := installShared(ctx, cat, logger); err != nil {
		return err
	}
	if s.local.tenants, err = ensureTenants(ctx, cat, s.cfg.Demo, s.backend.Keys, logger); err != nil {
		return err
	}
	return warnOfVersions(ctx, cat, s.cfg.Schema.Tenant, logger)
}

// openLocalKeys opens the keys in the instance's folder, and makes them first
// if there are none.
func (s *Service) openLocalKeys(dir string) (err error) {
	if s.local.key, err = devauth.Open(dir); err != nil {
		return fmt.Errorf("key for tokens: %w", err)
	}
	if s.backend.Keys == nil {
		if s.backend.Keys, err = devauth.OpenKeyring(dir); err != nil {
			return fmt.Errorf("secret keys: %w", err)
		}
	}
	return nil
}

// ensureTenants makes the demo tenants that are not there yet.
func ensureTenants(ctx context.Context, cat *catalog.Catalog, demo []DemoTenant, keys *keyring.Keyring, logger *slog.Logger) ([]tenant.Tenant, error) {
	var made []tenant.Tenant
	for _, d := range demo {
		t, err := ensureTenant(ctx, cat, d, keys, logger.With("slug", d.Slug))
		if err != nil {
			return nil, fmt.Errorf("demo tenant %s: %w", d.Slug, err)
		}
		made = append(made, t)
	}
	return made, nil
}

// ensureTenant finds a demo tenant or makes it. When another process is making
// it, Create waits for that one: it ends with a conflict once the tenant is
// there, and with a timeout when that takes longer than it waits for a lock.
func ensureTenant(ctx context.Context, cat *catalog.Catalog, d DemoTenant, keys *keyring.Keyring, logger *slog.Logger) (tenant.Tenant, error) {
	var failed error
	for range ensureAttempts {
		record, err := cat.Get(ctx, d.Slug)
		if err == nil {
			return record.Tenant(), nil
		}
		if tenant.CodeOf(err) != tenant.CodeNotFound || tenant.CodeOf(failed) == tenant.CodeConflict {
			return tenant.Tenant{}, errors.Join(failed, err) // A conflict is not with a tenant of this name.
		}
		logger.InfoContext(ctx, "creating demo tenant")
		t, err := cat.Create(ctx, catalog.CreateParams{
			Slug: d.Slug, Name: d.Name, Plan: d.Plan, OwnerEmail: d.OwnerEmail,
			Seed: func(ctx context.Context, tx pgx.Tx) error { return seed(ctx, tx, d, keys) },
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

// seed calls a demo tenant's Seed, with the tenant as the transaction has it.
func seed(ctx context.Context, tx pgx.Tx, d DemoTenant, keys *keyring.Keyring) error {
	if d.Seed == nil {
		return nil
	}
	var id string
	t := tenant.Tenant{}
	err := tx.QueryRow(ctx, "SELECT id::text, slug, schema_fingerprint, node FROM public.tenants WHERE slug = $1", d.Slug).
		Scan(&id, &t.Slug, &t.Version, &t.Node)
	if err != nil {
		return fmt.Errorf("find the new tenant: %w", err)
	}
	if t.ID, err = tenant.ParseID(id); err != nil {
		return err
	}
	return d.Seed(ctx, tx, t, keys)
}

// warnOfVersions names tenants whose schema is not the one that the service was
// built for: their requests may fail.
func warnOfVersions(ctx context.Context, cat *catalog.Catalog, text string, logger *slog.Logger) error {
	all, err := cat.List(ctx)
	if err != nil {
		return err
	}
	current, _, err := cat.Current(ctx, catalog.ScopeTenant)
	if err != nil {
		return err
	}
	var slugs []string
	for _, r := range all {
		if current.Version != catalog.Version(text) || r.Version != current.Fingerprint {
			slugs = append(slugs, r.Slug)
		}
	}
	if len(slugs) > 0 {
		logger.WarnContext(ctx, "the schemas of some tenants are not that of schema/tenant.sql, so that requests may fail; "+
			"roll it out: bailiwick schema apply; or `go run ./server --reset` deletes every tenant and makes the demo tenants anew",
			"count", len(slugs), "slugs", strings.Join(slugs[:min(len(slugs), maxNamed)], " "))
	}
	return nil
}

// announce tells a person how to talk to the service: for each demo tenant, what
// to open and what to paste.
func (s *Service) announce(w io.Writer, addr string) error {
	if s.local == nil {
		return nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nServing %d demo tenants on PostgreSQL %d, data in %s\n", len(s.local.tenants), s.local.instance.Major(), s.local.instance.Dir())
	for _, t := range s.local.tenants {
		if err := s.announceTenant(&b, t, host, port); err != nil {
			return fmt.Errorf("announce: %w", err)
		}
	}
	if s.settings.localKey() && len(s.local.tenants) > 0 {
		slug := s.local.tenants[0].Slug
		fmt.Fprintf(&b, "\nAnother token: bailiwick token --tenant %s --user %s\n", slug, owner(slug))
	}
	fmt.Fprintf(&b, "The database: psql '%s'\n", s.local.instance.OwnerURL(devpg.Database))
	b.WriteString("Ctrl-C stops.\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	return nil
}

func (s *Service) announceTenant(b *strings.Builder, t tenant.Tenant, host, port string) error {
	authority, prefix := net.JoinHostPort(t.Slug+"."+s.settings.BaseDomain, port), ""
	if !s.settings.TenantFrom.subdomain {
		authority = net.JoinHostPort(cmp.Or(s.settings.BaseDomain, "localhost"), port)
	}
	if s.settings.TenantFrom.path {
		prefix = s.settings.TenantPath + t.Slug
	}
	fmt.Fprintf(b, "\n%s\n  url    http://%s%s\n", t.Slug, authority, prefix)
	if s.settings.localKey() {
		token, err := s.local.key.Token(t.ID, owner(t.Slug), devauth.DefaultTTL)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "  token  %s\n", token)
		if s.cfg.DemoRequest != "" {
			fmt.Fprintf(b, "  try    curl -s --noproxy '*' --resolve %s:%s -H 'Authorization: Bearer %s' 'http://%s%s'\n",
				authority, cmp.Or(strings.Trim(host, "[]"), "127.0.0.1"), token, authority+prefix, s.cfg.DemoRequest)
		}
	}
	if s.settings.docs() && s.cfg.OpenAPI != nil {
		fmt.Fprintf(b, "  docs   http://%s%s/docs/\n", authority, prefix)
	}
	return nil
}

// owner is the user whose token is printed.
func owner(slug string) string { return "owner@" + slug + ".example" }
