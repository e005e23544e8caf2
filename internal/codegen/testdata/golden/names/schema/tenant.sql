CREATE TABLE people (
  id uuid PRIMARY KEY,
  address1 text NOT NULL,
  address_1 text NOT NULL,
  weight double precision NOT NULL
);
