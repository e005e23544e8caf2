-- name: AddPayment :one
INSERT INTO payments (amount, note) VALUES (sqlc.arg('amount'), sqlc.narg('note')) RETURNING *;

-- name: GetPayment :one
SELECT * FROM payments WHERE id = $1;

-- name: ClearPayments :execrows
DELETE FROM payments WHERE amount < sqlc.arg('below');
