-- name: CreateQueue :one
INSERT INTO queues (name) VALUES (sqlc.arg('name')) RETURNING *;

-- ListQueues returns the queues and what waits in each.
-- name: ListQueues :many
SELECT
    q.id, q.name, q.created_at,
    count(t.id) FILTER (WHERE t.state = 'open') AS open,
    count(t.id) FILTER (WHERE t.state = 'open' AND t.respond_by < now()) AS late
FROM queues q
LEFT JOIN tickets t ON t.queue_id = q.id
GROUP BY q.id
ORDER BY q.name;
