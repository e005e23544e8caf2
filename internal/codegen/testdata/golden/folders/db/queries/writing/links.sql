-- name: DeleteLink :execrows
DELETE FROM links WHERE id = $1;
