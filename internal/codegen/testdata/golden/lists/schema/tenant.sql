CREATE TABLE labels (
  id integer PRIMARY KEY,
  name text NOT NULL,
  color text
);
