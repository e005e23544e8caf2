-- CreateTicket opens a ticket. Without such a priority it returns no row.
-- name: CreateTicket :one
INSERT INTO tickets (queue_id, subject, body, priority, requester, respond_by)
SELECT
    sqlc.arg('queue_id'), sqlc.arg('subject'), sqlc.arg('body'), p.name, sqlc.arg('requester'), now() + p.respond_within
FROM public.priorities p
WHERE p.name = sqlc.arg('priority')
RETURNING *;

-- name: GetTicket :one
SELECT * FROM tickets WHERE id = sqlc.arg('ticket_id');

-- UpdateTicket changes what the patch names: set_x tells whether x was in it.
-- name: UpdateTicket :one
UPDATE tickets
SET subject    = CASE WHEN sqlc.arg('set_subject')::boolean THEN sqlc.narg('subject') ELSE subject END,
    queue_id   = CASE WHEN sqlc.arg('set_queue_id')::boolean THEN sqlc.narg('queue_id')::uuid ELSE queue_id END,
    priority   = CASE WHEN sqlc.arg('set_priority')::boolean THEN sqlc.narg('priority') ELSE priority END,
    assignee   = CASE WHEN sqlc.arg('set_assignee')::boolean THEN sqlc.narg('assignee') ELSE assignee END,
    updated_at = now()
WHERE id = sqlc.arg('ticket_id')
RETURNING *;

-- LockTicketState holds a ticket until the transaction ends.
-- name: LockTicketState :one
SELECT state FROM tickets WHERE id = sqlc.arg('ticket_id') FOR UPDATE;

-- name: SetTicketState :one
UPDATE tickets
SET state = sqlc.arg('state'), updated_at = now()
WHERE id = sqlc.arg('ticket_id')
RETURNING *;

-- name: CreateComment :one
INSERT INTO comments (ticket_id, author, body)
VALUES (sqlc.arg('ticket_id'), sqlc.arg('author'), sqlc.arg('body'))
RETURNING *;

-- ListComments pages through a ticket's comments, oldest first.
-- name: ListComments :many
SELECT *
FROM comments
WHERE ticket_id = sqlc.arg('ticket_id')
  AND (sqlc.narg('after_id')::bigint IS NULL OR id > sqlc.narg('after_id')::bigint)
ORDER BY id
LIMIT sqlc.arg('page_limit');

-- GetWorkload counts the tickets that are not done, by assignee; first those
-- that nobody has taken.
-- name: GetWorkload :many
SELECT
    assignee,
    count(*) FILTER (WHERE state = 'open') AS open,
    count(*) FILTER (WHERE state = 'pending') AS pending,
    min(respond_by)::timestamptz AS next_respond_by
FROM tickets
WHERE state IN ('open', 'pending')
GROUP BY assignee
ORDER BY assignee NULLS FIRST;
