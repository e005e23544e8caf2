-- Bailiwick's own tables, beside the project's: what was rolled out, to whom,
-- and which releases are running. Tenants' roles see nothing of them.
CREATE SCHEMA IF NOT EXISTS bailiwick;

CREATE TABLE IF NOT EXISTS bailiwick.meta (
    key        text        NOT NULL,
    value      text        NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT meta_pkey PRIMARY KEY (key)
);

-- The desired states that this database has known, with the SQL that makes them.
-- New tenants are made from the current one.
CREATE TABLE IF NOT EXISTS bailiwick.schemas (
    scope       text        NOT NULL,
    version     text        NOT NULL, -- a hash of the SQL text
    fingerprint text        NOT NULL, -- of what it makes
    ddl         text        NOT NULL,
    current     boolean     NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT schemas_pkey PRIMARY KEY (scope, version),
    CONSTRAINT schemas_scope_check CHECK (scope IN ('public', 'tenant'))
);
CREATE UNIQUE INDEX IF NOT EXISTS schemas_current_key ON bailiwick.schemas (scope) WHERE current;

CREATE TABLE IF NOT EXISTS bailiwick.rollouts (
    id           bigint      GENERATED ALWAYS AS IDENTITY,
    kind         text        NOT NULL DEFAULT 'apply', -- or rollback
    state        text        NOT NULL DEFAULT 'running', -- running, paused, failed, done, abandoned
    versions     jsonb       NOT NULL, -- scope to version, of bailiwick.schemas
    plans        jsonb       NOT NULL, -- as certified; resuming needs no new ones
    options      jsonb       NOT NULL,
    holder       text, -- who works on it now, until when
    holder_until timestamptz,
    error        text,
    created_by   text        NOT NULL DEFAULT SESSION_USER,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    finished_at  timestamptz,
    CONSTRAINT rollouts_pkey PRIMARY KEY (id),
    CONSTRAINT rollouts_kind_check CHECK (kind IN ('apply', 'rollback')),
    CONSTRAINT rollouts_state_check CHECK (state IN ('running', 'paused', 'failed', 'done', 'abandoned'))
);
CREATE UNIQUE INDEX IF NOT EXISTS rollouts_unfinished_key ON bailiwick.rollouts ((true)) WHERE state IN ('running', 'paused', 'failed');

CREATE TABLE IF NOT EXISTS bailiwick.rollout_targets (
    rollout_id  bigint      NOT NULL,
    schema      text        NOT NULL, -- public, or the tenant's schema
    slug        text        NOT NULL,
    ring        text        NOT NULL, -- the deployment's group
    wave        integer     NOT NULL,
    from_fp     text        NOT NULL,
    to_fp       text        NOT NULL,
    state       text        NOT NULL DEFAULT 'pending', -- pending, done, failed, skipped
    step        integer     NOT NULL DEFAULT 0, -- steps that are done
    cursor      text, -- the last key that a backfill has done
    attempts    integer     NOT NULL DEFAULT 0,
    sqlstate    text,
    statement   text,
    error       text,
    hint        text,
    started_at  timestamptz,
    finished_at timestamptz,
    CONSTRAINT rollout_targets_pkey PRIMARY KEY (rollout_id, schema),
    CONSTRAINT rollout_targets_rollout_fkey FOREIGN KEY (rollout_id) REFERENCES bailiwick.rollouts (id) ON DELETE CASCADE,
    CONSTRAINT rollout_targets_state_check CHECK (state IN ('pending', 'done', 'failed', 'skipped'))
);

-- A release is what servers of one build have in common: the same statements.
CREATE TABLE IF NOT EXISTS bailiwick.releases (
    id         text        NOT NULL, -- a hash of name, version and statements
    name       text        NOT NULL,
    version    text        NOT NULL,
    statements jsonb       NOT NULL,
    misfits    jsonb       NOT NULL DEFAULT '{}', -- fingerprints that its statements don't fit, and why
    first_seen timestamptz NOT NULL DEFAULT pg_catalog.now(),
    expires_at timestamptz NOT NULL, -- live until then; its servers push it on
    CONSTRAINT releases_pkey PRIMARY KEY (id)
);
-- What its servers have run beyond those statements, by "tenant " or "public " and
-- a hash of the text.
ALTER TABLE bailiwick.releases ADD COLUMN IF NOT EXISTS learned jsonb NOT NULL DEFAULT '{}';
