CREATE TABLE desks (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  used boolean NOT NULL DEFAULT true
);
