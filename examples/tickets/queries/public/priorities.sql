-- name: ListPriorities :many
SELECT name, respond_within FROM public.priorities ORDER BY rank;
