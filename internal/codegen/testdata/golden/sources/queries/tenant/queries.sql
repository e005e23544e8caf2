-- name: AddMessage :one
INSERT INTO messages (id, author, author_id, room, body, extra, source)
VALUES (sqlc.arg('id'), sqlc.arg('author'), sqlc.arg('author_id'), sqlc.arg('room'), sqlc.arg('body'), sqlc.arg('extra'), sqlc.narg('source'))
RETURNING id, extra;

-- name: SetExtra :execrows
UPDATE messages SET extra = sqlc.arg('extra') WHERE id = sqlc.arg('id');

-- name: MyMessages :many
SELECT id, body, extra FROM messages WHERE author = sqlc.arg('me') AND room = ANY(sqlc.arg('rooms')::text[]);
