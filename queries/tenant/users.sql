-- name: GetUser :one
SELECT * FROM members WHERE id = sqlc.arg('user_id');

-- GetMe returns the user that the caller's token speaks for.
-- name: GetMe :one
SELECT * FROM members WHERE lower(email) = lower(sqlc.arg('email'));

-- FindMember tells whether somebody belongs to the tenant, and what their roles let
-- them do. It is asked at each request.
-- name: FindMember :one
SELECT email, permissions FROM members WHERE lower(email) = lower(sqlc.arg('email')) AND active;

-- name: GetUserByEmail :one
SELECT * FROM users WHERE lower(email) = lower(sqlc.arg('email'));

-- ListUsers pages through the users in the order of their addresses, with
-- their roles.
-- name: ListUsers :many
SELECT *
FROM members m
WHERE (sqlc.narg('active')::boolean IS NULL OR m.active = sqlc.narg('active'))
  AND (sqlc.narg('after_email')::text IS NULL OR lower(m.email) > lower(sqlc.narg('after_email')))
ORDER BY lower(m.email)
LIMIT sqlc.arg('page_limit');

-- name: CountUsers :one
SELECT count(*)
FROM users u
WHERE (sqlc.narg('active')::boolean IS NULL OR u.active = sqlc.narg('active'));

-- CountSeats counts who takes a seat of the plan: active users, and those who are
-- invited and may still come.
-- name: CountSeats :one
SELECT (
    (SELECT count(*) FROM users u WHERE u.active)
    + (SELECT count(*) FROM invitations i WHERE i.state = 'pending' AND i.created_at + i.valid_for > now())
)::bigint AS seats;

-- UpsertUser signs a user in for the first time, or takes over a new name. Who was
-- deactivated stays so.
-- name: UpsertUser :one
INSERT INTO users (email, display_name)
VALUES (sqlc.arg('email'), sqlc.arg('display_name'))
ON CONFLICT (lower(email)) DO UPDATE SET display_name = excluded.display_name
RETURNING *, (xmax = 0)::boolean AS created;

-- UpdateUser changes what is given and leaves the rest. Who is deactivated by it
-- loses what DeactivateUser takes.
-- name: UpdateUser :one
WITH changed AS (
    UPDATE users u
    SET display_name = CASE WHEN sqlc.arg('set_display_name')::boolean THEN coalesce(sqlc.narg('display_name')::text, '') ELSE u.display_name END,
        active       = CASE WHEN sqlc.arg('set_active')::boolean THEN coalesce(sqlc.narg('active')::boolean, true) ELSE u.active END,
        time_zone    = CASE WHEN sqlc.arg('set_time_zone')::boolean THEN coalesce(sqlc.narg('time_zone')::text, 'UTC') ELSE u.time_zone END
    WHERE u.id = sqlc.arg('user_id')
    RETURNING u.*
), removed AS (
    SELECT c.id, c.email FROM changed c WHERE sqlc.arg('set_active')::boolean AND NOT c.active
), dropped AS (
    DELETE FROM user_roles ur USING removed r WHERE ur.user_id = r.id
), revoked AS (
    UPDATE api_keys k SET revoked_at = now() FROM removed r WHERE k.user_id = r.id AND k.revoked_at IS NULL
), uninvited AS (
    UPDATE invitations i SET state = 'revoked' FROM removed r WHERE lower(i.email) = lower(r.email) AND i.state = 'pending'
)
SELECT
    c.id, c.email, c.display_name, c.active, c.time_zone,
    (CASE WHEN EXISTS (SELECT FROM removed) THEN '{}' ELSE m.roles END)::text[] AS roles,
    (CASE WHEN EXISTS (SELECT FROM removed) THEN '{}' ELSE m.permissions END)::permission[] AS permissions,
    c.last_login_at, c.created_at, c.updated_at
FROM changed c
JOIN members m ON m.id = c.id;

-- name: TouchUserLogin :exec
UPDATE users SET last_login_at = now() WHERE id = $1;

-- DeactivateUser keeps the user, for the sake of what refers to them, and takes
-- what could bring them back as they were: their roles, their keys, and the
-- invitations to their address.
-- name: DeactivateUser :execrows
WITH dropped AS (
    DELETE FROM user_roles ur WHERE ur.user_id = sqlc.arg('user_id')
), revoked AS (
    UPDATE api_keys k SET revoked_at = now() WHERE k.user_id = sqlc.arg('user_id') AND k.revoked_at IS NULL
), uninvited AS (
    UPDATE invitations i SET state = 'revoked'
    FROM users u
    WHERE u.id = sqlc.arg('user_id') AND lower(i.email) = lower(u.email) AND i.state = 'pending'
)
UPDATE users u SET active = false WHERE u.id = sqlc.arg('user_id') AND u.active;
