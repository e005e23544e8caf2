-- GetProfile gives one profile.
--
-- It has two paragraphs of comment.
-- name: GetProfile :one
SELECT * FROM user_profiles WHERE user_id = $1;

-- name: FindProfiles :many
SELECT user_id, api_url FROM user_profiles WHERE api_url = $1 AND kind = $2 AND updated_at > $3;

-- name: PutProfile :one
INSERT INTO user_profiles (user_id, api_url, kind, updated_at)
VALUES (sqlc.arg('user_id'), sqlc.arg('api_url'), sqlc.narg('kind'), sqlc.arg('updated_at'))
ON CONFLICT (user_id) DO UPDATE SET api_url = excluded.api_url, kind = excluded.kind, updated_at = excluded.updated_at
RETURNING *;
