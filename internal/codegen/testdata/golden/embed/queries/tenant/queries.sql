-- name: GetBook :one
SELECT sqlc.embed(books), sqlc.embed(authors), char_length(books.title)::integer AS title_length
FROM books JOIN authors ON authors.id = books.author_id
WHERE books.id = sqlc.arg('id');

-- name: ListBooks :many
SELECT b.id, b.title, sqlc.embed(a) FROM books b JOIN authors a ON a.id = b.author_id ORDER BY b.id;
