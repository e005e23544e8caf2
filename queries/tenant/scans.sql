-- CreateScan queues a scan of an enabled provider. Without such a provider it
-- returns no row.
-- name: CreateScan :one
INSERT INTO scans (provider_id, name, trigger, state, services, severities, scheduled_at, requested_by)
SELECT
    p.id, sqlc.narg('name'), 'manual',
    CASE WHEN sqlc.narg('scheduled_at')::timestamptz IS NULL THEN 'available' ELSE 'scheduled' END::scan_state,
    sqlc.arg('services')::text[], sqlc.arg('severities')::severity[],
    sqlc.narg('scheduled_at'), sqlc.arg('requested_by')::text
FROM providers p
WHERE p.id = sqlc.arg('provider_id') AND p.enabled
RETURNING *;

-- GetScan returns a scan together with its provider.
-- name: GetScan :one
SELECT
    s.id, s.name, s.trigger, s.state, s.progress, s.unique_resource_count, s.services, s.severities,
    s.requested_by, s.error, s.scheduled_at, s.started_at, s.completed_at, s.duration, s.created_at, s.updated_at,
    sqlc.embed(providers)
FROM scans s
JOIN providers ON providers.id = s.provider_id
WHERE s.id = sqlc.arg('scan_id');

-- ListScans pages through the scans, latest first.
-- name: ListScans :many
SELECT *
FROM scans s
WHERE (sqlc.narg('provider_id')::uuid IS NULL OR s.provider_id = sqlc.narg('provider_id'))
  AND (sqlc.narg('state')::scan_state[] IS NULL OR s.state = ANY (sqlc.narg('state')::scan_state[]))
  AND (sqlc.narg('trigger')::scan_trigger IS NULL OR s.trigger = sqlc.narg('trigger'))
  AND (sqlc.narg('after_created_at')::timestamptz IS NULL
       OR (s.created_at, s.id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid))
ORDER BY s.created_at DESC, s.id DESC
LIMIT sqlc.arg('page_limit');

-- name: CountScans :one
SELECT count(*)
FROM scans s
WHERE (sqlc.narg('provider_id')::uuid IS NULL OR s.provider_id = sqlc.narg('provider_id'))
  AND (sqlc.narg('state')::scan_state[] IS NULL OR s.state = ANY (sqlc.narg('state')::scan_state[]))
  AND (sqlc.narg('trigger')::scan_trigger IS NULL OR s.trigger = sqlc.narg('trigger'));

-- ListRunningScans returns what is being scanned now, with the providers.
-- name: ListRunningScans :many
SELECT sqlc.embed(scans), sqlc.embed(providers)
FROM scans
JOIN providers ON providers.id = scans.provider_id
WHERE scans.state = 'executing'
ORDER BY scans.started_at, scans.id;

-- LockScan holds a scan until the transaction ends, and tells the time at
-- which the transaction began.
-- name: LockScan :one
SELECT sqlc.embed(scans), now()::timestamptz AS locked_at
FROM scans
WHERE id = sqlc.arg('scan_id')
FOR UPDATE;

