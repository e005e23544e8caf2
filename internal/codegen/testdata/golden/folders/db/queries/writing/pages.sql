-- name: DeletePage :execrows
DELETE FROM pages WHERE id = $1;
