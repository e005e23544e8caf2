-- ListChecks pages through the catalogue of checks.
-- name: ListChecks :many
SELECT c.id, c.provider, c.service, c.title, c.severity, c.categories, c.released_on, c.retired_on
FROM public.checks c
WHERE (sqlc.narg('provider')::text IS NULL OR c.provider = sqlc.narg('provider'))
  AND (sqlc.narg('service')::text IS NULL OR c.service = sqlc.narg('service'))
  AND (sqlc.narg('after_id')::text IS NULL OR c.id > sqlc.narg('after_id'))
ORDER BY c.id
LIMIT sqlc.arg('page_limit');

-- GetCheck returns a check and how this tenant does on it, by the latest scans.
-- name: GetCheck :one
SELECT
    c.id, c.provider, c.service, c.title, c.description, c.severity, c.remediation, c.remediation_url,
    c.categories, c.frameworks, c.released_on, c.retired_on,
    (
        SELECT count(*)
        FROM findings f
        JOIN provider_posture pp ON pp.scan_id = f.scan_id
        WHERE f.check_id = c.id AND f.failing
    ) AS failing
FROM public.checks c
WHERE c.id = sqlc.arg('check_id');

-- ListFailingChecks ranks the checks by what fails in a scan. A check that the
-- catalogue does not know yet has neither title nor remediation.
-- name: ListFailingChecks :many
WITH failing AS (
    SELECT
        f.check_id, f.service,
        max(f.severity)::severity AS severity,
        count(*) AS failing,
        count(DISTINCT f.region) AS regions,
        sum(f.risk_score)::numeric(14,2) AS risk_score,
        min(f.first_seen_at)::timestamptz AS first_seen_at
    FROM findings f
    WHERE f.scan_id = sqlc.arg('scan_id') AND f.failing
    GROUP BY f.check_id, f.service
)
SELECT
    failing.check_id, failing.service, failing.severity, failing.failing, failing.regions,
    failing.risk_score, failing.first_seen_at,
    c.title, c.remediation
FROM failing
LEFT JOIN public.checks c ON c.id = failing.check_id
ORDER BY failing.severity DESC, failing.failing DESC, failing.check_id
LIMIT sqlc.arg('page_limit');
