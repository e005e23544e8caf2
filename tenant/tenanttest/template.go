package tenanttest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/harden"
)

// layout changes when templates are made in another way than before.
const layout = 3

// template is a database that tests get copies of.
type template struct {
	name string
	key  int32 // of its advisory lock
}

func templateOf(o Options) (template, error) {
	text, err := json.Marshal(struct {
		Layout               int
		Ledger               string
		Schema               catalog.Schema
		Tenants              int
		Plan, OwnerEmail     string
		PublicSQL, TenantSQL string
	}{layout, catalog.LedgerVersion(), o.Schema, o.Tenants, o.Plan, o.OwnerEmail, o.PublicSQL, o.TenantSQL})
	if err != nil {
		return template{}, err
	}
	sum := sha256.Sum256(text)
	return template{
		name: templatePrefix + hex.EncodeToString(sum[:8]),
		key:  int32(binary.BigEndian.Uint32(sum[:4])), //nolint:gosec // any 32 bits do
	}, nil
}

// clone makes a test's database with the tenants of the template, making the
// template first when it is not there.
func (c *cluster) clone(ctx context.Context, o Options) (URLs, []tenant.Tenant, error) {
	t, err := templateOf(o)
	if err != nil {
		return URLs{}, nil, err
	}
	const attempts = 3 // a template can be dropped as an old one at any time
	for range attempts {
		var tenants []tenant.Tenant
		if tenants, err = c.ensure(ctx, t, o); err != nil {
			return URLs{}, nil, fmt.Errorf("make the template: %w", err)
		}
		var urls URLs
		if urls, err = c.create(ctx, t.name); err == nil {
			return urls, tenants, nil
		}
		if stateOf(err) != "3D000" {
			break
		}
	}
	return URLs{}, nil, fmt.Errorf("copy the template: %w", err)
}

// ensure returns the template's tenants.
func (c *cluster) ensure(ctx context.Context, t template, o Options) (tenants []tenant.Tenant, err error) {
	if tenants, err = c.tenantsOf(ctx, t); err != nil || tenants != nil {
		return tenants, err
	}
	err = c.locks.AcquireFunc(ctx, func(conn *pgxpool.Conn) (err error) {
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1, $2)", templateLock, t.key); err != nil {
			return err
		}
		defer func() {
			_, errUnlock := conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1, $2)", templateLock, t.key)
			err = errors.Join(err, errUnlock)
		}()
		if tenants, err = c.tenantsOf(ctx, t); err != nil || tenants != nil {
			return err
		}
		tenants, err = c.build(ctx, t, o)
		return err
	})
	return tenants, err
}

// tenantsOf reads the list that a finished template carries; nil means that
// there is no such template.
func (c *cluster) tenantsOf(ctx context.Context, t template) (tenants []tenant.Tenant, err error) {
	var text *string
	err = c.admin.QueryRow(ctx, `
		SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1 AND datistemplate`,
		t.name).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && text == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return tenants, json.Unmarshal([]byte(*text), &tenants)
}

// build makes the template. It is one from its last statement on, so an
// unfinished one is never copied and the next run begins again.
func (c *cluster) build(ctx context.Context, t template, o Options) ([]tenant.Tenant, error) {
	if err := c.drop(ctx, t.name); err != nil {
		return nil, err
	}
	if err := c.createDatabase(ctx, t.name, "template1"); err != nil {
		return nil, err
	}
	urls := c.urls(t.name)
	err := hardened(ctx, urls.SuperURL)
	var tenants []tenant.Tenant
	if err == nil {
		tenants, err = c.fill(ctx, urls, o)
	}
	if err != nil {
		return nil, errors.Join(err, c.drop(context.WithoutCancel(ctx), t.name))
	}
	text, err := json.Marshal(tenants)
	if err != nil {
		return nil, err
	}
	name := tenant.QuoteIdent(t.name)
	_, err = c.admin.Exec(ctx, fmt.Sprintf(
		"COMMENT ON DATABASE %[1]s IS '%[2]s'; ALTER DATABASE %[1]s ALLOW_CONNECTIONS false IS_TEMPLATE true",
		name, strings.ReplaceAll(string(text), "'", "''")))
	return tenants, err
}

func (c *cluster) fill(ctx context.Context, urls URLs, o Options) ([]tenant.Tenant, error) {
	cat, err := catalog.Open(ctx, c.catalogConfig(urls, o.Schema))
	if err != nil {
		return nil, err
	}
	defer cat.Close()
	if err := cat.Install(ctx); err != nil {
		return nil, err
	}
	if err := execURL(ctx, urls.OwnerURL, o.PublicSQL); err != nil {
		return nil, fmt.Errorf("PublicSQL: %w", err)
	}
	plan := o.Plan
	if plan == "" {
		plans, err := cat.Plans(ctx)
		if err != nil {
			return nil, err
		}
		if len(plans) > 0 {
			plan = plans[0]
		}
	}
	tenants := make([]tenant.Tenant, 0, o.Tenants)
	for i := range o.Tenants {
		t, err := cat.Create(ctx, catalog.CreateParams{Slug: slugOf(i), Plan: plan, OwnerEmail: o.OwnerEmail, Seed: seed(o.TenantSQL)})
		if err != nil {
			return nil, err
		}
		tenants = append(tenants, t)
	}
	return tenants, nil
}

func seed(sql string) func(context.Context, pgx.Tx) error {
	if sql == "" {
		return nil
	}
	return func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll()
		return err
	}
}

// hardened takes from PUBLIC what no tenant may do. Copies of the database are
// hardened too, but for the rights on the database itself.
func hardened(ctx context.Context, url string) error {
	return execURL(ctx, url, harden.Script(devpg.OwnerRole, devpg.RuntimeRole))
}

// execURL runs a text of any number of statements.
func execURL(ctx context.Context, url, sql string) (err error) {
	if sql == "" {
		return nil
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

func stateOf(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
