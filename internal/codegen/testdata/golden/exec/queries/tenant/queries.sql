-- name: DeleteJob :execrows
DELETE FROM jobs WHERE id = $1;

-- name: ClearJobs :exec
DELETE FROM jobs;

-- name: RenameJob :exec
UPDATE jobs SET name = $2 WHERE id = $1;

-- name: TakeJob :one
DELETE FROM jobs WHERE id = sqlc.arg('id') RETURNING id;

-- name: TakeAnyJob :one
DELETE FROM jobs WHERE id = (SELECT min(j.id)::bigint FROM jobs j) RETURNING *;
