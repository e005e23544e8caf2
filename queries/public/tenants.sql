-- GetTenantByHost finds the active tenant that has proven control of a host.
-- name: GetTenantByHost :one
SELECT t.id, t.slug, t.name, t.state, t.schema_fingerprint, t.node
FROM public.domains d
JOIN public.tenants t ON t.id = d.tenant_id
WHERE d.host = lower(sqlc.arg('host')) AND d.verified_at IS NOT NULL AND t.state = 'active';

-- name: ListTenantDomains :many
SELECT id, host, is_primary, verified_at, created_at
FROM public.domains
WHERE tenant_id = $1
ORDER BY is_primary DESC, host;

-- name: CountTenantsByState :many
SELECT state, count(*) AS tenants
FROM public.tenants
GROUP BY state
ORDER BY state;
