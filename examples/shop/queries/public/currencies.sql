-- name: ListCurrencies :many
SELECT code, name, digits FROM public.currencies ORDER BY code;
