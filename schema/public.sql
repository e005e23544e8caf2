-- The shared schema: who the tenants are, what they pay for, and the
-- reference data that every tenant may read. Desired state, plain DDL.
--
-- Names are qualified. A tenant's role sees nothing of this schema except the
-- tables that are granted to PUBLIC at the end of this file.

CREATE TYPE public.tenant_state AS ENUM ('provisioning', 'active', 'suspended', 'offboarding', 'purged');
CREATE TYPE public.subscription_state AS ENUM ('trialing', 'active', 'past_due', 'canceled');
CREATE TYPE public.check_severity AS ENUM ('informational', 'low', 'medium', 'high', 'critical');

CREATE FUNCTION public.stamp_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE TABLE public.plans (
    name              text          NOT NULL,
    title             text          NOT NULL,
    description       text,
    monthly_price     numeric(10,2) NOT NULL,
    currency          text          NOT NULL DEFAULT 'EUR',
    max_providers     integer,
    max_users         integer,
    finding_retention interval      NOT NULL,
    features          text[]        NOT NULL DEFAULT '{}',
    listed            boolean       NOT NULL DEFAULT true,
    position          smallint      NOT NULL DEFAULT 0,
    created_at        timestamptz   NOT NULL DEFAULT now(),
    CONSTRAINT plans_pkey PRIMARY KEY (name),
    CONSTRAINT plans_name_check CHECK (name ~ '^[a-z][a-z0-9-]{0,30}$'),
    CONSTRAINT plans_price_check CHECK (monthly_price >= 0),
    CONSTRAINT plans_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT plans_max_providers_check CHECK (max_providers > 0),
    CONSTRAINT plans_max_users_check CHECK (max_users > 0)
);
COMMENT ON TABLE public.plans IS 'What a tenant can subscribe to, with its limits.';
COMMENT ON COLUMN public.plans.max_providers IS 'How many providers a tenant may connect; null is without limit.';
COMMENT ON COLUMN public.plans.max_users IS 'How many users a tenant may have; null is without limit.';
COMMENT ON COLUMN public.plans.finding_retention IS 'How long findings of old scans are kept.';
COMMENT ON COLUMN public.plans.listed IS 'Whether the plan is offered to new tenants.';

CREATE TABLE public.tenants (
    id                 uuid                NOT NULL DEFAULT gen_random_uuid(),
    slug               text                NOT NULL,
    name               text                NOT NULL,
    state              public.tenant_state NOT NULL DEFAULT 'provisioning',
    schema_fingerprint text                NOT NULL,
    node               text                NOT NULL DEFAULT 'default',
    ring               text                NOT NULL DEFAULT 'default',
    plan               text                NOT NULL,
    created_at         timestamptz         NOT NULL DEFAULT now(),
    updated_at         timestamptz         NOT NULL DEFAULT now(),
    CONSTRAINT tenants_pkey PRIMARY KEY (id),
    CONSTRAINT tenants_slug_key UNIQUE (slug),
    CONSTRAINT tenants_plan_fkey FOREIGN KEY (plan) REFERENCES public.plans (name) ON UPDATE CASCADE ON DELETE RESTRICT,
    CONSTRAINT tenants_slug_check CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    CONSTRAINT tenants_name_check CHECK (btrim(name) <> '')
);
COMMENT ON TABLE public.tenants IS 'The registry of tenants. A tenant''s schema and role are named from its id, never from its slug.';
COMMENT ON COLUMN public.tenants.slug IS 'The tenant''s label in its host name; may change.';
COMMENT ON COLUMN public.tenants.state IS 'Only an active tenant is routed.';
COMMENT ON COLUMN public.tenants.schema_fingerprint IS 'The fingerprint of the desired schema that the tenant''s schema was last brought to.';
COMMENT ON COLUMN public.tenants.node IS 'The database node that holds the tenant''s schema.';
COMMENT ON COLUMN public.tenants.ring IS 'The rollout ring in which the tenant receives schema changes.';

CREATE INDEX tenants_state_ring_idx ON public.tenants (state, ring);
CREATE INDEX tenants_plan_idx ON public.tenants (plan);

CREATE TRIGGER tenants_updated_at BEFORE UPDATE ON public.tenants
    FOR EACH ROW EXECUTE FUNCTION public.stamp_updated_at();

