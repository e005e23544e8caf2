CREATE TABLE events (
  id uuid PRIMARY KEY,
  at timestamptz NOT NULL,
  severity smallint NOT NULL,
  title text NOT NULL
);
