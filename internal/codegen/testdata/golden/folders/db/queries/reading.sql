-- name: GetPage :one
SELECT id, url FROM pages WHERE id = $1;
