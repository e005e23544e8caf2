-- name: PatchTask :one
UPDATE tasks SET
  title = CASE WHEN sqlc.arg('set_title')::bool THEN sqlc.narg('title') ELSE title END,
  note = CASE WHEN sqlc.arg('set_note')::bool THEN sqlc.narg('note') ELSE note END,
  state = CASE WHEN sqlc.arg('set_state')::bool THEN sqlc.narg('state')::state ELSE state END,
  tags = CASE WHEN sqlc.arg('set_tags')::bool THEN sqlc.narg('tags')::text[] ELSE tags END,
  meta = CASE WHEN sqlc.arg('set_meta')::bool THEN sqlc.narg('meta') ELSE meta END,
  due = CASE WHEN sqlc.arg('set_due')::bool THEN sqlc.narg('due') ELSE due END
WHERE id = sqlc.arg('id')
RETURNING id, title, note, state, tags, meta, due;

-- name: RenameTask :execrows
UPDATE tasks SET title = coalesce(sqlc.narg('title'), title) WHERE id = sqlc.arg('id');
