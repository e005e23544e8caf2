-- name: Get :one
SELECT * FROM "type" WHERE "func" = $1;

-- name: Choose :one
SELECT "range" FROM "type" WHERE "error" = sqlc.arg('error') AND "len" = sqlc.arg('len');

-- name: Background :one
SELECT * FROM "Context" WHERE "ctx" = sqlc.arg('key');

-- name: Quit :exec
UPDATE "Context" SET q = $1;

-- name: Tenant :exec
UPDATE "Context" SET "err" = sqlc.arg('err') WHERE q = sqlc.arg('q');
