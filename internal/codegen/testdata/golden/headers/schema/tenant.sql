CREATE TABLE things (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  at timestamptz NOT NULL DEFAULT '2026-01-01'
);
