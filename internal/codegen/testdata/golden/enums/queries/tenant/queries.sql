-- name: ListFindings :many
SELECT * FROM findings
WHERE (sqlc.narg('severity')::severity IS NULL OR severity = sqlc.narg('severity')::severity)
  AND (sqlc.narg('any_of')::severity[] IS NULL OR severity = ANY(sqlc.narg('any_of')::severity[]))
  AND status = sqlc.arg('status');

-- name: CountBySeverity :many
SELECT severity, count(*) AS total FROM findings GROUP BY severity ORDER BY severity;
