package history_test

import "strings"

// The files of the project that versions edit.
const (
	publicFile    = "schema/public.sql"
	tenantFile    = "schema/tenant.sql"
	rolesQueries  = "queries/tenant/roles.sql"
	usersQueries  = "queries/tenant/users.sql"
	accessQueries = "queries/tenant/access.sql"
	document      = "openapi.yaml"
)

// edit replaces a part of a file, everywhere; without old it adds to the end.
type edit struct{ file, old, text string }

// back is what the tool says of the way back of a version.
type back int

const (
	free  back = iota // nothing is lost
	loses             // data is lost, and that must be accepted
	none              // there is none
)

// version is a step of the history.
type version struct {
	name  string
	edits []edit
	// plan is what a person makes of the tenants' saved plan; nil means that the
	// plan that was worked out is good as it is.
	plan func(saved string) string
	back back
}

// before puts text in front of a mark, or at the end when there is none.
func before(text, mark, insert string) string {
	head, rest, found := strings.Cut(text, mark)
	if !found {
		return text + "\n" + insert
	}
	return head + insert + mark + rest
}

const reverseMark = "-- bailiwick:reverse"

// withReverse replaces the way back.
func withReverse(saved, reverse string) string {
	head, _, _ := strings.Cut(saved, reverseMark)
	return head + reverseMark + "\n" + reverse
}

var add = version{
	name: "a table, a column, and one of the shared schema",
	back: loses,
	edits: []edit{
		{publicFile, "    position          smallint      NOT NULL DEFAULT 0,\n", "    position          smallint      NOT NULL DEFAULT 0,\n    trial_days        integer       NOT NULL DEFAULT 14,\n"},
		{tenantFile, "    alias                 text,\n", "    alias                 text,\n    contact               text,\n"},
		{tenantFile, "", `
CREATE TABLE user_notes (
    id         bigint      GENERATED ALWAYS AS IDENTITY,
    user_id    uuid        NOT NULL,
    body       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_notes_pkey PRIMARY KEY (id),
    CONSTRAINT user_notes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
COMMENT ON TABLE user_notes IS 'What administrators note about users.';

CREATE INDEX user_notes_user_id_idx ON user_notes (user_id);
`},
	},
}

// syncPurpose keeps the old and the new name of a column the same, whichever of
// the two a release writes.
const syncPurpose = `
CREATE FUNCTION sync_role_purpose() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.purpose := coalesce(NEW.purpose, NEW.description);
        NEW.description := NEW.purpose;
    ELSIF NEW.purpose IS DISTINCT FROM OLD.purpose THEN
        NEW.description := NEW.purpose;
    ELSE
        NEW.purpose := NEW.description;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER roles_purpose BEFORE INSERT OR UPDATE ON roles
    FOR EACH ROW EXECUTE FUNCTION sync_role_purpose();
`

var expandRename = version{
	name: "roles.description becomes purpose: the new beside the old",
	back: free,
	edits: []edit{
		{tenantFile, "    description text,\n    permissions permission[] NOT NULL DEFAULT '{}',\n", "    description text,\n    purpose     text,\n    permissions permission[] NOT NULL DEFAULT '{}',\n"},
		{tenantFile, "", syncPurpose},
	},
	plan: func(saved string) string {
		saved = before(saved, reverseMark, `-- bailiwick:backfill table=roles key=id batch=3 pause=1ms
UPDATE roles SET purpose = description WHERE id BETWEEN $1 AND $2 AND purpose IS DISTINCT FROM description;

`)
		// Both columns hold the same, so nothing is lost with one of them.
		return withReverse(saved, `DROP TRIGGER roles_purpose ON roles;
DROP FUNCTION sync_role_purpose();
ALTER TABLE roles DROP COLUMN purpose;
`)
	},
}

// fillInitials is for releases that know nothing of them.
const fillInitials = `
CREATE FUNCTION fill_user_initials() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.initials := upper(left(NEW.display_name, 1));
    RETURN NEW;
END
$$;

CREATE TRIGGER users_initials BEFORE INSERT OR UPDATE OF display_name ON users
    FOR EACH ROW EXECUTE FUNCTION fill_user_initials();
`

