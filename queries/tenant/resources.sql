-- UpsertResources notes that the resources were seen and returns their ids.
-- The lists are as long as each other, and no uid comes twice; in their order,
-- so that two reports about the same resources do not wait for each other.
-- name: UpsertResources :many
INSERT INTO resources AS r (provider_id, uid, name, service, region, kind, tags)
SELECT sqlc.arg('provider_id')::uuid, seen.uid, seen.name, seen.service, seen.region, seen.kind, seen.tags::jsonb
FROM (
    SELECT
        unnest(sqlc.arg('uids')::text[]) AS uid, unnest(sqlc.arg('names')::text[]) AS name,
        unnest(sqlc.arg('services')::text[]) AS service, unnest(sqlc.arg('regions')::text[]) AS region,
        unnest(sqlc.arg('kinds')::text[]) AS kind, unnest(sqlc.arg('tags')::text[]) AS tags
) AS seen
ORDER BY seen.uid
ON CONFLICT (provider_id, uid) DO UPDATE
SET name = excluded.name, service = excluded.service, region = excluded.region, kind = excluded.kind,
    tags = excluded.tags, last_seen_at = greatest(r.last_seen_at, now())
RETURNING r.id, r.uid;

-- ListResources pages through the resources, by their identifiers.
-- name: ListResources :many
SELECT r.id, r.provider_id, r.uid, r.name, r.service, r.region, r.kind, r.tags, r.first_seen_at, r.last_seen_at
FROM resources r
WHERE (sqlc.narg('provider_id')::uuid IS NULL OR r.provider_id = sqlc.narg('provider_id'))
  AND (sqlc.narg('service')::text IS NULL OR r.service = sqlc.narg('service'))
  AND (sqlc.narg('region')::text IS NULL OR r.region = sqlc.narg('region'))
  AND (sqlc.narg('kind')::text IS NULL OR r.kind = sqlc.narg('kind'))
  AND (sqlc.narg('after_uid')::text IS NULL
       OR (r.uid, r.id) > (sqlc.narg('after_uid')::text, sqlc.narg('after_id')::uuid))
ORDER BY r.uid, r.id
LIMIT sqlc.arg('page_limit');

-- name: CountResources :one
SELECT count(*)
FROM resources r
WHERE (sqlc.narg('provider_id')::uuid IS NULL OR r.provider_id = sqlc.narg('provider_id'))
  AND (sqlc.narg('service')::text IS NULL OR r.service = sqlc.narg('service'))
  AND (sqlc.narg('region')::text IS NULL OR r.region = sqlc.narg('region'))
  AND (sqlc.narg('kind')::text IS NULL OR r.kind = sqlc.narg('kind'));

-- CountResourcesByKind counts the resources of each kind, by service and region.
-- name: CountResourcesByKind :many
SELECT r.service, r.region, r.kind, count(*) AS resources, max(r.last_seen_at)::timestamptz AS last_seen_at
FROM resources r
WHERE (sqlc.narg('provider_id')::uuid IS NULL OR r.provider_id = sqlc.narg('provider_id'))
GROUP BY r.service, r.region, r.kind
ORDER BY r.service, r.region, r.kind;

-- ListResourceFindings pages through what the latest completed scans found of
-- a resource, worst first.
-- name: ListResourceFindings :many
SELECT
    f.id, f.scan_id, f.uid, f.check_id, f.service, f.region, f.severity, f.status, f.status_detail, f.delta,
    f.risk_score, f.first_seen_at, f.muted, f.failing, f.created_at
FROM finding_resources fr
JOIN findings f ON f.id = fr.finding_id
WHERE fr.resource_id = sqlc.arg('resource_id')
  AND f.scan_id IN (SELECT pp.scan_id FROM provider_posture pp)
  AND (sqlc.narg('status')::finding_status IS NULL OR f.status = sqlc.narg('status'))
  AND (sqlc.narg('after_severity')::severity IS NULL
       OR (f.severity, f.id) < (sqlc.narg('after_severity')::severity, sqlc.narg('after_id')::uuid))
ORDER BY f.severity DESC, f.id DESC
LIMIT sqlc.arg('page_limit');

-- GetResource returns a resource and how many of its findings fail in the
-- latest scan.
-- name: GetResource :one
SELECT
    r.id, r.provider_id, r.uid, r.name, r.service, r.region, r.kind, r.tags, r.details, r.first_seen_at, r.last_seen_at,
    (
        SELECT count(*)
        FROM finding_resources fr
        JOIN findings f ON f.id = fr.finding_id
        JOIN provider_posture pp ON pp.scan_id = f.scan_id
        WHERE fr.resource_id = r.id AND f.failing
    ) AS failing
FROM resources r
WHERE r.id = sqlc.arg('resource_id');

-- name: ListResourcesByTag :many
SELECT * FROM resources WHERE tags @> sqlc.arg('tags')::jsonb ORDER BY uid, id LIMIT sqlc.arg('page_limit');

-- ListResourceIDs finds the ids of known resources by their identifiers.
-- name: ListResourceIDs :many
SELECT id, uid FROM resources WHERE provider_id = sqlc.arg('provider_id') AND uid = ANY (sqlc.arg('uids')::text[]);

-- ListFindingsOfResources returns the failing findings of each of the
-- resources, worst first.
-- name: ListFindingsOfResources :batchmany
SELECT f.id, f.check_id, f.severity, f.status_detail, f.first_seen_at
FROM finding_resources fr
JOIN findings f ON f.id = fr.finding_id
WHERE fr.resource_id = sqlc.arg('resource_id') AND f.failing
ORDER BY f.severity DESC, f.first_seen_at, f.id
LIMIT sqlc.arg('page_limit');

-- name: PruneResources :execrows
DELETE FROM resources r
WHERE r.last_seen_at < now() - sqlc.arg('older_than')::interval
  AND NOT EXISTS (SELECT 1 FROM finding_resources fr WHERE fr.resource_id = r.id);
