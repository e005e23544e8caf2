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
-- a hash of the text. ALTER TABLE would wait for whoever reads the table, and all
-- others for it, also when there is nothing to add.
DO $learned$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = 'bailiwick.releases'::pg_catalog.regclass AND attname = 'learned') THEN
        ALTER TABLE bailiwick.releases ADD COLUMN learned jsonb NOT NULL DEFAULT '{}';
    END IF;
END
$learned$;

-- The life of each tenant, beside its row in public.tenants. A tenant that was
-- made before this table has no row until it first changes.
CREATE TABLE IF NOT EXISTS bailiwick.tenants (
    tenant_id     uuid        NOT NULL,
    revision      bigint      NOT NULL DEFAULT 1, -- grows with each change: the optimistic lock
    request_key   text, -- the idempotency key that it was made with
    request_hash  text, -- of what was asked for under that key
    reason        text, -- why it is suspended or offboarded
    suspended_by  text, -- who holds the suspension: operator, or who may lift it, such as billing
    left_state    text, -- where an offboarded tenant is restored to, if that is not into service
    left_reason   text, -- why it was suspended
    not_before    timestamptz, -- credentials from before are dead
    offboarded_at timestamptz,
    purge_after   timestamptz,
    purged_at     timestamptz,
    former_slug   text, -- of a purged tenant, whose slug is free again
    skeleton      text, -- of the slug; see tenant.SlugSkeleton. Unset where another one had it before
    CONSTRAINT tenants_pkey PRIMARY KEY (tenant_id),
    CONSTRAINT tenants_request_key_key UNIQUE (request_key),
    CONSTRAINT tenants_skeleton_key UNIQUE (skeleton)
);
-- ALTER TABLE would wait for whoever creates a tenant, also when there is nothing to add.
DO $left$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = 'bailiwick.tenants'::pg_catalog.regclass AND attname = 'suspended_by') THEN
        ALTER TABLE bailiwick.tenants ADD COLUMN IF NOT EXISTS left_state text, ADD COLUMN IF NOT EXISTS left_reason text, ADD COLUMN suspended_by text;
    END IF;
END
$left$;

-- What was done to tenants, by whom. Rows are added and never changed.
CREATE TABLE IF NOT EXISTS bailiwick.audit (
    id        bigint      GENERATED ALWAYS AS IDENTITY,
    at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    actor     text        NOT NULL,
    action    text        NOT NULL,
    tenant_id uuid,
    before    jsonb,
    after     jsonb,
    details   jsonb       NOT NULL DEFAULT '{}',
    run       text, -- the bulk run that it was part of
    CONSTRAINT audit_pkey PRIMARY KEY (id)
);
CREATE INDEX IF NOT EXISTS audit_tenant_id_idx ON bailiwick.audit (tenant_id, id DESC);
CREATE INDEX IF NOT EXISTS audit_run_idx ON bailiwick.audit (run, tenant_id) WHERE run IS NOT NULL;

-- The hooks that there are, by name. Each step is told to all of them, whichever
-- process takes it.
CREATE TABLE IF NOT EXISTS bailiwick.hooks (
    name text NOT NULL,
    CONSTRAINT hooks_pkey PRIMARY KEY (name)
);

-- What is still to be told to hooks, written in the transaction of the step.
CREATE TABLE IF NOT EXISTS bailiwick.outbox (
    id         bigint      GENERATED ALWAYS AS IDENTITY,
    hook       text        NOT NULL,
    tenant_id  uuid        NOT NULL,
    event      jsonb       NOT NULL,
    attempts   integer     NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    error      text, -- of the last attempt
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    done_at    timestamptz,
    CONSTRAINT outbox_pkey PRIMARY KEY (id)
);
CREATE INDEX IF NOT EXISTS outbox_due_idx ON bailiwick.outbox (hook, due_at, id) WHERE done_at IS NULL;
CREATE INDEX IF NOT EXISTS outbox_tenant_id_idx ON bailiwick.outbox (tenant_id, hook, id) WHERE done_at IS NULL;
CREATE INDEX IF NOT EXISTS outbox_done_at_idx ON bailiwick.outbox (done_at) WHERE done_at IS NOT NULL;

