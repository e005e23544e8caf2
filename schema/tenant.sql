-- The schema of every tenant: its people, the providers it watches, the scans
-- of those providers and what they found. Desired state, plain DDL.
--
-- Names of the tenant's own tables are unqualified, so that the same text
-- makes every tenant's schema; shared tables are spelled public.x.

CREATE TYPE permission AS ENUM ('manage_users', 'manage_providers', 'manage_scans', 'manage_findings', 'view_findings', 'export_reports');
CREATE TYPE invitation_state AS ENUM ('pending', 'accepted', 'expired', 'revoked');
CREATE TYPE provider_kind AS ENUM ('aws', 'azure', 'gcp', 'kubernetes', 'm365', 'github');
CREATE TYPE secret_kind AS ENUM ('static', 'role', 'service_account', 'kubeconfig');
CREATE TYPE scan_trigger AS ENUM ('manual', 'scheduled');
CREATE TYPE scan_state AS ENUM ('available', 'scheduled', 'executing', 'completed', 'failed', 'cancelled');
-- In the order of gravity, so that sorting by severity sorts by gravity.
CREATE TYPE severity AS ENUM ('informational', 'low', 'medium', 'high', 'critical');
CREATE TYPE finding_status AS ENUM ('pass', 'manual', 'fail');
CREATE TYPE finding_delta AS ENUM ('new', 'changed');
CREATE TYPE report_format AS ENUM ('csv', 'ndjson');

CREATE FUNCTION touch_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

-- A scan that has ended stays as it ended, and only one that waits is put off.
CREATE FUNCTION guard_scan_state() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.state IN ('completed', 'failed', 'cancelled') AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'scan % is %, it cannot become %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'scans_state_transition';
    END IF;
    IF OLD.state NOT IN ('available', 'scheduled') AND NEW.scheduled_at IS DISTINCT FROM OLD.scheduled_at THEN
        RAISE EXCEPTION 'scan % is %, it cannot be scheduled', OLD.id, OLD.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'scans_scheduled_waiting';
    END IF;
    RETURN NEW;
END
$$;

-- A role that came with the tenant stays as it came: others rely on its name
-- and its permissions.
CREATE FUNCTION guard_builtin_role() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.builtin THEN
        RAISE EXCEPTION 'role % is built in', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'roles_builtin';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END
$$;

-- What one failing finding of a severity adds to the risk of its provider.
CREATE FUNCTION risk_weight(level severity) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE level
        WHEN 'critical' THEN 10.0
        WHEN 'high' THEN 7.5
        WHEN 'medium' THEN 4.0
        WHEN 'low' THEN 1.5
        ELSE 0.0
    END
$$;

-- A JSON merge patch (RFC 7396): members of the patch replace those of the
-- target, null takes them out, and objects are merged the same way.
CREATE FUNCTION merge_patch(target jsonb, patch jsonb, depth integer) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    SET search_path FROM CURRENT
AS $$
BEGIN
    IF depth > 100 THEN
        RAISE EXCEPTION 'the patch is nested too deeply' USING ERRCODE = 'check_violation', CONSTRAINT = 'merge_patch_depth';
    END IF;
    RETURN coalesce((
        SELECT jsonb_object_agg(
            key,
            CASE
                WHEN p.value IS NULL THEN t.value
                WHEN jsonb_typeof(p.value) = 'object' THEN merge_patch(t.value, p.value, depth + 1)
                ELSE p.value
            END)
        FROM jsonb_each(CASE jsonb_typeof(target) WHEN 'object' THEN target END) AS t (key, value)
        FULL JOIN jsonb_each(patch) AS p (key, value) USING (key)
        WHERE p.value IS DISTINCT FROM 'null'
    ), '{}');
END
$$;

-- People -------------------------------------------------------------------

CREATE TABLE users (
    id            uuid        NOT NULL DEFAULT gen_random_uuid(),
    email         text        NOT NULL,
    display_name  text        NOT NULL,
    active        boolean     NOT NULL DEFAULT true,
    time_zone     text        NOT NULL DEFAULT 'UTC',
    last_login_at timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_check CHECK (email LIKE '_%@_%'),
    CONSTRAINT users_display_name_check CHECK (btrim(display_name) <> '')
);
COMMENT ON TABLE users IS 'The people who may sign in to this tenant.';
COMMENT ON COLUMN users.email IS 'The address, unique without regard to case.';
COMMENT ON COLUMN users.active IS 'Whether the user may sign in; users are deactivated, not deleted.';
COMMENT ON COLUMN users.time_zone IS 'An IANA time zone name, for dates in mail and reports.';

