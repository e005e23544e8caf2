-- UpsertResources notes that the resources were seen and returns their ids,
-- one statement each, in one round trip.
-- name: UpsertResources :batchone
INSERT INTO resources AS r (provider_id, uid, name, service, region, kind, tags)
VALUES (
    sqlc.arg('provider_id'), sqlc.arg('uid'), sqlc.arg('name'), sqlc.arg('service'),
    sqlc.arg('region'), sqlc.arg('kind'), sqlc.arg('tags')
)
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
  AND (sqlc.narg('after_uid')::text IS NULL
       OR (r.uid, r.id) > (sqlc.narg('after_uid')::text, sqlc.narg('after_id')::uuid))
ORDER BY r.uid, r.id
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
