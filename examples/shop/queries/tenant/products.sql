-- name: GetProduct :one
SELECT * FROM products WHERE id = sqlc.arg('product_id');

-- name: CreateProduct :one
INSERT INTO products (sku, name, description, currency, price, stock)
VALUES (sqlc.arg('sku'), sqlc.arg('name'), sqlc.narg('description'), sqlc.arg('currency'), sqlc.arg('price'), sqlc.arg('stock'))
RETURNING *;

-- UpdateProduct changes what the patch names: set_x tells whether x was in it.
-- name: UpdateProduct :one
UPDATE products
SET name        = CASE WHEN sqlc.arg('set_name')::boolean THEN sqlc.narg('name') ELSE name END,
    description = CASE WHEN sqlc.arg('set_description')::boolean THEN sqlc.narg('description') ELSE description END,
    price       = CASE WHEN sqlc.arg('set_price')::boolean THEN sqlc.narg('price')::numeric ELSE price END,
    stock       = CASE WHEN sqlc.arg('set_stock')::boolean THEN sqlc.narg('stock')::integer ELSE stock END,
    updated_at  = now()
WHERE id = sqlc.arg('product_id')
RETURNING *;

-- ListLowStock returns what should be bought again, scarcest first.
-- name: ListLowStock :many
SELECT * FROM products WHERE stock <= sqlc.arg('at_most')::integer ORDER BY stock, name, id LIMIT 100;

-- TakeStock takes some of a product. When there are too few, the check of the
-- column refuses it, and the transaction with it.
-- name: TakeStock :one
UPDATE products
SET stock = stock - sqlc.arg('quantity')::integer, updated_at = now()
WHERE id = sqlc.arg('product_id')
RETURNING *;
