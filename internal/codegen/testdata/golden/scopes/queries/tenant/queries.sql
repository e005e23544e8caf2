-- name: GetOrder :one
SELECT o.id, c.name AS country FROM orders o JOIN public.countries c ON c.code = o.country WHERE o.id = $1;
