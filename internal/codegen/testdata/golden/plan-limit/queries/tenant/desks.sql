-- name: AddDesk :one
INSERT INTO desks (name) VALUES (sqlc.arg('name')) RETURNING *;

-- name: GetDesk :one
SELECT * FROM desks WHERE id = $1;

-- name: UseDesk :one
UPDATE desks SET used = sqlc.arg('used') WHERE id = sqlc.arg('id') RETURNING *;

-- name: CountDesks :one
SELECT count(*) FROM desks WHERE used;
