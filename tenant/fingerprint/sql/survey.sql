-- What each schema holds, by number. One look at the catalogs for a whole fleet:
-- pg_class and pg_type have no index by schema.
WITH n AS MATERIALIZED (
	SELECT oid, nspname FROM pg_namespace WHERE nspname = ANY ($1::text[])
), r AS (
	SELECT relnamespace AS ns, array_agg(oid) AS oids
	FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND relnamespace = ANY (ARRAY(SELECT oid FROM n))
	GROUP BY 1
), t AS (
	SELECT typnamespace AS ns, array_agg(oid) AS oids
	FROM pg_type WHERE typrelid = 0 AND typcategory <> 'A' AND typnamespace = ANY (ARRAY(SELECT oid FROM n))
	GROUP BY 1
), f AS (
	SELECT pronamespace AS ns, array_agg(oid) AS oids
	FROM pg_proc WHERE pronamespace = ANY (ARRAY(SELECT oid FROM n))
	GROUP BY 1
)
SELECT n.nspname::text, n.oid, coalesce(r.oids, '{}'), coalesce(t.oids, '{}'), coalesce(f.oids, '{}')
FROM n LEFT JOIN r ON r.ns = n.oid LEFT JOIN t ON t.ns = n.oid LEFT JOIN f ON f.ns = n.oid
