/* name: FetchUser :one */
SELECT "UserID", "EmailAddress", "DisplayName", "CreatedAt", "LoginCount" FROM "UserAccounts" WHERE "UserID" = @UserID;

-- name: UserStats :one
WITH recent AS (
  SELECT "UserID", "LoginCount" FROM "UserAccounts" WHERE "CreatedAt" > @since::TIMESTAMPTZ
), totals AS (
  SELECT COUNT(*) AS user_count, COALESCE(SUM("LoginCount"), 0)::BIGINT AS login_count FROM recent
)
SELECT user_count, login_count FROM totals;

-- name: CategoryTree :many
WITH RECURSIVE tree AS (
  SELECT category_id, parent_id, label, 0 AS depth FROM category WHERE parent_id IS NULL
  UNION ALL
  SELECT c.category_id, c.parent_id, c.label, t.depth + 1 FROM category c JOIN tree t ON t.category_id = c.parent_id
)
SELECT category_id, parent_id, label, depth::INT AS depth FROM tree;

-- name: AddCategory :one
INSERT INTO category (parent_id, label, nick) VALUES (@parent_id, @label, @nick) RETURNING category_id, nick;