CREATE TABLE public.subscriptions (
    id                   uuid                      NOT NULL DEFAULT gen_random_uuid(),
    tenant_id            uuid                      NOT NULL,
    plan                 text                      NOT NULL,
    state                public.subscription_state NOT NULL DEFAULT 'trialing',
    seats                integer                   NOT NULL DEFAULT 1,
    discount             numeric(5,2)              NOT NULL DEFAULT 0,
    trial_ends_on        date,
    current_period_start timestamptz               NOT NULL,
    current_period_end   timestamptz               NOT NULL,
    canceled_at          timestamptz,
    external_id          text,
    event_at             timestamptz,
    state_since          timestamptz               NOT NULL DEFAULT now(),
    created_at           timestamptz               NOT NULL DEFAULT now(),
    updated_at           timestamptz               NOT NULL DEFAULT now(),
    CONSTRAINT subscriptions_pkey PRIMARY KEY (id),
    CONSTRAINT subscriptions_external_id_key UNIQUE (external_id),
    CONSTRAINT subscriptions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants (id) ON DELETE CASCADE,
    CONSTRAINT subscriptions_plan_fkey FOREIGN KEY (plan) REFERENCES public.plans (name) ON UPDATE CASCADE ON DELETE RESTRICT,
    CONSTRAINT subscriptions_seats_check CHECK (seats > 0),
    CONSTRAINT subscriptions_discount_check CHECK (discount BETWEEN 0 AND 100),
    CONSTRAINT subscriptions_period_check CHECK (current_period_end > current_period_start),
    CONSTRAINT subscriptions_canceled_check CHECK ((state = 'canceled') = (canceled_at IS NOT NULL))
);
COMMENT ON TABLE public.subscriptions IS 'What a tenant pays for, one row for each period of billing terms.';
COMMENT ON COLUMN public.subscriptions.discount IS 'Per cent off the plan''s monthly price.';
COMMENT ON COLUMN public.subscriptions.external_id IS 'The subscription''s id at the payment provider; null until it has told of it.';
COMMENT ON COLUMN public.subscriptions.event_at IS 'When what the provider told last had happened. What it tells of before is old.';
COMMENT ON COLUMN public.subscriptions.state_since IS 'Since when it is in its state: a payment that is due gives a tenant some time.';

CREATE UNIQUE INDEX subscriptions_live_key ON public.subscriptions (tenant_id) WHERE state <> 'canceled';
CREATE INDEX subscriptions_plan_idx ON public.subscriptions (plan);
CREATE INDEX subscriptions_period_end_idx ON public.subscriptions (current_period_end) WHERE state <> 'canceled';

CREATE TRIGGER subscriptions_updated_at BEFORE UPDATE ON public.subscriptions
    FOR EACH ROW EXECUTE FUNCTION public.stamp_updated_at();

CREATE TABLE public.checks (
    id              text                  NOT NULL,
    provider        text                  NOT NULL,
    service         text                  NOT NULL,
    title           text                  NOT NULL,
    description     text                  NOT NULL DEFAULT '',
    severity        public.check_severity NOT NULL,
    remediation     text,
    remediation_url text,
    categories      text[]                NOT NULL DEFAULT '{}',
    frameworks      jsonb                 NOT NULL DEFAULT '{}',
    released_on     date                  NOT NULL,
    retired_on      date,
    CONSTRAINT checks_pkey PRIMARY KEY (id),
    CONSTRAINT checks_id_check CHECK (id ~ '^[a-z0-9]+(_[a-z0-9]+)*$'),
    CONSTRAINT checks_frameworks_check CHECK (jsonb_typeof(frameworks) = 'object'),
    CONSTRAINT checks_retired_check CHECK (retired_on >= released_on)
);
COMMENT ON TABLE public.checks IS 'The catalogue of checks that a scan can run. Every tenant may read it.';
COMMENT ON COLUMN public.checks.provider IS 'The kind of provider that the check is for, as in a tenant''s provider_kind.';
COMMENT ON COLUMN public.checks.frameworks IS 'The requirements that the check supports, by compliance framework.';
COMMENT ON COLUMN public.checks.retired_on IS 'Since when the check is no longer run; findings of it stay.';

CREATE INDEX checks_provider_service_idx ON public.checks (provider, service, id);

-- The reference tables: what tenants may read, and all they may read here.
GRANT SELECT ON public.checks TO PUBLIC;
