-- name: CountTenantsByState :many
SELECT state, count(*) AS tenants
FROM public.tenants
GROUP BY state
ORDER BY state;
