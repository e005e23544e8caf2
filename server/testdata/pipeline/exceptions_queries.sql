-- name: CreateException :one
INSERT INTO exceptions (check_id, severities, approved_by, expires_on)
VALUES (sqlc.arg('check_id'), sqlc.arg('severities')::severity[], sqlc.arg('approved_by'), sqlc.narg('expires_on'))
RETURNING *;

-- name: ListExceptions :many
SELECT e.id, e.check_id, e.approved_by, e.expires_on, c.title
FROM exceptions e
LEFT JOIN public.checks c ON c.id = e.check_id
WHERE sqlc.narg('after_id')::bigint IS NULL OR e.id > sqlc.narg('after_id')
ORDER BY e.id
LIMIT sqlc.arg('page_limit');
