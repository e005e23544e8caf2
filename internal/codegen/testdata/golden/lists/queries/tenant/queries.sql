-- name: ListLabels :many
SELECT id, name, color FROM labels ORDER BY id;

-- name: ListNames :many
SELECT name FROM labels ORDER BY name;

-- name: ListColors :many
SELECT color FROM labels ORDER BY id;

-- name: CountLabels :one
SELECT count(*) AS total FROM labels;
