CREATE TYPE severity AS ENUM ('low', 'high', 'very-high');
CREATE TABLE findings (
  id bigint PRIMARY KEY,
  severity severity NOT NULL,
  previous severity,
  seen severity[] NOT NULL,
  status text NOT NULL CHECK (status IN ('new', 'old'))
);
