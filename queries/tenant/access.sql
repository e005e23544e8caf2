-- name: CreateAPIKey :one
INSERT INTO api_keys (user_id, name, prefix, secret_hash, permissions, expires_at)
VALUES (
    sqlc.arg('user_id'), sqlc.arg('name'), sqlc.arg('prefix'), sqlc.arg('secret_hash'),
    sqlc.arg('permissions')::permission[], sqlc.narg('expires_at')
)
RETURNING id, user_id, name, prefix, permissions, expires_at, last_used_at, revoked_at, created_at;

-- FindAPIKey looks a good key up by its public part, with what its user may still
-- do of what the key may. Its secret has not been looked at yet.
-- name: FindAPIKey :one
SELECT
    k.id, k.secret_hash, k.created_at, k.last_used_at, m.email,
    (SELECT coalesce(array_agg(p ORDER BY p), '{}') FROM unnest(k.permissions) AS p WHERE p = ANY (m.permissions))::permission[] AS permissions
FROM api_keys k
JOIN members m ON m.id = k.user_id
WHERE k.prefix = sqlc.arg('prefix')
  AND k.revoked_at IS NULL
  AND (k.expires_at IS NULL OR k.expires_at > now())
  AND m.active;

-- name: NoteAPIKeyUse :exec
UPDATE api_keys SET last_used_at = now() WHERE id = sqlc.arg('api_key_id');

-- name: GetAPIKey :one
SELECT id, user_id, name, prefix, permissions, expires_at, last_used_at, revoked_at, created_at
FROM api_keys
WHERE id = sqlc.arg('api_key_id');

-- ListAPIKeys pages through the keys that were not revoked, latest first.
-- name: ListAPIKeys :many
SELECT k.id, k.user_id, k.name, k.prefix, k.permissions, k.expires_at, k.last_used_at, k.revoked_at, k.created_at
FROM api_keys k
WHERE k.revoked_at IS NULL
  AND (sqlc.narg('user_id')::uuid IS NULL OR k.user_id = sqlc.narg('user_id'))
  AND (sqlc.narg('after_id')::bigint IS NULL OR k.id < sqlc.narg('after_id'))
ORDER BY k.id DESC
LIMIT sqlc.arg('page_limit');

-- name: RevokeAPIKey :execrows
UPDATE api_keys SET revoked_at = now() WHERE id = sqlc.arg('api_key_id') AND revoked_at IS NULL;

-- CreateInvitation invites anew whoever did not come in time.
-- name: CreateInvitation :one
WITH late AS (
    UPDATE invitations i
    SET state = 'expired'
    WHERE lower(i.email) = lower(sqlc.arg('email')) AND i.state = 'pending' AND i.created_at + i.valid_for <= now()
)
INSERT INTO invitations (email, role_id, token_hash, invited_by, valid_for)
VALUES (
    sqlc.arg('email'), sqlc.arg('role_id'), sqlc.arg('token_hash'),
    (SELECT u.id FROM users u WHERE lower(u.email) = lower(sqlc.arg('invited_by'))),
    coalesce(sqlc.narg('valid_for')::interval, '7 days')
)
RETURNING id;

-- name: GetInvitation :one
SELECT * FROM current_invitations WHERE id = sqlc.arg('invitation_id');

-- ListInvitations pages through the invitations, latest first.
-- name: ListInvitations :many
SELECT *
FROM current_invitations i
WHERE (sqlc.narg('state')::invitation_state IS NULL OR i.state = sqlc.narg('state'))
  AND (sqlc.narg('after_created_at')::timestamptz IS NULL
       OR (i.created_at, i.id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid))
ORDER BY i.created_at DESC, i.id DESC
LIMIT sqlc.arg('page_limit');

-- RevokeInvitation takes back an invitation that nobody has accepted.
-- name: RevokeInvitation :execrows
UPDATE invitations SET state = 'revoked' WHERE id = sqlc.arg('invitation_id') AND state = 'pending';

-- AcceptInvitation turns a pending invitation into a user with the role, all
-- in one statement: without a pending invitation nothing happens. Whoever was
-- deactivated comes back with what they are invited to, and with nothing of before.
-- not_before is when the tenant's credentials began that count. Nor does it count
-- when who sent it could not send it any more: they have left, don't manage users, or
-- lack what the role permits by now.
-- name: AcceptInvitation :one
WITH accepted AS (
    UPDATE invitations i
    SET state = 'accepted', accepted_at = now()
    WHERE i.token_hash = sha256(convert_to(sqlc.arg('token')::text, 'UTF8'))
      AND i.state = 'pending'
      AND i.created_at + i.valid_for > now()
      AND (sqlc.narg('not_before')::timestamptz IS NULL OR i.created_at >= sqlc.narg('not_before'))
      AND EXISTS (
          SELECT FROM members sender
          JOIN roles offered ON offered.id = i.role_id
          WHERE sender.id = i.invited_by AND sender.active
            AND 'manage_users' = ANY (sender.permissions) AND offered.permissions <@ sender.permissions
      )
    RETURNING i.email, i.role_id, i.invited_by
), former AS (
    SELECT u.id, a.role_id FROM users u JOIN accepted a ON lower(a.email) = lower(u.email) WHERE NOT u.active
), dropped AS (
    DELETE FROM user_roles ur USING former f WHERE ur.user_id = f.id AND ur.role_id <> f.role_id
), revoked AS (
    UPDATE api_keys k SET revoked_at = now() FROM former f WHERE k.user_id = f.id AND k.revoked_at IS NULL
), member AS (
    INSERT INTO users (email, display_name)
    SELECT a.email, sqlc.arg('display_name')::text FROM accepted a
    ON CONFLICT (lower(email)) DO UPDATE SET active = true
    RETURNING id, email, display_name
), granted AS (
    INSERT INTO user_roles (user_id, role_id, granted_by)
    SELECT m.id, a.role_id, a.invited_by FROM member m, accepted a
    ON CONFLICT DO NOTHING
)
SELECT m.id, m.email, m.display_name, r.name AS role
FROM member m, accepted a
JOIN roles r ON r.id = a.role_id;

-- ExpireInvitations makes way for new ones: those whose time has passed, and those
-- from before the tenant's credentials began that count, go.
-- name: ExpireInvitations :execrows
UPDATE invitations SET state = 'expired'
WHERE state = 'pending'
  AND (created_at + valid_for <= now() OR created_at < sqlc.narg('not_before')::timestamptz);
