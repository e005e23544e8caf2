package catalog

import "github.com/bailiwick-dev/bailiwick/tenant"

// NoRoutines is run before any schema is made. Functions are executable by
// everyone unless said otherwise beforehand; afterwards would be too late, for a
// schema may grant what it wants granted.
const NoRoutines = "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC"

// PublicGrants are what the runtime role gets of the shared schema.
func PublicGrants(runtime string) []string {
	role := tenant.QuoteIdent(runtime)
	return []string{
		"GRANT USAGE ON SCHEMA public TO " + role,
		"GRANT SELECT ON ALL TABLES IN SCHEMA public TO " + role,
		"GRANT EXECUTE ON ALL ROUTINES IN SCHEMA public TO " + role,
	}
}

// TenantGrants are what a tenant's role, which has the schema's name, gets of its
// schema.
func TenantGrants(schema string) []string {
	name := tenant.QuoteIdent(schema)
	return []string{
		"GRANT USAGE ON SCHEMA " + name + " TO " + name,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + name + " TO " + name,
		"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA " + name + " TO " + name,
		"REVOKE ALL ON ALL ROUTINES IN SCHEMA " + name + " FROM PUBLIC",
		"GRANT EXECUTE ON ALL ROUTINES IN SCHEMA " + name + " TO " + name,
	}
}

// TenantComment tells whoever looks at a tenant's schema whose it is.
func TenantComment(schema string) string {
	return "COMMENT ON SCHEMA " + tenant.QuoteIdent(schema) + " IS 'A tenant of Bailiwick, changed by rollouts only'"
}
