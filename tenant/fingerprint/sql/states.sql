, columns (ns, def) AS (
	SELECT x.ns, string_agg(x.def, E'\n' ORDER BY x.rel COLLATE "C")
	FROM (SELECT relnamespace AS ns, rel, rel || ': ' || string_agg(attname, ', ' ORDER BY attnum) AS def
		FROM att WHERE relkind IN ('r', 'p', 'f') GROUP BY relnamespace, rel) AS x
	GROUP BY 1
), whole (ns, n, def) AS (
	SELECT ns, count(*), string_agg(kind || E'\x1f' || name || E'\x1f' || def, E'\x1e' ORDER BY kind COLLATE "C", name COLLATE "C")
	FROM own GROUP BY 1
)
SELECT ns.nspname::text, left(encode(sha256(convert_to(w.def, 'UTF8')), 'hex'), 32), left(encode(sha256(convert_to(coalesce(c.def, ''), 'UTF8')), 'hex'), 32), w.n
FROM whole AS w JOIN ns ON ns.oid = w.ns LEFT JOIN columns AS c ON c.ns = w.ns
