-- InsertFindings stores any number of findings with one COPY.
-- name: InsertFindings :copyfrom
INSERT INTO findings (id, scan_id, uid, check_id, service, region, severity, status, status_detail, delta, risk_score, categories, evidence, first_seen_at, muted, muted_reason, muted_by, muted_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18);

-- LinkFindingResources says which resources the findings are about.
-- name: LinkFindingResources :copyfrom
INSERT INTO finding_resources (finding_id, resource_id) VALUES ($1, $2);

-- CountIngestedResources counts the resources of the findings that this
-- transaction has stored.
-- name: CountIngestedResources :one
SELECT count(DISTINCT fr.resource_id)
FROM findings f
JOIN finding_resources fr ON fr.finding_id = f.id
WHERE f.scan_id = sqlc.arg('scan_id') AND f.created_at = now();

-- GetFinding returns a finding with its provider and what the catalogue says
-- about its check.
-- name: GetFinding :one
SELECT
    f.id, f.scan_id, f.uid, f.check_id, f.service, f.region, f.severity, f.status, f.status_detail, f.delta,
    f.risk_score, f.categories, f.evidence, f.first_seen_at, f.muted, f.muted_reason, f.muted_by, f.muted_at, f.mute_rule_id,
    f.failing, f.created_at, f.updated_at,
    s.provider_id,
    c.title AS check_title, c.remediation, c.remediation_url
FROM findings f
JOIN scans s ON s.id = f.scan_id
LEFT JOIN public.checks c ON c.id = f.check_id
WHERE f.id = sqlc.arg('finding_id');

-- ListScanFindings pages through the findings of a scan, worst first.
-- name: ListScanFindings :many
SELECT
    f.id, f.scan_id, f.uid, f.check_id, f.service, f.region, f.severity, f.status, f.status_detail, f.delta,
    f.risk_score, f.first_seen_at, f.muted, f.failing, f.created_at
FROM findings f
WHERE f.scan_id = sqlc.arg('scan_id')
  AND (sqlc.narg('status')::finding_status IS NULL OR f.status = sqlc.narg('status'))
  AND (sqlc.narg('severity')::severity[] IS NULL OR f.severity = ANY (sqlc.narg('severity')::severity[]))
  AND (sqlc.narg('after_severity')::severity IS NULL
       OR (f.severity, f.id) < (sqlc.narg('after_severity')::severity, sqlc.narg('after_id')::uuid))
ORDER BY f.severity DESC, f.id DESC
LIMIT sqlc.arg('page_limit');

-- ListFindingResources returns the resources of a finding.
-- name: ListFindingResources :many
SELECT r.id, r.provider_id, r.uid, r.name, r.service, r.region, r.kind, r.tags, r.first_seen_at, r.last_seen_at
FROM finding_resources fr
JOIN resources r ON r.id = fr.resource_id
WHERE fr.finding_id = sqlc.arg('finding_id')
ORDER BY r.uid, r.id;

-- MuteFinding takes a finding out of the count, for a reason.
-- name: MuteFinding :one
UPDATE findings
SET muted = true, muted_reason = sqlc.arg('reason')::text, muted_by = sqlc.arg('muted_by')::text, muted_at = now(), mute_rule_id = NULL
WHERE id = sqlc.arg('finding_id')
RETURNING id, scan_id, uid, check_id, service, region, severity, status, status_detail, delta, risk_score,
    first_seen_at, muted, muted_reason, muted_by, muted_at, failing, created_at, updated_at;

-- UnmuteFinding counts a finding again. Nothing is left of the reason.
-- name: UnmuteFinding :execrows
UPDATE findings
SET muted = false, muted_reason = NULL, muted_by = NULL, muted_at = NULL, mute_rule_id = NULL
WHERE id = sqlc.arg('finding_id') AND muted;

-- ListFindingHistory pages through what the scans of a provider found of the
-- same uid, the latest first.
-- name: ListFindingHistory :many
SELECT
    f.id, f.scan_id, f.uid, f.check_id, f.service, f.region, f.severity, f.status, f.status_detail, f.delta,
    f.risk_score, f.first_seen_at, f.muted, f.failing, f.created_at
FROM findings given
JOIN scans given_scan ON given_scan.id = given.scan_id
JOIN findings f ON f.uid = given.uid
JOIN scans s ON s.id = f.scan_id AND s.provider_id = given_scan.provider_id
WHERE given.id = sqlc.arg('finding_id')
  AND (sqlc.narg('after_created_at')::timestamptz IS NULL
       OR (f.created_at, f.id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid))
ORDER BY f.created_at DESC, f.id DESC
LIMIT sqlc.arg('page_limit');

-- ListKnownFindings returns how the latest scan before this one judged the
-- given uids, for the delta.
-- name: ListKnownFindings :many
SELECT DISTINCT ON (f.uid) f.uid, f.status, f.first_seen_at, f.muted, f.muted_reason, f.muted_by, f.muted_at, f.mute_rule_id
FROM findings f
JOIN scans s ON s.id = f.scan_id
WHERE s.provider_id = sqlc.arg('provider_id')
  AND s.id <> sqlc.arg('scan_id')
  AND s.state = 'completed'
  AND f.uid = ANY (sqlc.arg('uids')::text[])
ORDER BY f.uid, f.created_at DESC;

