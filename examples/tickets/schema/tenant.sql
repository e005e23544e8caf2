-- The schema that every help desk has. Desired state, plain DDL. The names are
-- unqualified: each tenant has these tables in a schema of its own.

CREATE TYPE ticket_state AS ENUM ('open', 'pending', 'solved', 'closed');

CREATE TABLE queues (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    name       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT queues_pkey PRIMARY KEY (id),
    CONSTRAINT queues_name_key UNIQUE (name),
    CONSTRAINT queues_name_check CHECK (btrim(name) <> '')
);

CREATE TABLE tickets (
    id          uuid         NOT NULL DEFAULT gen_random_uuid(),
    number      bigint       NOT NULL GENERATED ALWAYS AS IDENTITY,
    queue_id    uuid         NOT NULL,
    subject     text         NOT NULL,
    body        text         NOT NULL,
    priority    text         NOT NULL,
    state       ticket_state NOT NULL DEFAULT 'open',
    requester   text         NOT NULL,
    assignee    text,
    respond_by  timestamptz  NOT NULL,
    created_at  timestamptz  NOT NULL DEFAULT now(),
    updated_at  timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT tickets_pkey PRIMARY KEY (id),
    CONSTRAINT tickets_number_key UNIQUE (number),
    CONSTRAINT tickets_queue_id_fkey FOREIGN KEY (queue_id) REFERENCES queues (id),
    CONSTRAINT tickets_priority_fkey FOREIGN KEY (priority) REFERENCES public.priorities (name),
    CONSTRAINT tickets_subject_check CHECK (btrim(subject) <> '')
);
COMMENT ON COLUMN tickets.respond_by IS 'What the priority promised when the ticket came in.';

-- The expression that server/search.go searches by.
CREATE INDEX tickets_search_idx ON tickets USING gin (to_tsvector('english', subject || ' ' || body));
CREATE INDEX tickets_queue_id_idx ON tickets (queue_id, state);
CREATE INDEX tickets_respond_by_idx ON tickets (respond_by, id);

CREATE TABLE comments (
    id         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    ticket_id  uuid        NOT NULL,
    author     text        NOT NULL,
    body       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT comments_pkey PRIMARY KEY (id),
    CONSTRAINT comments_ticket_id_fkey FOREIGN KEY (ticket_id) REFERENCES tickets (id) ON DELETE CASCADE
);

CREATE INDEX comments_ticket_id_idx ON comments (ticket_id, id);

-- What was answered to requests with an Idempotency-Key, for 24 hours. The
-- generated code alone reads and writes it, and has its columns in mind.
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
