-- name: ListHosts :many
SELECT name FROM public.hosts ORDER BY name;
