CREATE TABLE messages (
  id uuid PRIMARY KEY,
  author text NOT NULL,
  author_id uuid NOT NULL,
  room text NOT NULL,
  body text NOT NULL,
  extra jsonb NOT NULL,
  source text
);
