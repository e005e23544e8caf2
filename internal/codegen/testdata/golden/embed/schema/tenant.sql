CREATE TABLE authors (
  id bigint PRIMARY KEY,
  name text NOT NULL
);
CREATE TABLE books (
  id bigint PRIMARY KEY,
  author_id bigint NOT NULL REFERENCES authors,
  editor_id bigint REFERENCES authors,
  title text NOT NULL
);
