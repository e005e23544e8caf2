-- Views, functions and types.
SELECT r.relnamespace, r.kind, r.name,
	'CREATE ' || upper(r.kind) || ' ' || r.name
	|| coalesce(' USING ' || (SELECT quote_ident(am.amname) FROM pg_am AS am WHERE am.oid = r.relam AND am.amname <> 'heap'), '')
	|| coalesce(' WITH (' || OPTIONS(r.reloptions) || ')', '')
	|| coalesce(' TABLESPACE ' || (SELECT quote_ident(s.spcname) FROM pg_tablespace AS s WHERE s.oid = r.reltablespace), '')
	|| E' AS\n' || rtrim(pg_get_viewdef(r.oid), ';')
FROM rel AS r WHERE r.relkind IN ('v', 'm')

UNION ALL
SELECT f.pronamespace, f.kind, f.name, replace(rtrim(pg_get_functiondef(f.oid), E'\n'), ns.own_path, E'\n SET search_path FROM CURRENT\n')
FROM fn AS f JOIN ns ON ns.oid = f.pronamespace WHERE f.prokind <> 'a'

UNION ALL
SELECT f.pronamespace, f.kind, f.name, concat_ws(E'\n',
	'arguments: ' || pg_get_function_arguments(f.oid), 'returns: ' || pg_get_function_result(f.oid),
	CASE a.aggkind WHEN 'o' THEN 'kind: ordered-set' WHEN 'h' THEN 'kind: hypothetical' END,
	'sfunc: ' || a.aggtransfn::text, 'stype: ' || format_type(a.aggtranstype, NULL), 'sspace: ' || nullif(a.aggtransspace, 0),
	'finalfunc: ' || nullif(a.aggfinalfn::oid, 0)::regproc::text, CASE WHEN a.aggfinalextra THEN 'finalfunc_extra: true' END, 'finalfunc_modify: ' || a.aggfinalmodify::text,
	'combinefunc: ' || nullif(a.aggcombinefn::oid, 0)::regproc::text, 'serialfunc: ' || nullif(a.aggserialfn::oid, 0)::regproc::text, 'deserialfunc: ' || nullif(a.aggdeserialfn::oid, 0)::regproc::text,
	'initcond: ' || replace(a.agginitval, E'\n', E'\n\t'),
	'msfunc: ' || nullif(a.aggmtransfn::oid, 0)::regproc::text, 'minvfunc: ' || nullif(a.aggminvtransfn::oid, 0)::regproc::text,
	'mstype: ' || format_type(nullif(a.aggmtranstype, 0), NULL), 'msspace: ' || nullif(a.aggmtransspace, 0),
	'mfinalfunc: ' || nullif(a.aggmfinalfn::oid, 0)::regproc::text, CASE WHEN a.aggmfinalextra THEN 'mfinalfunc_extra: true' END,
	'mfinalfunc_modify: ' || CASE WHEN a.aggmtransfn <> 0 THEN a.aggmfinalmodify::text END, 'minitcond: ' || replace(a.aggminitval, E'\n', E'\n\t'),
	'sortop: ' || nullif(a.aggsortop, 0)::regoperator::text,
	'parallel: ' || CASE f.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END)
FROM fn AS f JOIN pg_aggregate AS a ON a.aggfnoid = f.oid

UNION ALL
SELECT t.typnamespace, 'enum', t.name, 'labels: ' || coalesce(replace(e.labels, E'\n', E'\n\t'), '')
FROM typ AS t LEFT JOIN (SELECT enumtypid, string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) AS labels
	FROM pg_enum WHERE enumtypid = ANY ($3::oid[]) GROUP BY 1) AS e ON e.enumtypid = t.oid
WHERE t.typtype = 'e'

UNION ALL
SELECT t.typnamespace, 'domain', t.name, concat_ws(E'\n',
	'type: ' || format_type(t.typbasetype, t.typtypmod),
	CASE WHEN t.typnotnull THEN 'not null: true' END,
	'default: ' || replace(pg_get_expr(t.typdefaultbin, 0), E'\n', E'\n\t'),
	'collation: ' || CASE WHEN t.typcollation <> b.typcollation THEN t.typcollation::regcollation::text END)
FROM typ AS t JOIN pg_type AS b ON b.oid = t.typbasetype
WHERE t.typtype = 'd'

UNION ALL
SELECT r.relnamespace, 'type', r.name, 'attributes: ' || coalesce((
	SELECT string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
		|| coalesce(' COLLATE ' || CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END, ''), ', ' ORDER BY a.attnum)
	FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
	WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped), '')
FROM rel AS r WHERE r.relkind = 'c'

UNION ALL
SELECT t.typnamespace, 'range', t.name, concat_ws(E'\n',
	'subtype: ' || format_type(g.rngsubtype, NULL),
	'subtype_opclass: ' || (SELECT coalesce(quote_ident(n.nspname) || '.', '') || quote_ident(o.opcname) FROM pg_opclass AS o
		LEFT JOIN pg_namespace AS n ON n.oid = o.opcnamespace AND n.nspname <> 'pg_catalog' WHERE o.oid = g.rngsubopc AND NOT o.opcdefault),
	'collation: ' || CASE WHEN g.rngcollation <> b.typcollation THEN g.rngcollation::regcollation::text END,
	'canonical: ' || nullif(g.rngcanonical::oid, 0)::regproc::text, 'subtype_diff: ' || nullif(g.rngsubdiff::oid, 0)::regproc::text,
	'multirange_type_name: ' || format_type(g.rngmultitypid, NULL))
FROM typ AS t JOIN pg_range AS g ON g.rngtypid = t.oid JOIN pg_type AS b ON b.oid = g.rngsubtype
