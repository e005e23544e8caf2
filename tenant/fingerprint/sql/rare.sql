-- What few schemas hold. None of it is planned; each must be seen.
SELECT t.typnamespace, t.kind, t.name, concat_ws(E'\n', 'input: ' || t.typinput::text, 'output: ' || t.typoutput::text, 'receive: ' || nullif(t.typreceive::oid, 0)::regproc::text, 'send: ' || nullif(t.typsend::oid, 0)::regproc::text,
	'length: ' || t.typlen::text, 'by value: ' || t.typbyval::text, 'alignment: ' || t.typalign::text, 'storage: ' || t.typstorage::text, 'category: ' || t.typcategory::text, 'preferred: ' || t.typispreferred::text,
	'delimiter: ' || t.typdelim::text, 'element: ' || format_type(nullif(t.typelem, 0), NULL), 'default: ' || replace(t.typdefault, E'\n', E'\n\t'))
FROM typ AS t WHERE t.typtype IN ('b', 'p')

UNION ALL -- the name of the locale's column differs between versions
SELECT c.collnamespace, 'collation', quote_ident(c.collname), concat_ws(E'\n', 'provider: ' || CASE c.collprovider WHEN 'i' THEN 'icu' WHEN 'c' THEN 'libc' WHEN 'b' THEN 'builtin' ELSE c.collprovider::text END,
	CASE WHEN NOT c.collisdeterministic THEN 'deterministic: false' END,
	'lc_collate: ' || c.collcollate, 'lc_ctype: ' || c.collctype, 'locale: ' || coalesce(j ->> 'colllocale', j ->> 'colliculocale'), 'rules: ' || (j ->> 'collicurules'))
FROM pg_collation AS c, to_jsonb(c) AS j WHERE c.collnamespace = ANY ($1) AND c.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_collation'::regclass)

UNION ALL
SELECT o.oprnamespace, 'operator', o.oprname || ' (' || coalesce(format_type(nullif(o.oprleft, 0), NULL), 'NONE') || ', ' || coalesce(format_type(nullif(o.oprright, 0), NULL), 'NONE') || ')',
	concat_ws(E'\n', 'function: ' || o.oprcode::text, 'commutator: ' || nullif(o.oprcom, 0)::regoperator::text, 'negator: ' || nullif(o.oprnegate, 0)::regoperator::text,
	'restrict: ' || nullif(o.oprrest::oid, 0)::regproc::text, 'join: ' || nullif(o.oprjoin::oid, 0)::regproc::text, CASE WHEN o.oprcanhash THEN 'hashes: true' END, CASE WHEN o.oprcanmerge THEN 'merges: true' END)
FROM pg_operator AS o WHERE o.oprnamespace = ANY ($1) AND o.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_operator'::regclass)

UNION ALL
SELECT o.opfnamespace, 'operator family', quote_ident(o.opfname) || ' USING ' || am.amname, concat_ws(E'\n', 'access method: ' || am.amname,
	(SELECT string_agg('operator ' || x.amopstrategy || ': ' || x.amopopr::regoperator::text, E'\n' ORDER BY x.amopstrategy, x.amopopr::regoperator::text COLLATE "C") FROM pg_amop AS x WHERE x.amopfamily = o.oid),
	(SELECT string_agg('function ' || x.amprocnum || ': ' || x.amproc::regprocedure::text, E'\n' ORDER BY x.amprocnum, x.amproc::regprocedure::text COLLATE "C") FROM pg_amproc AS x WHERE x.amprocfamily = o.oid))
FROM pg_opfamily AS o JOIN pg_am AS am ON am.oid = o.opfmethod WHERE o.opfnamespace = ANY ($1) AND o.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_opfamily'::regclass)

UNION ALL
SELECT o.opcnamespace, 'operator class', quote_ident(o.opcname) || ' USING ' || am.amname, concat_ws(E'\n', 'type: ' || format_type(o.opcintype, NULL), CASE WHEN o.opcdefault THEN 'default: true' END,
	'storage: ' || format_type(nullif(o.opckeytype, 0), NULL), 'family: ' || (SELECT n.nspname || '.' || quote_ident(f.opfname) FROM pg_opfamily AS f JOIN pg_namespace AS n ON n.oid = f.opfnamespace WHERE f.oid = o.opcfamily))
FROM pg_opclass AS o JOIN pg_am AS am ON am.oid = o.opcmethod WHERE o.opcnamespace = ANY ($1) AND o.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_opclass'::regclass)

UNION ALL
SELECT c.connamespace, 'conversion', quote_ident(c.conname), concat_ws(E'\n', 'from: ' || pg_encoding_to_char(c.conforencoding), 'to: ' || pg_encoding_to_char(c.contoencoding), 'function: ' || c.conproc::text, CASE WHEN c.condefault THEN 'default: true' END)
FROM pg_conversion AS c WHERE c.connamespace = ANY ($1) AND c.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_conversion'::regclass)

