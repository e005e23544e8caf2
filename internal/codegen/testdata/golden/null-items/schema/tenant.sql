CREATE TABLE tasks (
  id integer PRIMARY KEY,
  tags text[] NOT NULL,
  grades text[] NOT NULL
);