var notNull = version{
	name: "users.initials, NOT NULL, filled in by a trigger and a backfill",
	back: free,
	edits: []edit{
		{tenantFile, "    display_name  text        NOT NULL,\n", "    display_name  text        NOT NULL,\n    initials      text        NOT NULL,\n"},
		{tenantFile, "", fillInitials},
	},
	// The plan that is worked out can't know what existing rows are to hold.
	plan: func(saved string) string {
		head, _, _ := strings.Cut(saved, "\n\n")
		return withReverse(head+"\n\nALTER TABLE users ADD COLUMN initials text;\n"+fillInitials+`GRANT EXECUTE ON FUNCTION fill_user_initials() TO "$tenant";

-- bailiwick:backfill table=users key=id batch=2
UPDATE users SET initials = upper(left(display_name, 1)) WHERE id BETWEEN $1 AND $2 AND initials IS NULL;

-- bailiwick:transaction
ALTER TABLE users ALTER COLUMN initials SET NOT NULL;

`, `DROP TRIGGER users_initials ON users;
DROP FUNCTION fill_user_initials();
ALTER TABLE users DROP COLUMN initials;
`)
	},
}

var enumValue = version{
	name:  "a kind of provider more, for the new release",
	back:  none,
	edits: []edit{{tenantFile, "'m365', 'github')", "'m365', 'github', 'gitlab')"}},
}

var index = version{
	name:  "an index, made beside the traffic",
	back:  free,
	edits: []edit{{tenantFile, "", "\nCREATE INDEX users_last_login_at_idx ON users (last_login_at DESC);\n"}},
}

var view = version{
	name: "a shared table, a view over it, and another shape of a view in use",
	back: loses,
	edits: []edit{
		{publicFile, "-- The reference tables:", `CREATE TABLE public.regions (
    name  text NOT NULL,
    title text NOT NULL,
    CONSTRAINT regions_pkey PRIMARY KEY (name)
);
GRANT SELECT ON public.regions TO PUBLIC;

-- The reference tables:`},
		{tenantFile, "    u.display_name,\n    u.active,\n", "    u.display_name,\n    u.initials,\n    u.active,\n"},
		{tenantFile, "", `
CREATE VIEW provider_regions AS
SELECT p.id AS provider_id, r.name, r.title
FROM providers p
CROSS JOIN LATERAL unnest(p.regions) AS watched (name)
JOIN public.regions r ON r.name = watched.name;
`},
	},
}

var contractRename = version{
	name: "roles.description goes",
	back: free,
	edits: []edit{
		{tenantFile, syncPurpose, ""},
		{tenantFile, "    description text,\n    purpose     text,\n", "    purpose     text,\n"},
	},
	plan: func(saved string) string {
		return withReverse(saved, "ALTER TABLE roles ADD COLUMN description text;\nUPDATE roles SET description = purpose;\n"+syncPurpose+
			"GRANT EXECUTE ON FUNCTION sync_role_purpose() TO \"$tenant\";\n")
	},
}

// syncSettings keeps a column and the table that it moves to the same.
const syncSettings = `
CREATE FUNCTION sync_user_settings() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
BEGIN
    IF TG_TABLE_NAME = 'users' THEN
        INSERT INTO user_settings AS s (user_id, time_zone) VALUES (NEW.id, NEW.time_zone)
        ON CONFLICT (user_id) DO UPDATE SET time_zone = excluded.time_zone WHERE s.time_zone <> excluded.time_zone;
    ELSE
        UPDATE users u SET time_zone = NEW.time_zone WHERE u.id = NEW.user_id AND u.time_zone <> NEW.time_zone;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER users_settings AFTER INSERT OR UPDATE OF time_zone ON users
    FOR EACH ROW EXECUTE FUNCTION sync_user_settings();
CREATE TRIGGER user_settings_users AFTER INSERT OR UPDATE ON user_settings
    FOR EACH ROW EXECUTE FUNCTION sync_user_settings();
`

const userSettings = `CREATE TABLE user_settings (
    user_id   uuid NOT NULL,
    time_zone text NOT NULL DEFAULT 'UTC',
    CONSTRAINT user_settings_pkey PRIMARY KEY (user_id),
    CONSTRAINT user_settings_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);

`

// membersMark is before the view of users.
const membersMark = "-- The users with what their roles let them do.\n"

