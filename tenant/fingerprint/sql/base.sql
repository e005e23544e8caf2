-- What the other files of this folder select from. $1 are the numbers of schemas,
-- $2 of their relations, $3 of their types and $4 of their functions.
WITH anchor AS MATERIALIZED ( -- the roles that Bailiwick's own schema was made for
	SELECT n.nspowner AS owner,
		(SELECT min(grantee::bigint)::oid FROM aclexplode(n.nspacl) WHERE grantee NOT IN (0, n.nspowner)
			HAVING count(DISTINCT grantee) = 1) AS runtime
	FROM pg_namespace AS n WHERE n.nspname = 'bailiwick'
), ns AS MATERIALIZED (
	SELECT n.oid, n.nspname, n.nspacl, n.nspowner,
		n.nspname ~ '^t_[0-9a-f]{32}$' AS plain,
		quote_ident(n.nspname) || '.' AS prefix,
		E'\n SET search_path TO ''' || n.nspname || E''', ''pg_temp''\n' AS own_path,
		r.oid AS tenant,
		coalesce((SELECT owner FROM anchor), CASE WHEN n.nspowner = o.oid THEN d.datdba ELSE n.nspowner END) AS owner,
		CASE WHEN n.nspname = 'public' THEN o.oid END AS stand_in, -- pg_database_owner
		(SELECT runtime FROM anchor) AS runtime
	FROM pg_namespace AS n
	JOIN pg_database AS d ON d.datname = current_database()
	JOIN pg_roles AS o ON o.rolname = 'pg_database_owner'
	LEFT JOIN pg_roles AS r ON r.rolname = n.nspname
	WHERE n.oid = ANY ($1::oid[])
), member AS MATERIALIZED ( -- of extensions: the extension stands for them
	SELECT d.classid, d.objid
	FROM pg_extension AS e
	JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
), rel AS MATERIALIZED (
	SELECT c.oid, c.relnamespace, c.relkind, c.relowner, c.reltype, c.reloftype, c.relam, c.reltablespace, c.reltoastrelid, c.relpersistence,
		c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.relispartition, c.relacl, c.reloptions, c.relpartbound,
		quote_ident(c.relname) AS name,
		CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
			WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' ELSE 'table' END AS kind
	FROM pg_class AS c
	WHERE c.oid = ANY ($2::oid[]) AND c.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_class'::regclass)
), att AS MATERIALIZED (
	SELECT r.relnamespace, r.relkind, r.name AS rel, r.name || '.' || quote_ident(a.attname) AS name,
		a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.atthasdef, a.attgenerated, a.attidentity, a.attcollation,
		a.attstorage, a.attcompression, a.attstattarget, a.attislocal, a.attinhcount, a.attacl, a.attoptions, a.attfdwoptions
	FROM rel AS r JOIN pg_attribute AS a ON a.attrelid = r.oid
	WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind <> 'S'
), typ AS MATERIALIZED (
	SELECT t.*, quote_ident(t.typname) AS name,
		CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range' WHEN 'm' THEN 'multirange'
			WHEN 'p' THEN 'shell type' ELSE 'base type' END AS kind
	FROM pg_type AS t
	WHERE t.oid = ANY ($3::oid[]) AND t.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_type'::regclass)
), fn AS MATERIALIZED (
	SELECT p.*, quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')' AS name,
		CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END AS kind
	FROM pg_proc AS p
	WHERE p.oid = ANY ($4::oid[]) AND p.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_proc'::regclass)
		AND NOT (p.prolang = 12 AND p.prosrc ~ '^(multi)?range_constructor[0-9]$') -- they come with their type
), idx AS MATERIALIZED (
	SELECT r.relnamespace, r.relkind, r.name AS rel, i.indexrelid, i.indrelid, i.indisvalid, i.indisreplident, i.indisclustered, i.indexprs IS NOT NULL AS expressions,
		quote_ident(c.relname) AS name, c.relispartition, c.reltablespace, c.reloptions, k.oid AS con
	FROM rel AS r
	JOIN pg_index AS i ON i.indrelid = r.oid
	JOIN pg_class AS c ON c.oid = i.indexrelid
	LEFT JOIN pg_constraint AS k ON k.conrelid = r.oid AND k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
), con AS MATERIALIZED ( -- NOT NULL is told by the column
	SELECT r.relnamespace, 'TABLE' AS owner, r.name AS rel, r.name || '.' || quote_ident(c.conname) AS name,
		c.oid, c.conname, c.coninhcount, c.conislocal, c.conparentid
	FROM rel AS r JOIN pg_constraint AS c ON c.conrelid = r.oid AND c.contype NOT IN ('t', 'n')
	UNION ALL
	SELECT t.typnamespace, 'DOMAIN', t.name, t.name || '.' || quote_ident(c.conname), c.oid, c.conname, c.coninhcount, c.conislocal, c.conparentid
	FROM typ AS t JOIN pg_constraint AS c ON c.contypid = t.oid AND c.contype <> 'n'
), trg AS MATERIALIZED (
	SELECT r.relnamespace, r.name AS rel, quote_ident(t.tgname) AS trigger, r.name || '.' || quote_ident(t.tgname) AS name, t.oid, t.tgparentid, t.tgenabled
	FROM rel AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid
	WHERE NOT t.tgisinternal
), off AS MATERIALIZED ( -- foreign keys that nothing enforces, after DISABLE TRIGGER ALL
	SELECT DISTINCT t.tgconstraint AS con
	FROM rel AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid
	WHERE t.tgisinternal AND t.tgenabled <> 'O' AND t.tgconstraint <> 0
), pol AS MATERIALIZED (
	SELECT r.relnamespace, r.name AS rel, r.name || '.' || quote_ident(p.polname) AS name, p.*
	FROM rel AS r JOIN pg_policy AS p ON p.polrelid = r.oid
), rul AS MATERIALIZED (
	SELECT r.relnamespace, r.name AS rel, r.name || '.' || quote_ident(w.rulename) AS name, w.oid, w.rulename, w.ev_enabled
	FROM rel AS r JOIN pg_rewrite AS w ON w.ev_class = r.oid AND w.rulename <> '_RETURN'
), sta AS MATERIALIZED (
	SELECT s.*, quote_ident(s.stxname) AS name
	FROM pg_statistic_ext AS s WHERE s.stxnamespace = ANY ($1::oid[])
), obj (ns, kind, name, def) AS (
