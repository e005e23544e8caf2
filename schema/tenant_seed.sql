-- What a new tenant starts with: the roles that others rely on, and its owner as
-- the first user, when the tenant was made for somebody. It runs once, in the
-- transaction that makes the tenant.
INSERT INTO roles (name, description, permissions, builtin) VALUES
    ('owner', 'Everything.', enum_range(NULL::permission), true),
    ('analyst', 'Works on findings.', '{manage_scans,manage_findings,view_findings,export_reports}', true),
    ('auditor', 'Reads only.', '{view_findings,export_reports}', true);

INSERT INTO users (email, display_name)
SELECT email, split_part(email, '@', 1)
FROM current_setting('bailiwick.owner_email', true) AS email
WHERE email <> '';

INSERT INTO user_roles (user_id, role_id)
SELECT u.id, r.id FROM users u, roles r WHERE r.name = 'owner';
