-- name: CreateReport :one
INSERT INTO reports (scan_id, title, format, severities, period_start, period_end, requested_by, expires_at)
SELECT
    s.id, sqlc.arg('title')::text, sqlc.arg('format')::report_format, sqlc.arg('severities')::severity[],
    sqlc.narg('period_start')::date, sqlc.narg('period_end')::date, sqlc.arg('requested_by')::text,
    now() + coalesce(sqlc.narg('keep_for')::interval, '30 days')
FROM scans s
WHERE s.id = sqlc.arg('scan_id') AND s.state = 'completed'
RETURNING *;

-- name: GetReport :one
SELECT * FROM reports WHERE id = sqlc.arg('report_id');

-- ListReports pages through the reports of all scans, latest first.
-- name: ListReports :many
SELECT *
FROM reports r
WHERE (sqlc.narg('scan_id')::uuid IS NULL OR r.scan_id = sqlc.narg('scan_id'))
  AND (sqlc.narg('after_id')::bigint IS NULL OR r.id < sqlc.narg('after_id'))
ORDER BY r.id DESC
LIMIT sqlc.arg('page_limit');

-- name: CompleteReport :execrows
UPDATE reports
SET digest = sqlc.arg('digest'), size_bytes = sqlc.arg('size_bytes'), location = sqlc.arg('location'),
    cost = sqlc.arg('cost'), ready_at = now()
WHERE id = sqlc.arg('report_id') AND ready_at IS NULL;

-- DeleteExpiredReports returns where the deleted reports' files lie.
-- name: DeleteExpiredReports :many
DELETE FROM reports WHERE expires_at < now() RETURNING id, location;
