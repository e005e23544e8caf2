-- name: AddWord :one
INSERT INTO words (word, meaning) VALUES (sqlc.arg('word'), sqlc.arg('meaning')) RETURNING *;

-- name: GetWord :one
SELECT * FROM words WHERE word = sqlc.arg('word');

-- name: AddShelf :one
INSERT INTO shelves (name) VALUES (sqlc.arg('name')) RETURNING *;

-- name: GetShelf :one
SELECT * FROM shelves WHERE id = sqlc.arg('shelf_id');

-- name: AddBook :one
INSERT INTO books (shelf_id, number, title) VALUES (sqlc.arg('shelf_id'), sqlc.arg('number'), sqlc.arg('title')) RETURNING *;

-- name: GetBook :one
SELECT * FROM books WHERE shelf_id = sqlc.arg('shelf') AND number = sqlc.arg('number');

-- name: AddLoan :one
INSERT INTO loans (shelf_id, reader) VALUES (sqlc.arg('shelf_id'), sqlc.arg('reader')) RETURNING *;

-- name: GetLoan :one
SELECT * FROM loans WHERE id = sqlc.arg('loan_id');
