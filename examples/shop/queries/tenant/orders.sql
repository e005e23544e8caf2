-- ListOrders pages through the orders, latest first.
-- name: ListOrders :many
SELECT *
FROM orders
WHERE (sqlc.narg('state')::order_state IS NULL OR state = sqlc.narg('state'))
  AND (sqlc.narg('after_placed_at')::timestamptz IS NULL
       OR (placed_at, id) < (sqlc.narg('after_placed_at')::timestamptz, sqlc.narg('after_id')::uuid))
ORDER BY placed_at DESC, id DESC
LIMIT sqlc.arg('page_limit');

-- name: GetOrder :one
SELECT * FROM orders WHERE id = sqlc.arg('order_id');

-- name: ListOrderLines :many
SELECT p.sku, p.name, l.product_id, l.quantity, l.unit_price
FROM order_lines l
JOIN products p ON p.id = l.product_id
WHERE l.order_id = sqlc.arg('order_id')
ORDER BY p.sku;

-- name: CreateOrder :one
INSERT INTO orders (customer, currency, placed_by)
VALUES (sqlc.arg('customer'), sqlc.arg('currency'), sqlc.arg('placed_by'))
RETURNING *;

-- name: CreateOrderLine :exec
INSERT INTO order_lines (order_id, product_id, quantity, unit_price)
VALUES (sqlc.arg('order_id'), sqlc.arg('product_id'), sqlc.arg('quantity'), sqlc.arg('unit_price'));

-- SumOrder makes the order's total that of its lines.
-- name: SumOrder :one
UPDATE orders o
SET total = (SELECT coalesce(sum(l.quantity * l.unit_price), 0) FROM order_lines l WHERE l.order_id = o.id)
WHERE o.id = sqlc.arg('order_id')
RETURNING *;

-- LockOrder holds an order until the transaction ends.
-- name: LockOrder :one
SELECT * FROM orders WHERE id = sqlc.arg('order_id') FOR UPDATE;

-- name: ShipOrder :one
UPDATE orders SET state = 'shipped', shipped_at = now() WHERE id = sqlc.arg('order_id') RETURNING *;

-- name: CancelOrder :one
UPDATE orders SET state = 'cancelled' WHERE id = sqlc.arg('order_id') RETURNING *;

-- ReturnStock gives back what an order took.
-- name: ReturnStock :execrows
UPDATE products p
SET stock = p.stock + l.quantity, updated_at = now()
FROM order_lines l
WHERE l.order_id = sqlc.arg('order_id') AND p.id = l.product_id;

-- GetSales sums up the orders of the last days, by day and currency.
-- name: GetSales :many
SELECT
    (o.placed_at AT TIME ZONE 'UTC')::date AS day,
    o.currency,
    count(*) AS orders,
    sum(o.total)::numeric(14,2) AS total
FROM orders o
WHERE o.state <> 'cancelled' AND o.placed_at >= now() - make_interval(days => sqlc.arg('days')::integer)
GROUP BY 1, 2
ORDER BY 1 DESC, 2;