-- Custom host names. Several tenants may claim one; the first to prove it has it.
CREATE TABLE IF NOT EXISTS bailiwick.domains (
    id          bigint      GENERATED ALWAYS AS IDENTITY,
    tenant_id   uuid        NOT NULL,
    host        text        NOT NULL, -- canonical: lower case, no port, no trailing dot
    token       text        NOT NULL, -- what DNS or the host has to show
    verified_at timestamptz, -- an unverified host is never routed
    checked_at  timestamptz, -- the last check, whatever came out; not by hand of a verified one that failed
    failures    integer     NOT NULL DEFAULT 0, -- checks that failed in a row
    error       text, -- of the last check
    created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT domains_pkey PRIMARY KEY (id),
    CONSTRAINT domains_claim_key UNIQUE (tenant_id, host)
);
CREATE UNIQUE INDEX IF NOT EXISTS domains_host_key ON bailiwick.domains (host) WHERE verified_at IS NOT NULL;

-- Issuers of tokens that speak for one tenant alone, beside the shared one.
CREATE TABLE IF NOT EXISTS bailiwick.issuers (
    tenant_id  uuid        NOT NULL,
    issuer     text        NOT NULL, -- iss, where discovery begins
    audience   text        NOT NULL, -- aud
    jwks_url   text, -- unset: as discovery says
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT issuers_pkey PRIMARY KEY (issuer, audience)
);
CREATE INDEX IF NOT EXISTS issuers_tenant_id_idx ON bailiwick.issuers (tenant_id);

-- Tenants that somebody wants, until they have shown that the address is theirs.
CREATE TABLE IF NOT EXISTS bailiwick.signups (
    id           uuid        NOT NULL,
    slug         text        NOT NULL,
    name         text        NOT NULL,
    email        text        NOT NULL,
    plan         text,
    token_hash   bytea       NOT NULL,
    expires_at   timestamptz NOT NULL, -- to be confirmed until then
    confirmed_at timestamptz,
    tenant_id    uuid, -- once it is made
    error        text, -- why it can't be made: slug-taken, plan-unavailable or refused
    attempts     integer     NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
    last_error   text, -- of an attempt that is made again
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT signups_pkey PRIMARY KEY (id),
    CONSTRAINT signups_token_hash_key UNIQUE (token_hash)
);
CREATE INDEX IF NOT EXISTS signups_due_idx ON bailiwick.signups (due_at) WHERE confirmed_at IS NOT NULL AND tenant_id IS NULL AND error IS NULL;
CREATE INDEX IF NOT EXISTS signups_expires_at_idx ON bailiwick.signups (expires_at);

-- What others have sent to webhooks, each event once, until it is applied.
CREATE TABLE IF NOT EXISTS bailiwick.inbox (
    source      text        NOT NULL,
    id          text        NOT NULL, -- the sender's
    payload     jsonb       NOT NULL,
    attempts    integer     NOT NULL DEFAULT 0,
    due_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    error       text,
    received_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    done_at     timestamptz,
    CONSTRAINT inbox_pkey PRIMARY KEY (source, id)
);
CREATE INDEX IF NOT EXISTS inbox_due_idx ON bailiwick.inbox (due_at) WHERE done_at IS NULL;
-- By tenant, as package billing reads it.
CREATE INDEX IF NOT EXISTS inbox_tenant_idx ON bailiwick.inbox (pg_catalog.lower(payload #>> '{data,object,metadata,tenant}'));

-- What each subscription has been, told in any order: from the last time that it was
-- paid or tried, and before it ended.
CREATE TABLE IF NOT EXISTS bailiwick.subscription_states (
    id           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    subscription text        NOT NULL, -- the provider's id
    state        text        NOT NULL, -- trialing, active or past_due
    at           timestamptz NOT NULL,
    CONSTRAINT subscription_states_pkey PRIMARY KEY (id)
);
CREATE INDEX IF NOT EXISTS subscription_states_subscription_idx ON bailiwick.subscription_states (subscription, at, id);
