// Package schema holds the desired state of the database as SQL texts: the
// shared schema, the schema of every tenant, and the rows that each of them
// starts with.
//
// It imports nothing but embed.
package schema

import _ "embed"

// Public is the DDL of the shared schema, public.
//
//go:embed public.sql
var Public string

// Tenant is the DDL of a tenant's schema. Its names are unqualified: it is
// applied with the tenant's schema as the search_path.
//
//go:embed tenant.sql
var Tenant string

// Seed fills the plans and the catalogue of checks. It can be applied again:
// rows that exist are brought up to date.
//
//go:embed seed.sql
var Seed string

// TenantSeed fills the schema of a new tenant: the built-in roles and its owner.
//
//go:embed tenant_seed.sql
var TenantSeed string
