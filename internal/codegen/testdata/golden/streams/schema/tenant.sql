CREATE TABLE readings (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sensor text NOT NULL,
  value integer NOT NULL,
  unit text NOT NULL
);
