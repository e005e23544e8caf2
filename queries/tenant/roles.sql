-- name: ListRoles :many
SELECT
    r.id, r.name, r.description, r.permissions, r.builtin,
    (SELECT count(*) FROM user_roles ur WHERE ur.role_id = r.id) AS members,
    r.created_at, r.updated_at
FROM roles r
ORDER BY r.name;

-- name: GetRole :one
SELECT
    r.id, r.name, r.description, r.permissions, r.builtin,
    (SELECT count(*) FROM user_roles ur WHERE ur.role_id = r.id) AS members,
    r.created_at, r.updated_at
FROM roles r
WHERE r.id = sqlc.arg('role_id');

-- name: CreateRole :one
INSERT INTO roles (name, description, permissions)
VALUES (sqlc.arg('name'), sqlc.narg('description'), sqlc.arg('permissions')::permission[])
RETURNING id, name, description, permissions, builtin, 0::bigint AS members, created_at, updated_at;

-- UpdateRole changes what is given. The database refuses it for a role that is
-- built in.
-- name: UpdateRole :one
UPDATE roles r
SET name        = CASE WHEN sqlc.arg('set_name')::boolean THEN coalesce(sqlc.narg('name')::text, '') ELSE r.name END,
    description = CASE WHEN sqlc.arg('set_description')::boolean THEN sqlc.narg('description') ELSE r.description END,
    permissions = CASE WHEN sqlc.arg('set_permissions')::boolean THEN coalesce(sqlc.narg('permissions')::permission[], '{}') ELSE r.permissions END
WHERE r.id = sqlc.arg('role_id')
RETURNING r.id, r.name, r.description, r.permissions, r.builtin,
    (SELECT count(*) FROM user_roles ur WHERE ur.role_id = r.id) AS members, r.created_at, r.updated_at;

-- DeleteRole takes the role from its users, and forgets the invitations to it
-- that have ended. The database refuses it for a role that is built in, and for
-- one that somebody is invited to.
-- name: DeleteRole :execrows
WITH ended AS (
    DELETE FROM invitations i WHERE i.role_id = sqlc.arg('role_id') AND i.state <> 'pending'
)
DELETE FROM roles r WHERE r.id = sqlc.arg('role_id');

-- ListUserRoles returns the roles of a user. For an unknown user there are none.
-- name: ListUserRoles :many
SELECT r.id, r.name, r.description, r.permissions, r.builtin, ur.granted_at, granter.email AS granted_by
FROM user_roles ur
JOIN roles r ON r.id = ur.role_id
LEFT JOIN users granter ON granter.id = ur.granted_by
WHERE ur.user_id = sqlc.arg('user_id')
ORDER BY r.name;

-- GrantRole changes no row when there is no such user or role. Granted again
-- the role stays as it was granted first.
-- name: GrantRole :execrows
INSERT INTO user_roles AS held (user_id, role_id, granted_by)
SELECT u.id, r.id, (SELECT g.id FROM users g WHERE lower(g.email) = lower(sqlc.arg('granted_by')))
FROM users u
CROSS JOIN roles r
WHERE u.id = sqlc.arg('user_id') AND r.id = sqlc.arg('role_id')
ON CONFLICT (user_id, role_id) DO UPDATE SET granted_at = held.granted_at;

-- GrantRoles grants many roles in one round trip.
-- name: GrantRoles :batchexec
INSERT INTO user_roles (user_id, role_id)
SELECT u.id, r.id
FROM users u, roles r
WHERE lower(u.email) = lower(sqlc.arg('email')) AND r.name = sqlc.arg('role_name')
ON CONFLICT DO NOTHING;

-- name: RevokeRole :execrows
DELETE FROM user_roles WHERE user_id = sqlc.arg('user_id') AND role_id = sqlc.arg('role_id');

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
