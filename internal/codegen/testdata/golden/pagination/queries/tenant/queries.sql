-- Newest first; ties are broken by id.
-- name: ListEvents :many
SELECT id, at, title FROM events
WHERE sqlc.narg('after_at')::timestamptz IS NULL
   OR (at, id) < (sqlc.narg('after_at')::timestamptz, sqlc.narg('after_id')::uuid)
ORDER BY at DESC, id DESC
LIMIT sqlc.arg('page_limit');

-- name: ListTitles :many
SELECT title FROM events
WHERE sqlc.narg('after_title')::text IS NULL OR title > sqlc.narg('after_title')::text
ORDER BY title
LIMIT sqlc.arg('page_limit')::bigint;

-- name: ListEventsBySeverity :many
SELECT sqlc.embed(e), severity * 2 AS weight FROM events e
WHERE sqlc.narg('after_id')::uuid IS NULL OR e.id > sqlc.narg('after_id')::uuid
ORDER BY e.id
LIMIT sqlc.arg('page_limit');