-- ClaimScan takes the next scan that is due, past those that others hold.
-- name: ClaimScan :one
WITH due AS (
    SELECT s.id
    FROM scans s
    WHERE s.state IN ('available', 'scheduled')
      AND coalesce(s.scheduled_at, s.created_at) <= now()
      AND NOT EXISTS (SELECT 1 FROM scans r WHERE r.provider_id = s.provider_id AND r.state = 'executing')
    ORDER BY coalesce(s.scheduled_at, s.created_at), s.id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE scans
SET state = 'executing', started_at = now()
FROM due
WHERE scans.id = due.id
RETURNING scans.*;

-- name: StartScan :one
UPDATE scans
SET state = 'executing', started_at = now()
WHERE id = sqlc.arg('scan_id') AND state IN ('available', 'scheduled')
RETURNING *;

-- UpdateScan renames a scan, and puts one off that waits.
-- name: UpdateScan :one
UPDATE scans
SET name         = CASE WHEN sqlc.arg('set_name')::boolean THEN sqlc.narg('name') ELSE name END,
    scheduled_at = CASE WHEN sqlc.arg('set_scheduled_at')::boolean THEN sqlc.narg('scheduled_at')::timestamptz ELSE scheduled_at END,
    state        = CASE
        WHEN NOT sqlc.arg('set_scheduled_at')::boolean OR state NOT IN ('available', 'scheduled') THEN state
        WHEN sqlc.narg('scheduled_at')::timestamptz IS NULL THEN 'available'
        ELSE 'scheduled'
    END
WHERE id = sqlc.arg('scan_id')
RETURNING *;

-- RecordScanProgress never goes back.
-- name: RecordScanProgress :one
UPDATE scans
SET progress = greatest(progress, sqlc.arg('progress')::smallint)
WHERE id = sqlc.arg('scan_id') AND state = 'executing'
RETURNING *;

-- FinishScan completes a scan and counts the resources that it saw.
-- name: FinishScan :one
UPDATE scans s
SET state = 'completed',
    progress = 100,
    completed_at = now(),
    unique_resource_count = (
        SELECT count(DISTINCT fr.resource_id)
        FROM findings f
        JOIN finding_resources fr ON fr.finding_id = f.id
        WHERE f.scan_id = s.id
    )
WHERE s.id = sqlc.arg('scan_id')
RETURNING *;

-- CancelScan ends a scan before it completes. For one that has ended the
-- database refuses it.
-- name: CancelScan :one
UPDATE scans
SET state = 'cancelled', completed_at = CASE WHEN started_at IS NULL THEN NULL ELSE now() END
WHERE id = sqlc.arg('scan_id')
RETURNING *;

-- name: FailScan :one
UPDATE scans SET state = 'failed', error = sqlc.arg('error')::text, completed_at = now()
WHERE id = sqlc.arg('scan_id') AND state = 'executing'
RETURNING *;

-- GetScanStatistics sums up the scans of the last days. Without a completed
-- scan in that time there are no averages and no last scan.
-- name: GetScanStatistics :one
WITH recent AS (
    SELECT s.state, s.duration, s.completed_at, s.unique_resource_count
    FROM scans s
    WHERE s.created_at >= now() - make_interval(days => sqlc.arg('days')::integer)
), counted AS (
    SELECT
        count(*) AS scans,
        count(*) FILTER (WHERE state = 'completed') AS completed,
        count(*) FILTER (WHERE state = 'failed') AS failed
    FROM recent
), finished AS (
    SELECT
        avg(unique_resource_count)::double precision AS average_resources,
        date_trunc('second', avg(duration))::interval AS average_duration,
        max(completed_at)::timestamptz AS last_completed_at
    FROM recent
    WHERE state = 'completed'
    HAVING count(*) > 0
)
SELECT
    counted.scans, counted.completed, counted.failed,
    finished.average_resources, finished.average_duration, finished.last_completed_at
FROM counted
LEFT JOIN finished ON true;

-- ListOverdueProviders returns the providers whose last scan is older than
-- their schedule allows, those never scanned first.
-- name: ListOverdueProviders :many
WITH latest AS (
    SELECT s.provider_id, max(s.created_at)::timestamptz AS scanned_at
    FROM scans s
    GROUP BY s.provider_id
)
SELECT p.id, p.kind, p.uid, p.alias, p.scan_every, latest.scanned_at
FROM providers p
LEFT JOIN latest ON latest.provider_id = p.id
WHERE p.enabled AND p.scan_every IS NOT NULL
  AND (latest.scanned_at IS NULL OR latest.scanned_at < now() - p.scan_every)
ORDER BY latest.scanned_at NULLS FIRST, p.id;

-- SummarizeScan counts the findings of a scan by check, service, severity and
-- region; a second run replaces the counts.
-- name: SummarizeScan :execrows
INSERT INTO scan_summaries (scan_id, check_id, service, severity, region, pass_count, fail_count, manual_count, muted_count, new_count, risk_score)
SELECT
    f.scan_id, f.check_id, f.service, f.severity, f.region,
    count(*) FILTER (WHERE f.status = 'pass' AND NOT f.muted),
    count(*) FILTER (WHERE f.failing),
    count(*) FILTER (WHERE f.status = 'manual' AND NOT f.muted),
    count(*) FILTER (WHERE f.muted),
    count(*) FILTER (WHERE f.delta = 'new' AND NOT f.muted),
    sum(f.risk_score) FILTER (WHERE f.failing)
FROM findings f
WHERE f.scan_id = sqlc.arg('scan_id')
GROUP BY f.scan_id, f.check_id, f.service, f.severity, f.region
ON CONFLICT ON CONSTRAINT scan_summaries_group_key DO UPDATE
SET pass_count = excluded.pass_count, fail_count = excluded.fail_count, manual_count = excluded.manual_count,
    muted_count = excluded.muted_count, new_count = excluded.new_count, risk_score = excluded.risk_score;

-- name: DeleteScanSummaries :exec
DELETE FROM scan_summaries WHERE scan_id = $1;

-- ListScanSummaries rolls the counts of a scan up by service and severity.
-- name: ListScanSummaries :many
SELECT
    ss.service, ss.severity,
    sum(ss.pass_count)::bigint AS pass_count,
    sum(ss.fail_count)::bigint AS fail_count,
    sum(ss.manual_count)::bigint AS manual_count,
    sum(ss.muted_count)::bigint AS muted_count,
    sum(ss.new_count)::bigint AS new_count,
    coalesce(sum(ss.risk_score), 0)::numeric(14,2) AS risk_score
FROM scan_summaries ss
WHERE ss.scan_id = sqlc.arg('scan_id')
GROUP BY ss.service, ss.severity
ORDER BY ss.severity DESC, ss.service;
