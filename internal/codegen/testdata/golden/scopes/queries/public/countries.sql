-- name: ListCountries :many
SELECT code, name FROM public.countries ORDER BY code;

-- name: DropCountries :exec
DELETE FROM public.countries;
