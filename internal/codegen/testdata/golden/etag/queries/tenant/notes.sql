-- name: GetNote :one
SELECT id, body, hint FROM notes WHERE id = $1;

-- name: AddNote :one
INSERT INTO notes (id, body) VALUES ($1, $2) RETURNING id, body, hint;

-- name: PatchNote :one
UPDATE notes SET body = CASE WHEN sqlc.arg('set_body')::boolean THEN sqlc.narg('body') ELSE body END,
  hint = CASE WHEN sqlc.arg('set_hint')::boolean THEN sqlc.narg('hint') ELSE hint END
WHERE id = sqlc.arg('id') RETURNING id, body, hint;

-- name: PutNote :execrows
UPDATE notes SET body = sqlc.arg('body') WHERE id = sqlc.arg('id');

-- name: DropNote :execrows
DELETE FROM notes WHERE id = $1;
