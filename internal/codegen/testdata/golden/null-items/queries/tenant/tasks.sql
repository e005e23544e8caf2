-- name: PutTask :one
INSERT INTO tasks (id, tags, grades) VALUES ($1, $2, $3) RETURNING *;

-- name: GetTask :one
SELECT * FROM tasks WHERE id = $1;
