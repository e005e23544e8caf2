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

-- name: DeleteReport :execrows
DELETE FROM reports WHERE id = sqlc.arg('report_id');

-- name: DeleteExpiredReports :execrows
DELETE FROM reports WHERE expires_at < now();

-- GetReportExtent returns what a report covers, while it may be downloaded.
-- name: GetReportExtent :one
SELECT id, scan_id, title, format, severities, period_start, period_end
FROM reports
WHERE id = sqlc.arg('report_id') AND expires_at > now();

-- ListReportRows pages through the findings of a report in the order of their
-- uids: rows that come or go meanwhile move none of the others.
-- name: ListReportRows :many
SELECT
    f.uid, f.check_id, f.service, f.region, f.severity, f.status, f.status_detail, f.risk_score, f.categories,
    f.first_seen_at, f.muted, f.muted_reason, f.created_at AS reported_at,
    coalesce((
        SELECT array_agg(r.uid ORDER BY r.uid)
        FROM finding_resources fr
        JOIN resources r ON r.id = fr.resource_id
        WHERE fr.finding_id = f.id
    ), '{}')::text[] AS resources
FROM findings f
WHERE f.scan_id = sqlc.arg('scan_id')
  AND (cardinality(sqlc.arg('severities')::severity[]) = 0 OR f.severity = ANY (sqlc.arg('severities')::severity[]))
  AND (sqlc.narg('period_start')::date IS NULL OR f.first_seen_at >= (sqlc.narg('period_start')::date)::timestamp AT TIME ZONE 'UTC')
  AND (sqlc.narg('period_end')::date IS NULL OR f.first_seen_at < (sqlc.narg('period_end')::date + 1)::timestamp AT TIME ZONE 'UTC')
  AND f.uid > sqlc.arg('after_uid')::text
ORDER BY f.uid
LIMIT sqlc.arg('page_limit');
