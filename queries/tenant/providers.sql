-- name: CreateProvider :one
INSERT INTO providers (kind, uid, alias, regions, labels, scan_every, scan_at)
VALUES (
    sqlc.arg('kind'), sqlc.arg('uid'), sqlc.narg('alias'), sqlc.arg('regions')::text[],
    sqlc.arg('labels'), sqlc.narg('scan_every'), sqlc.narg('scan_at')
)
RETURNING *;

-- name: GetProvider :one
SELECT * FROM providers WHERE id = sqlc.arg('provider_id');

-- ListProviders pages through the providers, oldest first.
-- name: ListProviders :many
SELECT *
FROM providers p
WHERE (sqlc.narg('kind')::provider_kind IS NULL OR p.kind = sqlc.narg('kind'))
  AND (sqlc.narg('connected')::boolean IS NULL OR p.connected = sqlc.narg('connected'))
  AND (sqlc.narg('after_created_at')::timestamptz IS NULL
       OR (p.created_at, p.id) > (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid))
ORDER BY p.created_at, p.id
LIMIT sqlc.arg('page_limit');

-- name: CountProviders :one
SELECT count(*)
FROM providers p
WHERE (sqlc.narg('kind')::provider_kind IS NULL OR p.kind = sqlc.narg('kind'))
  AND (sqlc.narg('connected')::boolean IS NULL OR p.connected = sqlc.narg('connected'));

-- name: ListProvidersByID :many
SELECT * FROM providers WHERE id = ANY (sqlc.arg('ids')::uuid[]) ORDER BY created_at, id;

-- UpdateProvider changes what is given and leaves the rest.
-- name: UpdateProvider :one
UPDATE providers
SET alias      = CASE WHEN sqlc.arg('set_alias')::boolean THEN sqlc.narg('alias') ELSE alias END,
    enabled    = CASE WHEN sqlc.arg('set_enabled')::boolean THEN coalesce(sqlc.narg('enabled')::boolean, true) ELSE enabled END,
    regions    = CASE WHEN sqlc.arg('set_regions')::boolean THEN coalesce(sqlc.narg('regions')::text[], '{}') ELSE regions END,
    labels     = CASE WHEN sqlc.arg('set_labels')::boolean THEN merge_patch(labels, coalesce(sqlc.narg('labels')::jsonb, '{}'), 1) ELSE labels END,
    scan_every = CASE WHEN sqlc.arg('set_scan_every')::boolean THEN sqlc.narg('scan_every')::interval ELSE scan_every END,
    scan_at    = CASE WHEN sqlc.arg('set_scan_at')::boolean THEN sqlc.narg('scan_at')::time ELSE scan_at END
WHERE id = sqlc.arg('provider_id')
RETURNING *;

-- DeleteProvider takes its scans, findings and resources along.
-- name: DeleteProvider :execrows
DELETE FROM providers WHERE id = sqlc.arg('provider_id');

-- name: RecordProviderConnection :one
UPDATE providers
SET connected = sqlc.arg('connected')::boolean,
    connection_error = sqlc.narg('connection_error'),
    connection_checked_at = now()
WHERE id = sqlc.arg('provider_id')
RETURNING *;

-- CountProvidersByKind counts the providers, and those that are connected.
-- name: CountProvidersByKind :many
SELECT kind, count(*) AS providers, count(*) FILTER (WHERE connected) AS connected
FROM providers
GROUP BY kind
ORDER BY kind;

-- GetProviderPosture returns how a provider stands by its latest completed scan.
-- name: GetProviderPosture :one
SELECT * FROM provider_posture WHERE provider_id = sqlc.arg('provider_id');

-- ListProviderPostures returns how all the providers stand, the worst first.
-- name: ListProviderPostures :many
SELECT * FROM provider_posture ORDER BY failing DESC, provider_id;

-- GetProviderRisk weighs what fails in the latest completed scan. It is null
-- for a provider that was never scanned.
-- name: GetProviderRisk :one
WITH weighed AS (
    SELECT ss.scan_id, sum(ss.fail_count * risk_weight(ss.severity))::numeric(14,2) AS risk
    FROM scan_summaries ss
    GROUP BY ss.scan_id
)
SELECT pp.provider_id, pp.alias, weighed.risk
FROM provider_posture pp
LEFT JOIN weighed ON weighed.scan_id = pp.scan_id
WHERE pp.provider_id = sqlc.arg('provider_id');

-- PutProviderSecret stores or replaces the sealed credentials of a provider.
-- Without such a provider it returns no row.
-- name: PutProviderSecret :one
INSERT INTO provider_secrets (provider_id, kind, name, sealed, key_id)
SELECT
    p.id, sqlc.arg('kind')::secret_kind, sqlc.narg('name'), sqlc.arg('sealed')::bytea, sqlc.arg('key_id')::text
FROM providers p
WHERE p.id = sqlc.arg('provider_id')
ON CONFLICT (provider_id) DO UPDATE
SET kind = excluded.kind, name = excluded.name, sealed = excluded.sealed, key_id = excluded.key_id, rotated_at = now()
RETURNING provider_id, kind, name, key_id, rotated_at, created_at;

-- GetProviderSecret tells what there is of the credentials, not what they are.
-- name: GetProviderSecret :one
SELECT provider_id, kind, name, key_id, rotated_at, created_at
FROM provider_secrets
WHERE provider_id = sqlc.arg('provider_id');

-- OpenProviderSecret is for scanners, which open what is sealed.
-- name: OpenProviderSecret :one
SELECT kind, sealed, key_id FROM provider_secrets WHERE provider_id = sqlc.arg('provider_id');

-- name: DeleteProviderSecret :execrows
DELETE FROM provider_secrets WHERE provider_id = sqlc.arg('provider_id');