CREATE UNIQUE INDEX users_email_key ON users (lower(email));

CREATE TRIGGER users_updated_at BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE roles (
    id          bigint       GENERATED ALWAYS AS IDENTITY,
    name        text         NOT NULL,
    description text,
    permissions permission[] NOT NULL DEFAULT '{}',
    builtin     boolean      NOT NULL DEFAULT false,
    created_at  timestamptz  NOT NULL DEFAULT now(),
    updated_at  timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT roles_pkey PRIMARY KEY (id),
    CONSTRAINT roles_name_key UNIQUE (name),
    CONSTRAINT roles_name_check CHECK (btrim(name) <> ''),
    CONSTRAINT roles_permissions_check CHECK (array_position(permissions, NULL) IS NULL)
);
COMMENT ON TABLE roles IS 'Named sets of permissions.';
COMMENT ON COLUMN roles.builtin IS 'Whether the role came with the tenant, and can be neither changed nor deleted.';

CREATE TRIGGER roles_updated_at BEFORE UPDATE ON roles
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER roles_guard_builtin BEFORE UPDATE OR DELETE ON roles
    FOR EACH ROW EXECUTE FUNCTION guard_builtin_role();

CREATE TABLE user_roles (
    user_id    uuid        NOT NULL,
    role_id    bigint      NOT NULL,
    granted_by uuid,
    granted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_roles_pkey PRIMARY KEY (user_id, role_id),
    CONSTRAINT user_roles_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT user_roles_role_id_fkey FOREIGN KEY (role_id) REFERENCES roles (id) ON DELETE CASCADE,
    CONSTRAINT user_roles_granted_by_fkey FOREIGN KEY (granted_by) REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE user_roles IS 'Which user holds which role.';

CREATE INDEX user_roles_role_id_idx ON user_roles (role_id);
CREATE INDEX user_roles_granted_by_idx ON user_roles (granted_by) WHERE granted_by IS NOT NULL;

-- The users with what their roles let them do.
CREATE VIEW members AS
SELECT
    u.id,
    u.email,
    u.display_name,
    u.active,
    u.time_zone,
    coalesce((
        SELECT array_agg(r.name ORDER BY r.name)
        FROM user_roles ur
        JOIN roles r ON r.id = ur.role_id
        WHERE ur.user_id = u.id
    ), '{}')::text[] AS roles,
    coalesce((
        SELECT array_agg(DISTINCT granted.permission ORDER BY granted.permission)
        FROM user_roles ur
        JOIN roles r ON r.id = ur.role_id
        CROSS JOIN LATERAL unnest(r.permissions) AS granted (permission)
        WHERE ur.user_id = u.id
    ), '{}')::permission[] AS permissions,
    u.last_login_at,
    u.created_at,
    u.updated_at
FROM users u;
COMMENT ON VIEW members IS 'The users with their roles and what these let them do.';
COMMENT ON COLUMN members.permissions IS 'The union of the permissions of the roles.';

CREATE TABLE api_keys (
    id           bigint       GENERATED ALWAYS AS IDENTITY,
    user_id      uuid         NOT NULL,
    name         text         NOT NULL,
    prefix       text         NOT NULL,
    secret_hash  bytea        NOT NULL,
    permissions  permission[] NOT NULL DEFAULT '{}',
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    created_at   timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_prefix_key UNIQUE (prefix),
    CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT api_keys_secret_hash_check CHECK (octet_length(secret_hash) = 32),
    CONSTRAINT api_keys_expires_at_check CHECK (expires_at > created_at),
    CONSTRAINT api_keys_name_check CHECK (btrim(name) <> ''),
    CONSTRAINT api_keys_permissions_check CHECK (array_position(permissions, NULL) IS NULL)
);
COMMENT ON TABLE api_keys IS 'Long-lived credentials of machines, each on behalf of a user.';
COMMENT ON COLUMN api_keys.prefix IS 'The public part of the key, by which it is looked up.';
COMMENT ON COLUMN api_keys.secret_hash IS 'A keyed hash (HMAC-SHA256) of the secret part; the secret itself is never stored.';
COMMENT ON COLUMN api_keys.permissions IS 'A subset of the permissions of the user.';

CREATE INDEX api_keys_user_id_idx ON api_keys (user_id, id DESC);

CREATE TABLE invitations (
    id          uuid             NOT NULL DEFAULT gen_random_uuid(),
    email       text             NOT NULL,
    role_id     bigint           NOT NULL,
    state       invitation_state NOT NULL DEFAULT 'pending',
    token_hash  bytea            NOT NULL,
    invited_by  uuid,
    valid_for   interval         NOT NULL DEFAULT '7 days',
    accepted_at timestamptz,
    created_at  timestamptz      NOT NULL DEFAULT now(),
    CONSTRAINT invitations_pkey PRIMARY KEY (id),
    CONSTRAINT invitations_token_hash_key UNIQUE (token_hash),
    CONSTRAINT invitations_role_id_fkey FOREIGN KEY (role_id) REFERENCES roles (id) ON DELETE NO ACTION,
    CONSTRAINT invitations_invited_by_fkey FOREIGN KEY (invited_by) REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT invitations_email_check CHECK (email LIKE '_%@_%'),
    CONSTRAINT invitations_valid_for_check CHECK (valid_for BETWEEN '1 minute'::interval AND '90 days'::interval),
    CONSTRAINT invitations_accepted_check CHECK ((state = 'accepted') = (accepted_at IS NOT NULL))
);
COMMENT ON TABLE invitations IS 'Offers to join the tenant with a role.';
COMMENT ON COLUMN invitations.state IS 'A pending invitation whose time has passed is expired, whether or not its row says so yet.';
COMMENT ON COLUMN invitations.token_hash IS 'SHA-256 of the token in the mail. The token is 256 random bits, so that there is nothing to guess.';

CREATE UNIQUE INDEX invitations_pending_key ON invitations (lower(email)) WHERE state = 'pending';
CREATE INDEX invitations_role_id_idx ON invitations (role_id);
CREATE INDEX invitations_created_at_idx ON invitations (created_at DESC, id DESC);

-- The invitations as they stand at this moment.
CREATE VIEW current_invitations AS
SELECT
    i.id,
    i.email,
    i.role_id,
    r.name AS role,
    CASE WHEN i.state = 'pending' AND i.created_at + i.valid_for <= now() THEN 'expired' ELSE i.state END::invitation_state AS state,
    i.created_at,
    (i.created_at + i.valid_for)::timestamptz AS expires_at,
    i.accepted_at
FROM invitations i
JOIN roles r ON r.id = i.role_id;
COMMENT ON VIEW current_invitations IS 'The invitations as they stand at this moment, without what was sent to the invited.';

-- Providers ----------------------------------------------------------------

CREATE TABLE providers (
    id                    uuid          NOT NULL DEFAULT gen_random_uuid(),
    kind                  provider_kind NOT NULL,
    uid                   text          NOT NULL,
    alias                 text,
    enabled               boolean       NOT NULL DEFAULT true,
    connected             boolean,
    connection_checked_at timestamptz,
    connection_error      text,
    regions               text[]        NOT NULL DEFAULT '{}',
    labels                jsonb         NOT NULL DEFAULT '{}',
    scan_every            interval,
    scan_at               time,
    onboarded_on          date          NOT NULL DEFAULT CURRENT_DATE,
    created_at            timestamptz   NOT NULL DEFAULT now(),
    updated_at            timestamptz   NOT NULL DEFAULT now(),
    CONSTRAINT providers_pkey PRIMARY KEY (id),
    CONSTRAINT providers_kind_uid_key UNIQUE (kind, uid),
    CONSTRAINT providers_uid_check CHECK (length(uid) BETWEEN 3 AND 250),
    CONSTRAINT providers_alias_check CHECK (length(alias) BETWEEN 1 AND 100),
    CONSTRAINT providers_labels_check CHECK (jsonb_typeof(labels) = 'object'),
    CONSTRAINT providers_scan_every_check CHECK (scan_every BETWEEN '1 hour'::interval AND '1 year'::interval)
);
COMMENT ON TABLE providers IS 'The cloud accounts, subscriptions, projects, clusters and organisations that are watched.';
COMMENT ON COLUMN providers.uid IS 'The provider''s own identifier: an account number, a subscription, a project, a context.';
COMMENT ON COLUMN providers.connected IS 'The outcome of the last connection test; null when none was made.';
COMMENT ON COLUMN providers.regions IS 'The regions to scan; empty is all.';
COMMENT ON COLUMN providers.scan_every IS 'How often to scan; null is only on demand.';
COMMENT ON COLUMN providers.scan_at IS 'The time of day, in UTC, at which a daily scan starts.';

CREATE INDEX providers_created_at_idx ON providers (created_at, id);
CREATE INDEX providers_due_idx ON providers (scan_every) WHERE enabled AND scan_every IS NOT NULL;

CREATE TRIGGER providers_updated_at BEFORE UPDATE ON providers
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE provider_secrets (
    provider_id uuid        NOT NULL,
    kind        secret_kind NOT NULL,
    name        text,
    sealed      bytea       NOT NULL,
    key_id      text        NOT NULL,
    rotated_at  timestamptz NOT NULL DEFAULT now(),
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT provider_secrets_pkey PRIMARY KEY (provider_id),
    CONSTRAINT provider_secrets_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES providers (id) ON DELETE CASCADE,
    CONSTRAINT provider_secrets_sealed_check CHECK (octet_length(sealed) BETWEEN 1 AND 65536)
);
COMMENT ON TABLE provider_secrets IS 'The credentials of a provider, one set each.';
COMMENT ON COLUMN provider_secrets.sealed IS 'The credentials, encrypted (AES-256-GCM) before they reach the database. They open only as the secret of this provider of this tenant.';
COMMENT ON COLUMN provider_secrets.key_id IS 'The key that sealed them.';
COMMENT ON COLUMN provider_secrets.rotated_at IS 'When they were last put.';

-- Scans --------------------------------------------------------------------

CREATE TABLE scans (
    id                    uuid         NOT NULL DEFAULT gen_random_uuid(),
    provider_id           uuid         NOT NULL,
    name                  text,
    trigger               scan_trigger NOT NULL,
    state                 scan_state   NOT NULL DEFAULT 'available',
    progress              smallint     NOT NULL DEFAULT 0,
    unique_resource_count integer      NOT NULL DEFAULT 0,
    services              text[]       NOT NULL DEFAULT '{}',
    severities            severity[]   NOT NULL DEFAULT '{}',
    options               jsonb        NOT NULL DEFAULT '{}',
    requested_by          text,
    error                 text,
    scheduled_at          timestamptz,
    started_at            timestamptz,
    completed_at          timestamptz,
    duration              interval     GENERATED ALWAYS AS (date_trunc('second', completed_at - started_at)) STORED,
    created_at            timestamptz  NOT NULL DEFAULT now(),
    updated_at            timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT scans_pkey PRIMARY KEY (id),
    CONSTRAINT scans_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES providers (id) ON DELETE CASCADE,
    CONSTRAINT scans_progress_check CHECK (progress BETWEEN 0 AND 100),
    CONSTRAINT scans_unique_resource_count_check CHECK (unique_resource_count >= 0),
    CONSTRAINT scans_options_check CHECK (jsonb_typeof(options) = 'object'),
    CONSTRAINT scans_scheduled_check CHECK (state <> 'scheduled' OR scheduled_at IS NOT NULL),
    CONSTRAINT scans_started_check CHECK (state NOT IN ('executing', 'completed') OR started_at IS NOT NULL),
    CONSTRAINT scans_completed_check CHECK (state <> 'completed' OR (completed_at IS NOT NULL AND progress = 100)),
    CONSTRAINT scans_period_check CHECK (completed_at >= started_at)
);
COMMENT ON TABLE scans IS 'Runs of the checks against one provider.';
COMMENT ON COLUMN scans.progress IS 'Per cent of the checks that have run.';
COMMENT ON COLUMN scans.unique_resource_count IS 'How many different resources the scan saw.';
COMMENT ON COLUMN scans.services IS 'The services to scan; empty is all.';
COMMENT ON COLUMN scans.severities IS 'The severities to report; empty is all.';
COMMENT ON COLUMN scans.requested_by IS 'The subject who asked for the scan; null when the schedule did.';
COMMENT ON COLUMN scans.error IS 'Why the scan failed.';
COMMENT ON COLUMN scans.duration IS 'From start to completion, in whole seconds: the API''s durations (RFC 3339) know no fractions.';

CREATE INDEX scans_created_at_idx ON scans (created_at DESC, id DESC);
CREATE INDEX scans_provider_id_idx ON scans (provider_id, created_at DESC, id DESC);
CREATE INDEX scans_queue_idx ON scans (scheduled_at) WHERE state IN ('available', 'scheduled');
CREATE UNIQUE INDEX scans_executing_key ON scans (provider_id) WHERE state = 'executing';

CREATE TRIGGER scans_updated_at BEFORE UPDATE ON scans
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER scans_guard_state BEFORE UPDATE OF state, scheduled_at ON scans
    FOR EACH ROW EXECUTE FUNCTION guard_scan_state();

CREATE TABLE resources (
    id            uuid        NOT NULL DEFAULT gen_random_uuid(),
    provider_id   uuid        NOT NULL,
    uid           text        NOT NULL,
    name          text        NOT NULL DEFAULT '',
    service       text        NOT NULL,
    region        text        NOT NULL,
    kind          text        NOT NULL,
    tags          jsonb       NOT NULL DEFAULT '{}',
    details       text,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT resources_pkey PRIMARY KEY (id),
    CONSTRAINT resources_provider_id_uid_key UNIQUE (provider_id, uid),
    CONSTRAINT resources_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES providers (id) ON DELETE CASCADE,
    CONSTRAINT resources_uid_check CHECK (uid <> ''),
    CONSTRAINT resources_tags_check CHECK (jsonb_typeof(tags) = 'object'),
    CONSTRAINT resources_seen_check CHECK (last_seen_at >= first_seen_at)
);
COMMENT ON TABLE resources IS 'What the scans saw: buckets, machines, identities, clusters.';
COMMENT ON COLUMN resources.uid IS 'The provider''s own identifier: an ARN, a resource id, a self link.';
COMMENT ON COLUMN resources.tags IS 'The tags at the provider, name to value.';

CREATE INDEX resources_uid_idx ON resources (uid, id);
CREATE INDEX resources_service_region_idx ON resources (service, region, uid);
CREATE INDEX resources_tags_idx ON resources USING gin (tags jsonb_path_ops);
CREATE INDEX resources_last_seen_at_idx ON resources (provider_id, last_seen_at);

CREATE TABLE findings (
    id              uuid           NOT NULL DEFAULT gen_random_uuid(),
    scan_id         uuid           NOT NULL,
    uid             text           NOT NULL,
    check_id        text           NOT NULL,
    service         text           NOT NULL,
    region          text           NOT NULL,
    severity        severity       NOT NULL,
    status          finding_status NOT NULL,
    status_detail   text           NOT NULL DEFAULT '',
    delta           finding_delta,
    risk_score      numeric(6,2)   NOT NULL DEFAULT 0,
    categories      text[]         NOT NULL DEFAULT '{}',
    evidence        jsonb,
    first_seen_at   timestamptz    NOT NULL,
    muted           boolean        NOT NULL DEFAULT false,
    muted_reason    text,
    muted_by        text,
    muted_at        timestamptz,
    mute_rule_id    uuid,
    failing         boolean        NOT NULL GENERATED ALWAYS AS (status = 'fail' AND NOT muted) STORED,
    created_at      timestamptz    NOT NULL DEFAULT now(),
    updated_at      timestamptz    NOT NULL DEFAULT now(),
    CONSTRAINT findings_pkey PRIMARY KEY (id),
    CONSTRAINT findings_scan_id_uid_key UNIQUE (scan_id, uid),
    CONSTRAINT findings_scan_id_fkey FOREIGN KEY (scan_id) REFERENCES scans (id) ON DELETE CASCADE,
    CONSTRAINT findings_uid_check CHECK (uid <> ''),
    CONSTRAINT findings_risk_score_check CHECK (risk_score BETWEEN 0 AND 1000),
    CONSTRAINT findings_muted_check CHECK (NOT muted OR (muted_reason IS NOT NULL AND muted_at IS NOT NULL)),
    CONSTRAINT findings_mute_rule_id_check CHECK (mute_rule_id IS NULL OR muted)
);
COMMENT ON TABLE findings IS 'The outcome of one check on one resource in one scan.';
COMMENT ON COLUMN findings.uid IS 'Names the finding across scans: the same check on the same resource keeps its uid.';
COMMENT ON COLUMN findings.check_id IS 'A row of public.checks, though without a foreign key: a scanner can be ahead of the catalogue.';
COMMENT ON COLUMN findings.status_detail IS 'The outcome in a sentence.';
COMMENT ON COLUMN findings.delta IS 'Against the previous scan of the provider; null when nothing changed.';
COMMENT ON COLUMN findings.risk_score IS 'Severity weighted by the exposure of the resource.';
COMMENT ON COLUMN findings.evidence IS 'What the check saw, as the scanner reports it.';
COMMENT ON COLUMN findings.first_seen_at IS 'When the uid was first reported.';
COMMENT ON COLUMN findings.muted_reason IS 'Why the finding does not count; required when it is muted.';
COMMENT ON COLUMN findings.mute_rule_id IS 'The rule that muted it, null when a person did. Without a foreign key: what a rule has muted stays muted in its scan, also when the rule is gone.';
COMMENT ON COLUMN findings.failing IS 'Whether the finding counts against the provider: it fails and is not muted.';

CREATE INDEX findings_created_at_idx ON findings (created_at DESC, id DESC);
CREATE INDEX findings_risk_score_idx ON findings (risk_score DESC, id DESC);
CREATE INDEX findings_scan_severity_idx ON findings (scan_id, severity DESC, id DESC);
CREATE INDEX findings_failing_idx ON findings (scan_id, check_id) WHERE failing;
CREATE INDEX findings_check_id_idx ON findings (check_id, status);
CREATE INDEX findings_uid_idx ON findings (uid, created_at DESC, id DESC);
CREATE INDEX findings_status_detail_idx ON findings USING gin (to_tsvector('english', status_detail));

CREATE TRIGGER findings_updated_at BEFORE UPDATE ON findings
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE mute_rules (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    name       text        NOT NULL,
    reason     text        NOT NULL,
    check_id   text,
    service    text,
    region     text,
    severity   severity,
    enabled    boolean     NOT NULL DEFAULT true,
    expires_at timestamptz,
    created_by text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT mute_rules_pkey PRIMARY KEY (id),
    CONSTRAINT mute_rules_name_key UNIQUE (name),
    CONSTRAINT mute_rules_name_check CHECK (btrim(name) <> ''),
    CONSTRAINT mute_rules_reason_check CHECK (btrim(reason) <> ''),
    CONSTRAINT mute_rules_match_check CHECK (num_nonnulls(check_id, service, region, severity) > 0)
);
COMMENT ON TABLE mute_rules IS 'Which findings do not count, as they come in and when a rule is applied. Null matches everything.';
COMMENT ON COLUMN mute_rules.reason IS 'What the findings that it mutes give as their reason.';
COMMENT ON COLUMN mute_rules.region IS 'A region, or a pattern in which * stands for any characters.';
COMMENT ON COLUMN mute_rules.expires_at IS 'From when on the rule mutes nothing more.';

CREATE INDEX mute_rules_created_at_idx ON mute_rules (created_at DESC, id DESC);

CREATE TRIGGER mute_rules_updated_at BEFORE UPDATE ON mute_rules
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE finding_resources (
    finding_id  uuid NOT NULL,
    resource_id uuid NOT NULL,
    CONSTRAINT finding_resources_pkey PRIMARY KEY (finding_id, resource_id),
    CONSTRAINT finding_resources_finding_id_fkey FOREIGN KEY (finding_id) REFERENCES findings (id) ON DELETE CASCADE,
    CONSTRAINT finding_resources_resource_id_fkey FOREIGN KEY (resource_id) REFERENCES resources (id) ON DELETE CASCADE
);
COMMENT ON TABLE finding_resources IS 'Which resources a finding is about.';

CREATE INDEX finding_resources_resource_id_idx ON finding_resources (resource_id);

CREATE TABLE scan_summaries (
    id              bigint        GENERATED ALWAYS AS IDENTITY,
    scan_id         uuid          NOT NULL,
    check_id        text          NOT NULL,
    service         text          NOT NULL,
    severity        severity      NOT NULL,
    region          text          NOT NULL,
    pass_count      integer       NOT NULL DEFAULT 0,
    fail_count      integer       NOT NULL DEFAULT 0,
    manual_count    integer       NOT NULL DEFAULT 0,
    muted_count     integer       NOT NULL DEFAULT 0,
    new_count       integer       NOT NULL DEFAULT 0,
    total_count     integer       NOT NULL GENERATED ALWAYS AS (pass_count + fail_count + manual_count + muted_count) STORED,
    risk_score      numeric(12,2),
    created_at      timestamptz   NOT NULL DEFAULT now(),
    CONSTRAINT scan_summaries_pkey PRIMARY KEY (id),
    CONSTRAINT scan_summaries_group_key UNIQUE (scan_id, check_id, service, severity, region),
    CONSTRAINT scan_summaries_scan_id_fkey FOREIGN KEY (scan_id) REFERENCES scans (id) ON DELETE CASCADE,
    CONSTRAINT scan_summaries_counts_check CHECK (least(pass_count, fail_count, manual_count, muted_count, new_count) >= 0)
);
COMMENT ON TABLE scan_summaries IS 'Findings of a finished scan, counted by check, service, severity and region.';
COMMENT ON COLUMN scan_summaries.muted_count IS 'Muted findings, which are in none of the other counts.';
COMMENT ON COLUMN scan_summaries.risk_score IS 'The sum of the failing findings; null when none fails.';

CREATE TABLE reports (
    id           bigint        GENERATED ALWAYS AS IDENTITY,
    scan_id      uuid          NOT NULL,
    title        text          NOT NULL,
    format       report_format NOT NULL,
    severities   severity[]    NOT NULL DEFAULT '{}',
    period_start date,
    period_end   date,
    requested_by text          NOT NULL,
    expires_at   timestamptz   NOT NULL,
    created_at   timestamptz   NOT NULL DEFAULT now(),
    CONSTRAINT reports_pkey PRIMARY KEY (id),
    CONSTRAINT reports_scan_id_fkey FOREIGN KEY (scan_id) REFERENCES scans (id) ON DELETE CASCADE,
    CONSTRAINT reports_period_check CHECK (period_end >= period_start),
    CONSTRAINT reports_severities_check CHECK (array_position(severities, NULL) IS NULL),
    CONSTRAINT reports_expires_check CHECK (expires_at <= created_at + '10 years'::interval)
);
COMMENT ON TABLE reports IS 'Exports of the findings of a scan. What they hold is read from the findings as they are downloaded.';
COMMENT ON COLUMN reports.severities IS 'The severities in the report; empty is all.';
COMMENT ON COLUMN reports.period_start IS 'Only findings that were first seen on this day or later, in UTC.';
COMMENT ON COLUMN reports.period_end IS 'Only findings that were first seen on this day or earlier, in UTC.';

CREATE INDEX reports_scan_id_idx ON reports (scan_id, id DESC);
CREATE INDEX reports_expires_at_idx ON reports (expires_at);

-- Requests ------------------------------------------------------------------

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
COMMENT ON TABLE idempotency_keys IS 'The answers to requests that carry an Idempotency-Key, kept for 24 hours. The runtime alone reads and writes it.';
COMMENT ON COLUMN idempotency_keys.fingerprint IS 'A hash of the request: under the same key it has to be the same.';
COMMENT ON COLUMN idempotency_keys.status IS 'The status of the answer; null while the request is under way, which nobody else sees.';

CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);

