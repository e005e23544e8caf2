CREATE TABLE pages (
  id bigint PRIMARY KEY,
  url text NOT NULL,
  host text NOT NULL
);