const moveSettings = `-- bailiwick:transaction
INSERT INTO user_settings (user_id, time_zone) SELECT id, time_zone FROM users ON CONFLICT DO NOTHING;

`

var expandSplit = version{
	name: "users is split: the settings get a table",
	back: free,
	edits: []edit{
		{tenantFile, membersMark, userSettings + membersMark},
		{tenantFile, "", syncSettings},
	},
	plan: func(saved string) string {
		return withReverse(before(saved, reverseMark, moveSettings), `DROP TRIGGER users_settings ON users;
DROP TABLE user_settings;
DROP FUNCTION sync_user_settings();
`)
	},
}

var contractSplit = version{
	name: "users loses what has moved",
	back: free,
	edits: []edit{
		{tenantFile, syncSettings, ""},
		{tenantFile, "    time_zone     text        NOT NULL DEFAULT 'UTC',\n", ""},
		{tenantFile, "COMMENT ON COLUMN users.time_zone IS 'An IANA time zone name, for dates in mail and reports.';\n", ""},
		{tenantFile, "    u.time_zone,\n", "    coalesce((SELECT s.time_zone FROM user_settings s WHERE s.user_id = u.id), 'UTC') AS time_zone,\n"},
	},
	// What comes back is filled from where it has moved, in the same transaction.
	plan: func(saved string) string {
		head, tail, _ := strings.Cut(saved, reverseMark)
		_, tail, _ = strings.Cut(tail, "\n")
		return head + reverseMark + "\n" + tail + "UPDATE users u SET time_zone = s.time_zone FROM user_settings s WHERE s.user_id = u.id;\n"
	},
}

// second is what the release does that comes with [enumValue]: it calls a
// column by its new name, and knows the new kind of provider.
var second = []edit{
	{rolesQueries, "r.description, ", "r.purpose AS description, "},
	{rolesQueries, "INSERT INTO roles (name, description, permissions)", "INSERT INTO roles (name, purpose, permissions)"},
	{rolesQueries, "RETURNING id, name, description, permissions", "RETURNING id, name, purpose AS description, permissions"},
	{rolesQueries, "description = CASE WHEN sqlc.arg('set_description')::boolean THEN sqlc.narg('description') ELSE r.description END", "purpose = CASE WHEN sqlc.arg('set_description')::boolean THEN sqlc.narg('description') ELSE r.purpose END"},
	{document, "[aws, azure, gcp, kubernetes, m365, github]", "[aws, azure, gcp, kubernetes, m365, github, gitlab]"},
}

// third is what the release does that comes with [expandSplit].
var third = []edit{
	{usersQueries, "SELECT * FROM users WHERE lower(email)", "SELECT id, email, display_name, active FROM users WHERE lower(email)"},
	{usersQueries, "RETURNING *, (xmax = 0)::boolean AS created", "RETURNING id, email, display_name, active, (xmax = 0)::boolean AS created"},
	{usersQueries, `
        active       = CASE WHEN sqlc.arg('set_active')::boolean THEN coalesce(sqlc.narg('active')::boolean, true) ELSE u.active END,
        time_zone    = CASE WHEN sqlc.arg('set_time_zone')::boolean THEN coalesce(sqlc.narg('time_zone')::text, 'UTC') ELSE u.time_zone END
    WHERE u.id = sqlc.arg('user_id')
    RETURNING u.*
)`, `
        active       = CASE WHEN sqlc.arg('set_active')::boolean THEN coalesce(sqlc.narg('active')::boolean, true) ELSE u.active END
    WHERE u.id = sqlc.arg('user_id')
    RETURNING u.id, u.email, u.display_name, u.active, u.last_login_at, u.created_at, u.updated_at
), moved AS (
    INSERT INTO user_settings (user_id, time_zone)
    SELECT c.id, coalesce(sqlc.narg('time_zone')::text, 'UTC') FROM changed c WHERE sqlc.arg('set_time_zone')::boolean
    ON CONFLICT (user_id) DO UPDATE SET time_zone = excluded.time_zone
    RETURNING user_id, time_zone
)`},
	{usersQueries, "c.id, c.email, c.display_name, c.active, c.time_zone,", "c.id, c.email, c.display_name, c.active, coalesce((SELECT moved.time_zone FROM moved), m.time_zone, 'UTC')::text AS time_zone,"},
}
