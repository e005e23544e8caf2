CREATE TABLE orders (
  id bigint PRIMARY KEY,
  country text NOT NULL
);
