-- name: GetUser :one
SELECT * FROM users WHERE id = $1;

-- name: GetUserByEmail :one
SELECT * FROM users WHERE lower(email) = lower(sqlc.arg('email'));

-- ListUsers pages through the users in the order of their addresses, with the
-- names of their roles.
-- name: ListUsers :many
SELECT
    u.id, u.email, u.display_name, u.active, u.last_login_at,
    coalesce(array_agg(r.name ORDER BY r.name) FILTER (WHERE r.id IS NOT NULL), '{}')::text[] AS roles
FROM users u
LEFT JOIN user_roles ur ON ur.user_id = u.id
LEFT JOIN roles r ON r.id = ur.role_id
WHERE (sqlc.narg('active')::boolean IS NULL OR u.active = sqlc.narg('active'))
  AND (sqlc.narg('after_email')::text IS NULL OR lower(u.email) > lower(sqlc.narg('after_email')))
GROUP BY u.id
ORDER BY lower(u.email)
LIMIT sqlc.arg('page_limit');

-- UpsertUser signs a user in for the first time, or takes over a new name.
-- name: UpsertUser :one
INSERT INTO users (email, display_name)
VALUES (sqlc.arg('email'), sqlc.arg('display_name'))
ON CONFLICT (lower(email)) DO UPDATE SET display_name = excluded.display_name, active = true
RETURNING *, (xmax = 0)::boolean AS created;

-- name: TouchUserLogin :exec
UPDATE users SET last_login_at = now() WHERE id = $1;

-- DeactivateUser keeps the user, for the sake of what refers to them.
-- name: DeactivateUser :execrows
UPDATE users SET active = false WHERE id = $1 AND active;

-- name: ListRoles :many
SELECT r.id, r.name, r.description, r.permissions, r.builtin, count(ur.user_id) AS members
FROM roles r
LEFT JOIN user_roles ur ON ur.role_id = r.id
GROUP BY r.id
ORDER BY r.name;

-- name: GrantRole :exec
INSERT INTO user_roles (user_id, role_id, granted_by)
VALUES (sqlc.arg('user_id'), sqlc.arg('role_id'), sqlc.narg('granted_by'))
ON CONFLICT DO NOTHING;

-- GrantRoles grants many roles in one round trip.
-- name: GrantRoles :batchexec
INSERT INTO user_roles (user_id, role_id)
SELECT u.id, r.id
FROM users u, roles r
WHERE lower(u.email) = lower(sqlc.arg('email')) AND r.name = sqlc.arg('role_name')
ON CONFLICT DO NOTHING;

-- name: RevokeRole :execrows
DELETE FROM user_roles WHERE user_id = $1 AND role_id = $2;

-- UserHasPermission asks whether any role of an active user grants something.
-- name: UserHasPermission :one
SELECT EXISTS (
    SELECT 1
    FROM users u
    JOIN user_roles ur ON ur.user_id = u.id
    JOIN roles r ON r.id = ur.role_id
    WHERE u.id = sqlc.arg('user_id') AND u.active AND sqlc.arg('permission')::permission = ANY (r.permissions)
);

-- ListUserPermissions returns the union of what a user's roles grant.
-- name: ListUserPermissions :many
SELECT DISTINCT granted.permission::permission AS permission
FROM user_roles ur
JOIN roles r ON r.id = ur.role_id
CROSS JOIN LATERAL unnest(r.permissions) AS granted (permission)
WHERE ur.user_id = $1
ORDER BY 1;
