-- name: GetTenant :one
SELECT slug FROM public.tenants WHERE id = $1;
