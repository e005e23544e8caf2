-- name: ListThings :many
SELECT * FROM things ORDER BY id;

-- name: ThingNames :many
SELECT name FROM things ORDER BY id;

-- name: GetThing :one
SELECT * FROM things WHERE id = $1;

-- name: AddThing :one
INSERT INTO things (id, name) VALUES ($1, $2) RETURNING *;

-- name: RenameThing :exec
UPDATE things SET name = $2 WHERE id = $1;

-- name: DropThing :execrows
DELETE FROM things WHERE id = $1;
