CREATE TABLE notes (
  id bigint PRIMARY KEY,
  body text NOT NULL,
  hint text,
  seen integer NOT NULL DEFAULT 0
);
