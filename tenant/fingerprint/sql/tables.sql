-- Tables, their columns, and what hangs on them.
SELECT r.relnamespace, r.kind, r.name, concat_ws(E'\n',
	'persistence: ' || CASE r.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'permanent' END,
	'access method: ' || am.amname,
	'tablespace: ' || CASE WHEN r.reltablespace <> 0 THEN (SELECT quote_ident(s.spcname) FROM pg_tablespace AS s WHERE s.oid = r.reltablespace) END,
	'of type: ' || CASE WHEN r.reloftype <> 0 THEN format_type(r.reloftype, NULL) END,
	'partition by: ' || CASE WHEN r.relkind = 'p' THEN pg_get_partkeydef(r.oid) END,
	'partition of: ' || CASE WHEN r.relispartition THEN i.parents END,
	'bound: ' || CASE WHEN r.relispartition THEN replace(pg_get_expr(r.relpartbound, r.oid), E'\n', E'\n\t') END,
	'inherits: ' || CASE WHEN NOT r.relispartition THEN i.parents END,
	'server: ' || quote_ident(s.srvname),
	'server options: ' || CASE WHEN f.ftoptions IS NOT NULL THEN (SELECT string_agg(quote_ident(option_name) || ' ' || quote_literal(option_value), ', ' ORDER BY option_name COLLATE "C") FROM pg_options_to_table(f.ftoptions)) END,
	'options: ' || OPTIONS(r.reloptions),
	'toast options: ' || CASE WHEN r.reltoastrelid <> 0 THEN (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM pg_class AS t, unnest(t.reloptions) AS o WHERE t.oid = r.reltoastrelid) END,
	CASE WHEN r.relrowsecurity THEN 'row security: enabled' END,
	CASE WHEN r.relforcerowsecurity THEN 'force row security: true' END,
	'replica identity: ' || CASE r.relreplident WHEN 'f' THEN 'full' WHEN 'n' THEN CASE WHEN r.relkind <> 'f' THEN 'nothing' END
		WHEN 'i' THEN coalesce('index ' || (SELECT x.name FROM idx AS x WHERE x.indrelid = r.oid AND x.indisreplident), 'lost index') END)
FROM rel AS r
LEFT JOIN pg_am AS am ON am.oid = r.relam AND am.amname <> 'heap'
LEFT JOIN pg_foreign_table AS f ON f.ftrelid = r.oid
LEFT JOIN pg_foreign_server AS s ON s.oid = f.ftserver
LEFT JOIN (SELECT h.inhrelid, string_agg(h.inhparent::regclass::text, ', ' ORDER BY h.inhseqno) AS parents
	FROM pg_inherits AS h WHERE h.inhrelid = ANY ($2::oid[]) GROUP BY 1) AS i ON i.inhrelid = r.oid
WHERE r.relkind IN ('r', 'p', 'f')

UNION ALL
SELECT a.relnamespace, 'column', a.name, concat_ws(E'\n',
	'type: ' || format_type(a.atttypid, a.atttypmod),
	CASE WHEN a.attnotnull THEN 'not null: true' END,
	CASE a.attgenerated WHEN '' THEN 'default: ' WHEN 's' THEN 'generated: stored ' ELSE 'generated: virtual ' END
		|| replace(pg_get_expr(d.adbin, d.adrelid), E'\n', E'\n\t'),
	CASE a.attidentity WHEN 'a' THEN 'identity: always' WHEN 'd' THEN 'identity: by default' END,
	'collation: ' || CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END,
	'storage: ' || CASE WHEN a.attstorage <> t.typstorage THEN CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'm' THEN 'main' ELSE 'extended' END END,
	'compression: ' || CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' WHEN '' THEN NULL ELSE a.attcompression::text END,
	'statistics: ' || CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END,
	-- n_distinct and n_distinct_inherited; servers put options of their own beside them
	'options: ' || CASE WHEN a.attoptions IS NOT NULL THEN (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM unnest(a.attoptions) AS o WHERE o LIKE 'n\_distinct%') END,
	'server options: ' || CASE WHEN a.attfdwoptions IS NOT NULL THEN (SELECT string_agg(quote_ident(option_name) || ' ' || quote_literal(option_value), ', ' ORDER BY option_name COLLATE "C") FROM pg_options_to_table(a.attfdwoptions)) END,
	CASE WHEN a.attinhcount > 0 THEN 'inherited: ' || CASE WHEN a.attislocal THEN 'merged' ELSE 'true' END END)
FROM att AS a
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef
WHERE a.relkind IN ('r', 'p', 'f') OR a.relkind = 'v' AND a.atthasdef
	OR a.relkind = 'm' AND (a.attstattarget >= 0 OR a.attstorage <> t.typstorage OR a.attcompression <> '' OR a.attoptions IS NOT NULL)

