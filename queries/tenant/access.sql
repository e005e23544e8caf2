-- name: CreateAPIKey :one
INSERT INTO api_keys (user_id, name, prefix, secret_hash, permissions, expires_at)
VALUES (
    sqlc.arg('user_id'), sqlc.arg('name'), sqlc.arg('prefix'), sqlc.arg('secret_hash'),
    sqlc.arg('permissions')::permission[], sqlc.narg('expires_at')
)
RETURNING id, user_id, name, prefix, permissions, expires_at, created_at;

-- UseAPIKey looks a live key up by its public part and notes its use.
-- name: UseAPIKey :one
UPDATE api_keys k
SET last_used_at = now()
FROM users u
WHERE u.id = k.user_id AND u.active
  AND k.prefix = sqlc.arg('prefix')
  AND k.revoked_at IS NULL
  AND (k.expires_at IS NULL OR k.expires_at > now())
RETURNING k.id, k.secret_hash, k.permissions, u.id AS user_id, u.email;

-- name: ListAPIKeys :many
SELECT id, name, prefix, permissions, expires_at, last_used_at, created_at
FROM api_keys
WHERE user_id = $1 AND revoked_at IS NULL
ORDER BY created_at DESC, id DESC;

-- name: RevokeAPIKey :execrows
UPDATE api_keys SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL;

-- name: CreateInvitation :one
INSERT INTO invitations (email, role_id, token_hash, invited_by, valid_for)
VALUES (
    sqlc.arg('email'), sqlc.arg('role_id'), sqlc.arg('token_hash'), sqlc.narg('invited_by'),
    coalesce(sqlc.narg('valid_for')::interval, '7 days')
)
RETURNING id, email, role_id, state, valid_for, created_at;

-- AcceptInvitation turns a pending invitation into a user with the role, all
-- in one statement: without a pending invitation nothing happens.
-- name: AcceptInvitation :one
WITH accepted AS (
    UPDATE invitations i
    SET state = 'accepted', accepted_at = now()
    WHERE i.token_hash = sqlc.arg('token_hash')
      AND i.state = 'pending'
      AND i.created_at + i.valid_for > now()
    RETURNING i.email, i.role_id, i.invited_by
), member AS (
    INSERT INTO users (email, display_name)
    SELECT a.email, sqlc.arg('display_name')::text FROM accepted a
    ON CONFLICT (lower(email)) DO UPDATE SET active = true
    RETURNING id, email
), granted AS (
    INSERT INTO user_roles (user_id, role_id, granted_by)
    SELECT m.id, a.role_id, a.invited_by FROM member m, accepted a
    ON CONFLICT DO NOTHING
)
SELECT m.id, m.email FROM member m;

-- name: ExpireInvitations :execrows
UPDATE invitations SET state = 'expired'
WHERE state = 'pending' AND created_at + valid_for <= now();
