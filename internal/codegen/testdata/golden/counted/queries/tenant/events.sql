-- name: ListEvents :many
SELECT id, at, title FROM events
WHERE (sqlc.narg('severity')::smallint IS NULL OR severity = sqlc.narg('severity')::smallint)
  AND (sqlc.narg('since')::timestamptz IS NULL OR at >= sqlc.narg('since')::timestamptz)
  AND (sqlc.narg('after_id')::uuid IS NULL OR id > sqlc.narg('after_id')::uuid)
ORDER BY id
LIMIT sqlc.arg('page_limit');

-- name: CountEvents :one
SELECT count(*) FROM events
WHERE (sqlc.narg('severity')::smallint IS NULL OR severity = sqlc.narg('severity')::smallint)
  AND (sqlc.narg('since')::timestamptz IS NULL OR at >= sqlc.narg('since')::timestamptz);

-- name: ListTitles :many
SELECT title FROM events WHERE severity = $1 ORDER BY title;

-- name: CountTitles :one
SELECT count(*) FROM events WHERE severity = $1;

-- name: ListAll :many
SELECT id, title FROM events WHERE title = sqlc.arg('title') OR sqlc.arg('everything')::boolean ORDER BY id;

-- name: CountAll :one
SELECT count(*) FROM events;
