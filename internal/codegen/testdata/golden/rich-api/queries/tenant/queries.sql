-- GetNote gives one note.
-- name: GetNote :one
SELECT id, text FROM notes WHERE id = $1;
