// Package tenanttest gives each test a PostgreSQL database of its own, with
// tenants in it.
//
//	func TestScans(t *testing.T) {
//		t.Parallel()
//		db := tenanttest.New(t, tenanttest.Options{Schema: catalog.Schema{
//			Public: schema.Public, Tenant: schema.Tenant, Seed: schema.Seed,
//		}})
//		acme := tenantdb.New(db.Bind(t, 0))
//		...
//	}
//
// A database is a copy of a template that is made once for each schema and
// number of tenants, so it takes some tens of milliseconds. It goes when the
// test ends. The server is the project's embedded one for tests
// ([github.com/bailiwick-dev/bailiwick/tenant/devpg]), which needs no set-up and
// serves all packages of one "go test ./..."; TEST_DATABASE_URL names another
// one, with a superuser; that server's roles bailiwick_owner and bailiwick_app are
// made, or given new passwords. A test that can't get a database fails.
//
// The package imports the standard library, pgx and the packages beside it.
package tenanttest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// DefaultTenants is the number of tenants that a database has.
const DefaultTenants = 2

// Options say what a test's database holds.
type Options struct {
	// Schema is the desired state. Without Public there is a minimal registry,
	// [PublicSchema].
	Schema catalog.Schema
	// Tenants is their number; zero means DefaultTenants, a negative number
	// none. The slugs are acme, globex, and then tenant-3, tenant-4 ...
	Tenants int
	// Plan is the tenants' plan. Empty means the first by name in
	// public.plans, if there is such a table.
	Plan string
	// OwnerEmail is the address of the first user of each tenant, whom the schema's
	// TenantSeed makes. Empty means that there is none.
	OwnerEmail string
	// PublicSQL runs as the owner after the shared schema is installed, before
	// there are tenants. It is part of the template.
	PublicSQL string
	// TenantSQL runs in each tenant's schema as it is made. It is part of the
	// template, so rows for many tests belong here.
	TenantSQL string
	// Config is passed on to [tenant.Open]. The URL is filled in.
	Config tenant.Config
}

// PublicSchema is a registry with nothing that Bailiwick does not need.
const PublicSchema = `
CREATE TYPE public.tenant_state AS ENUM ('provisioning', 'active', 'suspended', 'offboarding', 'purged');
CREATE TABLE public.tenants (
    id                 uuid                NOT NULL CONSTRAINT tenants_pkey PRIMARY KEY,
    slug               text                NOT NULL CONSTRAINT tenants_slug_key UNIQUE,
    name               text                NOT NULL,
    state              public.tenant_state NOT NULL DEFAULT 'provisioning',
    schema_fingerprint text                NOT NULL,
    node               text                NOT NULL DEFAULT 'default'
);
`

// DB is a test's database.
type DB struct {
	URLs

	// DB works as the runtime role.
	DB *tenant.DB
	// Tenants are in the order in which they were made: acme, globex ...
	Tenants []tenant.Tenant
	// Catalog works as the owner role.
	Catalog *catalog.Catalog
}

// URLs are the connection strings of a test's database.
type URLs struct {
	// Name is the database's name.
	Name string
	// OwnerURL is for the role that owns the schemas.
	OwnerURL string
	// RuntimeURL is for the role that services log in as.
	RuntimeURL string
	// SuperURL is for the superuser.
	SuperURL string
}

const (
	// setUpTimeout bounds the making of a template with many tenants.
	setUpTimeout = 2 * time.Minute
	// cleanUpTimeout bounds dropping a database.
	cleanUpTimeout = 30 * time.Second
)

// New gives the test a database with tenants. All of it is gone when the test
// and its subtests have ended.
func New(t testing.TB, o Options) *DB {
	t.Helper()
	o = o.withDefaults()
	ctx, cancel := context.WithTimeout(t.Context(), setUpTimeout)
	defer cancel()
	c, err := theCluster(ctx)
	if err != nil {
		t.Fatalf("tenanttest: no PostgreSQL for the test: %v", err)
	}
	db := &DB{}
	if db.URLs, db.Tenants, err = c.clone(ctx, o); err != nil {
		t.Fatalf("tenanttest: %v", err)
	}
	dropAfter(t, c, db.Name)
	if db.Catalog, err = catalog.Open(ctx, c.catalogConfig(db.URLs, o.Schema)); err != nil {
		t.Fatalf("tenanttest: %v", err)
	}
	t.Cleanup(db.Catalog.Close)
	config := o.Config
	if config.URL == "" && config.Nodes == nil {
		config.URL = db.RuntimeURL
	}
	if db.DB, err = tenant.Open(ctx, config); err != nil {
		t.Fatalf("tenanttest: %v", err)
	}
	t.Cleanup(db.DB.Close)
	return db
}

// Database gives the test an empty database, owned by the owner role and
// hardened as every database should be.
func Database(t testing.TB) URLs {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), setUpTimeout)
	defer cancel()
	c, err := theCluster(ctx)
	if err != nil {
		t.Fatalf("tenanttest: no PostgreSQL for the test: %v", err)
	}
	urls, err := c.create(ctx, "template1")
	if err == nil {
		dropAfter(t, c, urls.Name)
		err = hardened(ctx, urls.SuperURL)
	}
	if err != nil {
		t.Fatalf("tenanttest: %v", err)
	}
	return urls
}

// Bind returns a querier of the i-th tenant, which is closed when the test ends.
func (db *DB) Bind(t testing.TB, i int) *tenant.Querier {
	t.Helper()
	q, err := db.DB.Bind(db.Tenants[i])
	if err != nil {
		t.Fatalf("tenanttest: %v", err)
	}
	t.Cleanup(q.Close)
	return q
}

func dropAfter(t testing.TB, c *cluster, name string) {
	t.Helper()
	t.Cleanup(func() {
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), cleanUpTimeout)
		defer cancel()
		if err := c.drop(ctx, name); err != nil {
			t.Errorf("tenanttest: %v", err)
		}
	})
}

func (o Options) withDefaults() Options {
	if o.Tenants == 0 {
		o.Tenants = DefaultTenants
	}
	o.Tenants = max(o.Tenants, 0)
	if o.Schema.Public == "" {
		o.Schema.Public = PublicSchema
	}
	return o
}

func slugOf(i int) string {
	switch i {
	case 0:
		return "acme"
	case 1:
		return "globex"
	}
	return fmt.Sprintf("tenant-%d", i+1)
}
