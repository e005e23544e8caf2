CREATE TYPE public.tenant_state AS ENUM ('provisioning', 'active', 'suspended', 'offboarding', 'purged');
CREATE TABLE public.tenants (
    id                 uuid                NOT NULL CONSTRAINT tenants_pkey PRIMARY KEY,
    slug               text                NOT NULL CONSTRAINT tenants_slug_key UNIQUE,
    name               text                NOT NULL,
    state              public.tenant_state NOT NULL DEFAULT 'provisioning',
    schema_fingerprint text                NOT NULL,
    node               text                NOT NULL DEFAULT 'default'
);