-- CountFindingsBySeverity counts what fails in the latest completed scan of
-- every provider; severities without a failing finding are listed with zero.
-- name: CountFindingsBySeverity :many
SELECT level.severity::severity AS severity, count(f.id) AS failing, count(f.id) FILTER (WHERE f.delta = 'new') AS new
FROM unnest(enum_range(NULL::severity)) AS level (severity)
LEFT JOIN (
    SELECT fi.id, fi.severity, fi.delta
    FROM findings fi
    JOIN provider_posture pp ON pp.scan_id = fi.scan_id
    WHERE fi.failing
) f ON f.severity = level.severity
GROUP BY level.severity
ORDER BY level.severity DESC;

-- CountFindingsByService rolls the latest completed scans up by service, the
-- service with the most failures first.
-- name: CountFindingsByService :many
WITH latest AS (
    SELECT ss.service, ss.severity, ss.pass_count, ss.fail_count, ss.manual_count, ss.muted_count
    FROM scan_summaries ss
    JOIN provider_posture pp ON pp.scan_id = ss.scan_id
), counted AS (
    SELECT
        service,
        sum(pass_count)::bigint AS passing,
        sum(fail_count)::bigint AS failing,
        sum(manual_count)::bigint AS manual,
        sum(muted_count)::bigint AS muted
    FROM latest
    GROUP BY service
), worst AS (
    SELECT service, max(severity)::severity AS gravest FROM latest WHERE fail_count > 0 GROUP BY service
)
SELECT counted.service, counted.passing, counted.failing, counted.manual, counted.muted, worst.gravest
FROM counted
LEFT JOIN worst ON worst.service = counted.service
ORDER BY counted.failing DESC, counted.service;

-- CountFindingsByCategory counts the latest findings in each category. A
-- finding of several categories counts in each.
-- name: CountFindingsByCategory :many
SELECT
    category.name::text AS category,
    count(*) AS total,
    count(*) FILTER (WHERE f.failing) AS failing,
    count(*) FILTER (WHERE f.muted) AS muted
FROM findings f
JOIN provider_posture pp ON pp.scan_id = f.scan_id
CROSS JOIN LATERAL unnest(f.categories) AS category (name)
GROUP BY category.name
ORDER BY count(*) FILTER (WHERE f.failing) DESC, category.name;

-- CountFindingsByFramework tells how the tenant does on each compliance
-- framework, by the latest scans. The score is per cent of what passes, and
-- null when nothing was counted.
-- name: CountFindingsByFramework :many
WITH counted AS (
    SELECT
        framework.name::text AS framework,
        count(DISTINCT ss.check_id) AS checks,
        sum(ss.pass_count)::bigint AS passing,
        sum(ss.fail_count)::bigint AS failing
    FROM scan_summaries ss
    JOIN provider_posture pp ON pp.scan_id = ss.scan_id
    JOIN public.checks c ON c.id = ss.check_id
    CROSS JOIN LATERAL jsonb_object_keys(c.frameworks) AS framework (name)
    GROUP BY framework.name
), scored AS (
    SELECT framework, round(100.0 * passing / (passing + failing), 2)::numeric(5,2) AS score
    FROM counted
    WHERE passing + failing > 0
)
SELECT counted.framework, counted.checks, counted.passing, counted.failing, scored.score
FROM counted
LEFT JOIN scored ON scored.framework = counted.framework
ORDER BY counted.failing DESC, counted.framework;

-- GetFindingTotals sums up the findings of the latest completed scan of every
-- provider. When nothing fails there is neither a risk nor an oldest finding.
-- name: GetFindingTotals :one
WITH latest AS (
    SELECT f.status, f.muted, f.failing, f.check_id, f.risk_score, f.first_seen_at
    FROM findings f
    JOIN provider_posture pp ON pp.scan_id = f.scan_id
    WHERE sqlc.narg('provider_id')::uuid IS NULL OR pp.provider_id = sqlc.narg('provider_id')
), counted AS (
    SELECT
        count(*) AS total,
        count(*) FILTER (WHERE failing) AS failing,
        count(*) FILTER (WHERE status = 'pass' AND NOT muted) AS passing,
        count(*) FILTER (WHERE muted) AS muted,
        count(DISTINCT check_id) AS checks
    FROM latest
), worst AS (
    SELECT
        max(risk_score)::numeric(6,2) AS highest_risk,
        avg(risk_score)::double precision AS average_risk,
        min(first_seen_at)::timestamptz AS oldest_failing_at
    FROM latest
    WHERE failing
    HAVING count(*) > 0
)
SELECT
    counted.total, counted.failing, counted.passing, counted.muted, counted.checks,
    worst.highest_risk, worst.average_risk, worst.oldest_failing_at
FROM counted
LEFT JOIN worst ON true;

-- ListFindingTrend counts the failing findings of each day's completed scans.
-- A day without a scan has a count of null, not of zero.
-- name: ListFindingTrend :many
WITH daily AS (
    SELECT s.completed_at::date AS day, sum(ss.fail_count)::bigint AS failing, sum(ss.new_count)::bigint AS new
    FROM scans s
    JOIN scan_summaries ss ON ss.scan_id = s.id
    WHERE s.state = 'completed'
    GROUP BY s.completed_at::date
)
SELECT d.day::date AS day, daily.failing, daily.new
FROM generate_series(CURRENT_DATE - (sqlc.arg('days')::integer - 1), CURRENT_DATE, interval '1 day') AS d (day)
LEFT JOIN daily ON daily.day = d.day::date
ORDER BY d.day;