UNION ALL -- the owner of a sequence is a column, by a dependency: a(uto) of serial, i(nternal) of identity
SELECT r.relnamespace, 'sequence', r.name, concat_ws(E'\n',
	'type: ' || format_type(s.seqtypid, NULL), 'start: ' || s.seqstart, 'increment: ' || s.seqincrement,
	'min: ' || s.seqmin, 'max: ' || s.seqmax, 'cache: ' || s.seqcache,
	CASE WHEN s.seqcycle THEN 'cycle: true' END,
	CASE WHEN r.relpersistence = 'u' THEN 'persistence: unlogged' END,
	CASE d.deptype WHEN 'i' THEN 'identity of: ' ELSE 'owned by: ' END || o.name)
FROM rel AS r
JOIN pg_sequence AS s ON s.seqrelid = r.oid
LEFT JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.objsubid = 0
	AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
LEFT JOIN att AS o ON o.attrelid = d.refobjid AND o.attnum = d.refobjsubid
WHERE r.relkind = 'S'

UNION ALL -- those of constraints are made with them
SELECT i.relnamespace, 'index', i.name, concat_ws(E';\n',
	CASE WHEN i.relispartition THEN E'-- inherited\n' ELSE '' END || CASE WHEN NOT i.indisvalid AND i.relkind <> 'p' THEN E'-- INVALID\n' ELSE '' END || pg_get_indexdef(i.indexrelid),
	'ALTER INDEX ' || i.name || ' SET TABLESPACE ' || CASE WHEN i.reltablespace <> 0 THEN (SELECT quote_ident(s.spcname) FROM pg_tablespace AS s WHERE s.oid = i.reltablespace) END,
	CASE WHEN i.indisclustered THEN 'ALTER TABLE ' || i.rel || ' CLUSTER ON ' || i.name END,
	CASE WHEN i.expressions THEN (SELECT string_agg('ALTER INDEX ' || i.name || ' ALTER COLUMN ' || a.attnum || ' SET STATISTICS ' || a.attstattarget, E';\n' ORDER BY a.attnum)
		FROM pg_attribute AS a WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0) END)
FROM idx AS i
WHERE i.con IS NULL

UNION ALL
SELECT c.relnamespace, 'constraint', c.name, concat_ws(E';\n',
	CASE WHEN c.coninhcount > 0 AND NOT c.conislocal OR c.conparentid <> 0 THEN E'-- inherited\n' ELSE '' END
		|| 'ALTER ' || c.owner || ' ' || c.rel || ' ADD CONSTRAINT ' || quote_ident(c.conname) || ' ' || pg_get_constraintdef(c.oid),
	'ALTER INDEX ' || i.name || ' SET (' || OPTIONS(i.reloptions) || ')',
	'ALTER INDEX ' || i.name || ' SET TABLESPACE ' || CASE WHEN i.reltablespace <> 0 THEN (SELECT quote_ident(s.spcname) FROM pg_tablespace AS s WHERE s.oid = i.reltablespace) END,
	CASE WHEN i.indisclustered THEN 'ALTER TABLE ' || i.rel || ' CLUSTER ON ' || i.name END,
	CASE WHEN f.con IS NOT NULL THEN '-- DISABLED: some of its triggers don''t fire' END)
FROM con AS c LEFT JOIN idx AS i ON i.con = c.oid LEFT JOIN off AS f ON f.con = c.oid

UNION ALL
SELECT t.relnamespace, 'trigger', t.name, concat_ws(E';\n',
	CASE WHEN t.tgparentid <> 0 THEN E'-- inherited\n' ELSE '' END || pg_get_triggerdef(t.oid),
	'ALTER TABLE ' || t.rel || CASE t.tgenabled WHEN 'D' THEN ' DISABLE' WHEN 'R' THEN ' ENABLE REPLICA' WHEN 'A' THEN ' ENABLE ALWAYS' END || ' TRIGGER ' || t.trigger)
FROM trg AS t

UNION ALL
SELECT p.relnamespace, 'policy', p.name, concat_ws(' ',
	'CREATE POLICY', quote_ident(p.polname), 'ON', p.rel,
	CASE WHEN NOT p.polpermissive THEN 'AS RESTRICTIVE' END,
	'FOR', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
	'TO', (SELECT string_agg(ROLE(x), ', ' ORDER BY ROLE(x) COLLATE "C") FROM unnest(p.polroles) AS x),
	'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
	'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
FROM pol AS p JOIN ns ON ns.oid = p.relnamespace

UNION ALL
SELECT r.relnamespace, 'rule', r.name, concat_ws(E';\n', rtrim(pg_get_ruledef(r.oid), ';'),
	'ALTER TABLE ' || r.rel || CASE r.ev_enabled WHEN 'D' THEN ' DISABLE' WHEN 'R' THEN ' ENABLE REPLICA' WHEN 'A' THEN ' ENABLE ALWAYS' END || ' RULE ' || quote_ident(r.rulename))
FROM rul AS r

UNION ALL
SELECT s.stxnamespace, 'statistics', s.name, concat_ws(E';\n', pg_get_statisticsobjdef(s.oid),
	'ALTER STATISTICS ' || s.name || ' SET STATISTICS ' || CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget END)
FROM sta AS s
