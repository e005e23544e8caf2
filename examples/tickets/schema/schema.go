// Package schema holds the desired state of the database as SQL texts: the
// shared schema, the schema of every tenant, and the rows that the shared
// schema starts with.
package schema

import _ "embed"

// Public is the DDL of the shared schema, public.
//
//go:embed public.sql
var Public string

// Tenant is the DDL of a tenant's schema.
//
//go:embed tenant.sql
var Tenant string

// Seed fills tables of the shared schema.
//
//go:embed seed.sql
var Seed string
