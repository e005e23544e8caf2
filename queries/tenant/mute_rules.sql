-- ListMuteRules pages through the rules, latest first.
-- name: ListMuteRules :many
SELECT *
FROM mute_rules r
WHERE (sqlc.narg('enabled')::boolean IS NULL OR r.enabled = sqlc.narg('enabled'))
  AND (sqlc.narg('after_created_at')::timestamptz IS NULL
       OR (r.created_at, r.id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid))
ORDER BY r.created_at DESC, r.id DESC
LIMIT sqlc.arg('page_limit');

-- name: GetMuteRule :one
SELECT * FROM mute_rules WHERE id = sqlc.arg('mute_rule_id');

-- name: CreateMuteRule :one
INSERT INTO mute_rules (name, reason, check_id, service, region, severity, enabled, expires_at, created_by)
VALUES (
    sqlc.arg('name'), sqlc.arg('reason'), sqlc.narg('check_id'), sqlc.narg('service'), sqlc.narg('region'),
    sqlc.narg('severity'), sqlc.arg('enabled'), sqlc.narg('expires_at'), sqlc.arg('created_by')
)
RETURNING *;

-- UpdateMuteRule changes what is given and leaves the rest.
-- name: UpdateMuteRule :one
UPDATE mute_rules
SET name       = CASE WHEN sqlc.arg('set_name')::boolean THEN coalesce(sqlc.narg('name')::text, '') ELSE name END,
    reason     = CASE WHEN sqlc.arg('set_reason')::boolean THEN coalesce(sqlc.narg('reason')::text, '') ELSE reason END,
    check_id   = CASE WHEN sqlc.arg('set_check_id')::boolean THEN sqlc.narg('check_id') ELSE check_id END,
    service    = CASE WHEN sqlc.arg('set_service')::boolean THEN sqlc.narg('service') ELSE service END,
    region     = CASE WHEN sqlc.arg('set_region')::boolean THEN sqlc.narg('region') ELSE region END,
    severity   = CASE WHEN sqlc.arg('set_severity')::boolean THEN sqlc.narg('severity')::severity ELSE severity END,
    enabled    = CASE WHEN sqlc.arg('set_enabled')::boolean THEN coalesce(sqlc.narg('enabled')::boolean, true) ELSE enabled END,
    expires_at = CASE WHEN sqlc.arg('set_expires_at')::boolean THEN sqlc.narg('expires_at')::timestamptz ELSE expires_at END
WHERE id = sqlc.arg('mute_rule_id')
RETURNING *;

-- DeleteMuteRule leaves muted what the rule has muted.
-- name: DeleteMuteRule :execrows
DELETE FROM mute_rules WHERE id = sqlc.arg('mute_rule_id');

-- LockMuteRule keeps a rule as it is until the transaction ends, and tells
-- whether it mutes anything now.
-- name: LockMuteRule :one
SELECT id, (enabled AND (expires_at IS NULL OR expires_at > now()))::boolean AS active
FROM mute_rules
WHERE id = sqlc.arg('mute_rule_id')
FOR SHARE;

-- ApplyMuteRules mutes what the active rules match: in one scan, or in the
-- latest completed scan of every provider; by all rules, or by one. Of several
-- rules the oldest counts. What is muted already stays as it is. It mutes so
-- many at most, and is called again until it mutes fewer.
-- name: ApplyMuteRules :execrows
WITH matched AS (
    SELECT DISTINCT ON (f.id) f.id AS finding_id, r.id AS rule_id, r.reason, r.created_by
    FROM findings f
    JOIN mute_rules r
      ON (r.check_id IS NULL OR r.check_id = f.check_id)
     AND (r.service IS NULL OR r.service = f.service)
     AND (r.severity IS NULL OR r.severity = f.severity)
     AND (r.region IS NULL
          OR f.region LIKE replace(replace(replace(replace(r.region, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%'))
    WHERE NOT f.muted
      AND r.enabled AND (r.expires_at IS NULL OR r.expires_at > now())
      AND (sqlc.narg('mute_rule_id')::uuid IS NULL OR r.id = sqlc.narg('mute_rule_id'))
      AND CASE
              WHEN sqlc.narg('scan_id')::uuid IS NULL THEN f.scan_id IN (SELECT pp.scan_id FROM provider_posture pp)
              ELSE f.scan_id = sqlc.narg('scan_id')
          END
    ORDER BY f.id, r.created_at, r.id
    LIMIT sqlc.arg('most')
)
UPDATE findings
SET muted = true, muted_reason = matched.reason, muted_by = matched.created_by, muted_at = now(), mute_rule_id = matched.rule_id
FROM matched
WHERE findings.id = matched.finding_id;
