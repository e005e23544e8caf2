CREATE TABLE readings (
  sensor text NOT NULL,
  at timestamptz NOT NULL,
  value double precision NOT NULL,
  PRIMARY KEY (sensor, at)
);
