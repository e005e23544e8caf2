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

CREATE TABLE public.currencies (
    code   text     NOT NULL,
    name   text     NOT NULL,
    digits smallint NOT NULL,
    CONSTRAINT currencies_pkey PRIMARY KEY (code),
    CONSTRAINT currencies_code_check CHECK (code ~ '^[A-Z]{3}$'),
    CONSTRAINT currencies_digits_check CHECK (digits BETWEEN 0 AND 4)
);
COMMENT ON TABLE public.currencies IS 'What can be charged in, ISO 4217.';
COMMENT ON COLUMN public.currencies.digits IS 'How many digits a price has after the point.';

-- A tenant's queries may read what is granted to PUBLIC, and nothing else here.
GRANT SELECT ON public.currencies TO PUBLIC;
