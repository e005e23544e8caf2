// Package tenant is Bailiwick's runtime: it binds each query to exactly one
// tenant before PostgreSQL sees it.
//
// A [DB] hands out a [Querier] for a [Tenant]. Whatever runs through it runs in
// a transaction whose role and search_path are the tenant's own, set in the same
// round trip as the query itself. Without a tenant there is no querier, and
// without a querier the runtime role can read nothing that belongs to a tenant.
//
// The package imports the standard library and pgx, and nothing else.
package tenant

// GeneratedV2 is the handshake of generated code with this runtime. Generated files
// refer to it, so that code from an incompatible generator does not compile.
const GeneratedV2 = 2