-- How each provider stands by its latest completed scan.
CREATE VIEW provider_posture AS
WITH latest AS (
    SELECT DISTINCT ON (sc.provider_id) sc.provider_id, sc.id, sc.completed_at, sc.unique_resource_count
    FROM scans sc
    WHERE sc.state = 'completed'
    ORDER BY sc.provider_id, sc.created_at DESC, sc.id DESC
), counted AS (
    SELECT
        l.provider_id,
        sum(ss.pass_count) AS passing,
        sum(ss.fail_count) AS failing,
        sum(ss.muted_count) AS muted,
        round(100.0 * sum(ss.pass_count) / nullif(sum(ss.pass_count + ss.fail_count), 0), 2)::numeric(5,2) AS score
    FROM latest l
    JOIN scan_summaries ss ON ss.scan_id = l.id
    GROUP BY l.provider_id
)
SELECT
    p.id AS provider_id,
    p.kind,
    p.uid,
    p.alias,
    latest.id AS scan_id,
    latest.completed_at AS scanned_at,
    latest.unique_resource_count,
    coalesce(counted.passing, 0)::bigint AS passing,
    coalesce(counted.failing, 0)::bigint AS failing,
    coalesce(counted.muted, 0)::bigint AS muted,
    counted.score
FROM providers p
LEFT JOIN latest ON latest.provider_id = p.id
LEFT JOIN counted ON counted.provider_id = p.id;
COMMENT ON VIEW provider_posture IS 'How each provider stands by its latest completed scan.';
COMMENT ON COLUMN provider_posture.score IS 'Per cent of the counted findings that pass; null when nothing was counted.';
