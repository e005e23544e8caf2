-- Owners, privileges, comments and labels of all of them.
), thing (ns, class, oid, kind, name, owner, acl, code) AS MATERIALIZED (
	SELECT oid, 'pg_namespace'::regclass::oid, oid, 'schema', '', CASE WHEN nspowner = stand_in THEN owner ELSE nspowner END, coalesce(nspacl, acldefault('n', nspowner)), 'n' FROM ns
	UNION ALL SELECT relnamespace, 'pg_class'::regclass, oid, kind, name, relowner,
		CASE WHEN relkind <> 'c' THEN coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)) END, 'r' FROM rel WHERE relkind <> 'c'
	UNION ALL SELECT r.relnamespace, 'pg_type'::regclass, t.oid, r.kind, r.name, r.relowner, coalesce(t.typacl, acldefault('T', t.typowner)), 'T' FROM rel AS r JOIN pg_type AS t ON t.oid = r.reltype WHERE r.relkind = 'c'
	UNION ALL SELECT pronamespace, 'pg_proc'::regclass, oid, kind, name, proowner, coalesce(proacl, acldefault('f', proowner)), 'f' FROM fn
	UNION ALL SELECT typnamespace, 'pg_type'::regclass, oid, kind, name, typowner, CASE WHEN typtype <> 'm' THEN coalesce(typacl, acldefault('T', typowner)) END, 'T' FROM typ WHERE typtype <> 'm'
	UNION ALL SELECT relnamespace, 'pg_class'::regclass, indexrelid, 'index', name, NULL, NULL, NULL FROM idx
	UNION ALL SELECT relnamespace, 'pg_constraint'::regclass, oid, CASE owner WHEN 'DOMAIN' THEN 'domain constraint' ELSE 'constraint' END, name, NULL, NULL, NULL FROM con
	UNION ALL SELECT relnamespace, 'pg_trigger'::regclass, oid, 'trigger', name, NULL, NULL, NULL FROM trg
	UNION ALL SELECT relnamespace, 'pg_policy'::regclass, oid, 'policy', name, NULL, NULL, NULL FROM pol
	UNION ALL SELECT relnamespace, 'pg_rewrite'::regclass, oid, 'rule', name, NULL, NULL, NULL FROM rul
	UNION ALL SELECT stxnamespace, 'pg_statistic_ext'::regclass, oid, 'statistics', name, stxowner, NULL, NULL FROM sta
	UNION ALL SELECT extnamespace, 'pg_extension'::regclass, oid, 'extension', quote_ident(extname), NULL, NULL, NULL FROM pg_extension WHERE extnamespace = ANY ($1)
	UNION ALL SELECT collnamespace, 'pg_collation'::regclass, oid, 'collation', quote_ident(collname), collowner, NULL, NULL FROM pg_collation WHERE collnamespace = ANY ($1) AND oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_collation'::regclass)
	UNION ALL SELECT oprnamespace, 'pg_operator'::regclass, oid, 'operator', oid::regoperator::text, oprowner, NULL, NULL FROM pg_operator WHERE oprnamespace = ANY ($1) AND oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_operator'::regclass)
	UNION ALL SELECT cfgnamespace, 'pg_ts_config'::regclass, oid, 'text search configuration', quote_ident(cfgname), cfgowner, NULL, NULL FROM pg_ts_config WHERE cfgnamespace = ANY ($1) AND oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_ts_config'::regclass)
	UNION ALL SELECT dictnamespace, 'pg_ts_dict'::regclass, oid, 'text search dictionary', quote_ident(dictname), dictowner, NULL, NULL FROM pg_ts_dict WHERE dictnamespace = ANY ($1) AND oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_ts_dict'::regclass)
), acl (ns, code, acl, def) AS MATERIALIZED ( -- few are different
	SELECT d.ns, d.code, d.acl, coalesce(g.def, 'nobody: NONE')
	FROM (
		SELECT DISTINCT t.ns, t.code, t.acl FROM thing AS t WHERE t.acl IS NOT NULL
		UNION SELECT relnamespace, 'c', attacl FROM att WHERE attacl IS NOT NULL
		UNION SELECT defaclnamespace, 'd', defaclacl FROM pg_default_acl WHERE defaclnamespace = ANY ($1)
	) AS d
	JOIN ns ON ns.oid = d.ns
	CROSS JOIN LATERAL (
		SELECT string_agg(line, E'\n' ORDER BY line COLLATE "C") AS def
		FROM (
			SELECT grantee || ': ' || string_agg(privilege_type, ', ' ORDER BY privilege_type COLLATE "C") || CASE WHEN grantable THEN ' with grant option' ELSE '' END AS line
			FROM (SELECT ROLE(x.grantee) AS grantee, x.privilege_type, bool_or(x.is_grantable) AS grantable FROM aclexplode(d.acl) AS x GROUP BY 1, 2) AS y
			GROUP BY grantee, grantable
		) AS z
	) AS g
), attached (ns, kind, name, def) AS (
	SELECT t.ns, 'privilege', concat_ws(' ', t.kind, nullif(t.name, '')), a.def
	FROM thing AS t JOIN acl AS a ON a.ns = t.ns AND a.code = t.code AND a.acl = t.acl
	UNION ALL
	SELECT t.relnamespace, 'privilege', 'column ' || t.name, a.def FROM att AS t JOIN acl AS a ON a.ns = t.relnamespace AND a.code = 'c' AND a.acl = t.attacl
	UNION ALL
	SELECT d.defaclnamespace, 'default privilege', CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' ELSE d.defaclobjtype::text END
		|| ' of ' || ROLE(d.defaclrole), a.def
	FROM pg_default_acl AS d JOIN ns ON ns.oid = d.defaclnamespace JOIN acl AS a ON a.ns = ns.oid AND a.code = 'd' AND a.acl = d.defaclacl
	UNION ALL
	SELECT t.ns, 'owner', concat_ws(' ', t.kind, nullif(t.name, '')), ROLE(t.owner) FROM thing AS t JOIN ns ON ns.oid = t.ns WHERE t.owner <> ns.owner
	UNION ALL
	SELECT t.ns, 'comment', concat_ws(' ', CASE WHEN d.objsubid = 0 THEN t.kind ELSE 'column' END, nullif(coalesce(a.name, t.name), '')), d.description
	FROM thing AS t JOIN pg_description AS d ON d.objoid = t.oid AND d.classoid = t.class
	LEFT JOIN att AS a ON d.objsubid > 0 AND a.attrelid = t.oid AND a.attnum = d.objsubid
	UNION ALL -- of a composite type's attributes
	SELECT r.relnamespace, 'comment', 'column ' || a.name, d.description
	FROM rel AS r JOIN pg_description AS d ON d.objoid = r.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid > 0
	JOIN att AS a ON a.attrelid = r.oid AND a.attnum = d.objsubid
	WHERE r.relkind = 'c'
	UNION ALL
	SELECT t.ns, 'security label', concat_ws(' ', CASE WHEN l.objsubid = 0 THEN t.kind ELSE 'column' END, nullif(coalesce(a.name, t.name), ''), 'for', l.provider), l.label
	FROM thing AS t JOIN pg_seclabel AS l ON l.objoid = t.oid AND l.classoid = t.class
	LEFT JOIN att AS a ON l.objsubid > 0 AND a.attrelid = t.oid AND a.attnum = l.objsubid
), same (ns, kind, name, def) AS ( -- PostgreSQL writes column IN ('a', 'b') in two ways when the column is a varchar
	SELECT ns, kind, name, CASE WHEN def LIKE '%''::character varying%::text%' AND kind NOT IN ('function', 'procedure', 'comment') THEN
		regexp_replace(regexp_replace(def, '\((''(?:[^'']|'''')*''::character varying)\)::text', '\1', 'g'),
			'\((ARRAY\[(?:''(?:[^'']|'''')*''::character varying(?:, )?)*\])\)::text\[\]', '\1', 'g') ELSE def END
	FROM obj
), own (ns, kind, name, def) AS ( -- without the schema's own name
	SELECT o.ns, o.kind, OWN(o.name), OWN(o.def)
	FROM (SELECT * FROM same UNION ALL SELECT * FROM attached) AS o JOIN ns ON ns.oid = o.ns
)
