-- The shared schema: who the tenants are, and the reference data that every
-- tenant may read. Desired state, plain DDL, with qualified names.

CREATE TYPE public.tenant_state AS ENUM ('provisioning', 'active', 'suspended', 'offboarding', 'purged');

-- The registry. These columns are what Bailiwick itself needs; add your own with
-- a default. A column plan can be given when a tenant is made.
CREATE TABLE public.tenants (
    id                 uuid                NOT NULL,
    slug               text                NOT NULL, -- the tenant's label in its host name; may change
    name               text                NOT NULL, -- for people
    state              public.tenant_state NOT NULL DEFAULT 'provisioning', -- only an active tenant is served
    schema_fingerprint text                NOT NULL, -- of what its schema was last brought to
    node               text                NOT NULL DEFAULT 'default', -- the database that holds it
    ring               text                NOT NULL DEFAULT 'default', -- its group in atlas.hcl: when it gets a change
    created_at         timestamptz         NOT NULL DEFAULT now(),
    CONSTRAINT tenants_pkey PRIMARY KEY (id),
    CONSTRAINT tenants_slug_key UNIQUE (slug)
);

CREATE TABLE public.priorities (
    name           text     NOT NULL,
    rank           smallint NOT NULL,
    respond_within interval NOT NULL,
    CONSTRAINT priorities_pkey PRIMARY KEY (name),
    CONSTRAINT priorities_rank_key UNIQUE (rank),
    CONSTRAINT priorities_respond_within_check CHECK (respond_within BETWEEN interval '1 minute' AND interval '1 year')
);
COMMENT ON TABLE public.priorities IS 'How urgent a ticket can be, and what is promised for it.';
COMMENT ON COLUMN public.priorities.rank IS 'The most urgent is 1.';

-- A tenant's queries may read what is granted to PUBLIC, and nothing else here.
GRANT SELECT ON public.priorities TO PUBLIC;
