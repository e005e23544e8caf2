CREATE TYPE kind AS ENUM ('x', 'y');
CREATE TABLE user_profiles (
  user_id uuid PRIMARY KEY,
  api_url text NOT NULL,
  kind kind,
  updated_at timestamptz NOT NULL
);
COMMENT ON TABLE user_profiles IS 'What is known of a user.';
