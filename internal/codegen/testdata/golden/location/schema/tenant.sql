CREATE TABLE words (
  word text PRIMARY KEY,
  meaning text NOT NULL
);

CREATE TABLE shelves (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL
);

CREATE TABLE books (
  shelf_id uuid NOT NULL REFERENCES shelves,
  number integer NOT NULL,
  title text NOT NULL,
  PRIMARY KEY (shelf_id, number)
);

CREATE TABLE loans (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shelf_id uuid NOT NULL REFERENCES shelves,
  reader text NOT NULL
);

CREATE TABLE idempotency_keys (
    subject     text        NOT NULL,
    operation   text        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    status      integer,
    headers     jsonb,
    body        bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (subject, operation, key)
);
CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);
