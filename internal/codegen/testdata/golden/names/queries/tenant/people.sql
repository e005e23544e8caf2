-- name: AddPerson :one
INSERT INTO people (id, address1, address_1, weight)
VALUES (sqlc.arg('id'), sqlc.arg('address1'), sqlc.arg('address_1'), sqlc.arg('weight'))
RETURNING *;

-- name: FindPeople :many
SELECT id FROM people WHERE address1 = $1 AND id = ANY($2::uuid[]);

-- name: ListPeople :many
SELECT address1, address_1 FROM people
WHERE sqlc.narg('after_address_1')::text IS NULL OR (address_1, address1) > (sqlc.narg('after_address_1')::text, sqlc.narg('after_address1')::text)
ORDER BY address_1, address1
LIMIT sqlc.arg('page_limit');