UNION ALL
SELECT c.cfgnamespace, 'text search configuration', quote_ident(c.cfgname), concat_ws(E'\n', 'parser: ' || (SELECT n.nspname || '.' || quote_ident(p.prsname) FROM pg_ts_parser AS p JOIN pg_namespace AS n ON n.oid = p.prsnamespace WHERE p.oid = c.cfgparser),
	(SELECT string_agg('mapping ' || m.maptokentype || '.' || m.mapseqno || ': ' || m.mapdict::regdictionary::text, E'\n' ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map AS m WHERE m.mapcfg = c.oid))
FROM pg_ts_config AS c WHERE c.cfgnamespace = ANY ($1) AND c.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_ts_config'::regclass)

UNION ALL
SELECT d.dictnamespace, 'text search dictionary', quote_ident(d.dictname), concat_ws(E'\n', 'template: ' || (SELECT n.nspname || '.' || quote_ident(t.tmplname) FROM pg_ts_template AS t JOIN pg_namespace AS n ON n.oid = t.tmplnamespace WHERE t.oid = d.dicttemplate),
	'options: ' || replace(d.dictinitoption, E'\n', E'\n\t'))
FROM pg_ts_dict AS d WHERE d.dictnamespace = ANY ($1) AND d.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_ts_dict'::regclass)

UNION ALL
SELECT p.prsnamespace, 'text search parser', quote_ident(p.prsname), concat_ws(E'\n', 'start: ' || p.prsstart::text, 'token: ' || p.prstoken::text, 'end: ' || p.prsend::text, 'headline: ' || nullif(p.prsheadline::oid, 0)::regproc::text, 'lextypes: ' || p.prslextype::text)
FROM pg_ts_parser AS p WHERE p.prsnamespace = ANY ($1) AND p.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_ts_parser'::regclass)

UNION ALL
SELECT t.tmplnamespace, 'text search template', quote_ident(t.tmplname), concat_ws(E'\n', 'init: ' || nullif(t.tmplinit::oid, 0)::regproc::text, 'lexize: ' || t.tmpllexize::text)
FROM pg_ts_template AS t WHERE t.tmplnamespace = ANY ($1) AND t.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_ts_template'::regclass)

UNION ALL
SELECT e.extnamespace, 'extension', quote_ident(e.extname), 'version: ' || e.extversion FROM pg_extension AS e WHERE e.extnamespace = ANY ($1)

UNION ALL -- what is not in a schema, but works on what is
SELECT t.ns, 'cast', format_type(c.castsource, NULL) || ' AS ' || format_type(c.casttarget, NULL), concat_ws(E'\n',
	'method: ' || CASE c.castmethod WHEN 'f' THEN 'function' WHEN 'i' THEN 'inout' ELSE 'binary' END, 'function: ' || nullif(c.castfunc, 0)::regprocedure::text,
	'context: ' || CASE c.castcontext WHEN 'i' THEN 'implicit' WHEN 'a' THEN 'assignment' ELSE 'explicit' END)
FROM pg_cast AS c JOIN LATERAL (SELECT n.oid AS ns FROM pg_type AS y JOIN ns AS n ON n.oid = y.typnamespace WHERE y.oid IN (c.castsource, c.casttarget) LIMIT 1) AS t ON true
WHERE c.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_cast'::regclass AND d.objid = c.oid AND d.deptype = 'i') AND c.castmethod <> 'p' AND c.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_cast'::regclass)

UNION ALL
SELECT y.typnamespace, 'transform', format_type(y.oid, NULL) || ' LANGUAGE ' || (SELECT l.lanname FROM pg_language AS l WHERE l.oid = t.trflang), concat_ws(E'\n', 'from sql: ' || nullif(t.trffromsql::oid, 0)::regproc::text, 'to sql: ' || nullif(t.trftosql::oid, 0)::regproc::text)
FROM pg_transform AS t JOIN pg_type AS y ON y.oid = t.trftype WHERE y.typnamespace = ANY ($1) AND t.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_transform'::regclass)

UNION ALL
SELECT f.pronamespace, 'event trigger', quote_ident(e.evtname), concat_ws(E'\n', 'event: ' || e.evtevent, 'function: ' || f.name, 'enabled: ' || e.evtenabled::text, 'tags: ' || array_to_string(e.evttags, ', '))
FROM pg_event_trigger AS e JOIN fn AS f ON f.oid = e.evtfoid

UNION ALL
SELECT f.pronamespace, 'access method', quote_ident(a.amname), concat_ws(E'\n', 'type: ' || a.amtype::text, 'handler: ' || f.name)
FROM pg_am AS a JOIN fn AS f ON f.oid = a.amhandler

UNION ALL
SELECT s.pnnspid, 'publication', quote_ident(p.pubname) || ' of the schema', 'tables: all'
FROM pg_publication_namespace AS s JOIN pg_publication AS p ON p.oid = s.pnpubid WHERE s.pnnspid = ANY ($1)

UNION ALL
SELECT r.relnamespace, 'publication', quote_ident(p.pubname) || ' of ' || r.name, concat_ws(E'\n',
	'columns: ' || coalesce((SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C") FROM pg_attribute AS a WHERE a.attrelid = r.oid AND a.attnum = ANY (x.prattrs)), 'all'),
	'where: ' || pg_get_expr(x.prqual, x.prrelid))
FROM pg_publication_rel AS x JOIN rel AS r ON r.oid = x.prrelid JOIN pg_publication AS p ON p.oid = x.prpubid
