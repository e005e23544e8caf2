-- The objects outside of schema $1 that DROP SCHEMA CASCADE would take along, at
-- most $2 of them. An object is where its home is: the schema that it is in, or
-- that of what it is a part of. One without a home, such as an extension, is
-- outside when it would keep a RESTRICT from dropping what it depends on. Written
-- once and used three times, an object's home would be planned and looked for three
-- times, were it not MATERIALIZED.
WITH RECURSIVE the AS (
    SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1
),
reached (classid, objid) AS (
    SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid, oid FROM the
    UNION
    SELECT d.classid, d.objid
    FROM reached AS r JOIN pg_catalog.pg_depend AS d ON d.refclassid = r.classid AND d.refobjid = r.objid
),
placed AS MATERIALIZED (
    SELECT d.classid, d.objid, d.objsubid, d.deptype,
        CASE d.classid
            WHEN 'pg_catalog.pg_class'::pg_catalog.regclass THEN (SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = d.objid)
            WHEN 'pg_catalog.pg_type'::pg_catalog.regclass THEN (SELECT typnamespace FROM pg_catalog.pg_type WHERE oid = d.objid)
            WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass THEN (SELECT pronamespace FROM pg_catalog.pg_proc WHERE oid = d.objid)
            WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN (SELECT connamespace FROM pg_catalog.pg_constraint WHERE oid = d.objid)
            WHEN 'pg_catalog.pg_attrdef'::pg_catalog.regclass THEN (SELECT c.relnamespace FROM pg_catalog.pg_attrdef AS x JOIN pg_catalog.pg_class AS c ON c.oid = x.adrelid WHERE x.oid = d.objid)
            WHEN 'pg_catalog.pg_rewrite'::pg_catalog.regclass THEN (SELECT c.relnamespace FROM pg_catalog.pg_rewrite AS x JOIN pg_catalog.pg_class AS c ON c.oid = x.ev_class WHERE x.oid = d.objid)
            WHEN 'pg_catalog.pg_trigger'::pg_catalog.regclass THEN (SELECT c.relnamespace FROM pg_catalog.pg_trigger AS x JOIN pg_catalog.pg_class AS c ON c.oid = x.tgrelid WHERE x.oid = d.objid)
            WHEN 'pg_catalog.pg_policy'::pg_catalog.regclass THEN (SELECT c.relnamespace FROM pg_catalog.pg_policy AS x JOIN pg_catalog.pg_class AS c ON c.oid = x.polrelid WHERE x.oid = d.objid)
            WHEN 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass THEN (SELECT stxnamespace FROM pg_catalog.pg_statistic_ext WHERE oid = d.objid)
            WHEN 'pg_catalog.pg_operator'::pg_catalog.regclass THEN (SELECT oprnamespace FROM pg_catalog.pg_operator WHERE oid = d.objid)
            WHEN 'pg_catalog.pg_opclass'::pg_catalog.regclass THEN (SELECT opcnamespace FROM pg_catalog.pg_opclass WHERE oid = d.objid)
            WHEN 'pg_catalog.pg_opfamily'::pg_catalog.regclass THEN (SELECT opfnamespace FROM pg_catalog.pg_opfamily WHERE oid = d.objid)
            WHEN 'pg_catalog.pg_amop'::pg_catalog.regclass THEN (SELECT f.opfnamespace FROM pg_catalog.pg_amop AS x JOIN pg_catalog.pg_opfamily AS f ON f.oid = x.amopfamily WHERE x.oid = d.objid)
            WHEN 'pg_catalog.pg_amproc'::pg_catalog.regclass THEN (SELECT f.opfnamespace FROM pg_catalog.pg_amproc AS x JOIN pg_catalog.pg_opfamily AS f ON f.oid = x.amprocfamily WHERE x.oid = d.objid)
            WHEN 'pg_catalog.pg_collation'::pg_catalog.regclass THEN (SELECT collnamespace FROM pg_catalog.pg_collation WHERE oid = d.objid)
            WHEN 'pg_catalog.pg_conversion'::pg_catalog.regclass THEN (SELECT connamespace FROM pg_catalog.pg_conversion WHERE oid = d.objid)
            WHEN 'pg_catalog.pg_ts_config'::pg_catalog.regclass THEN (SELECT cfgnamespace FROM pg_catalog.pg_ts_config WHERE oid = d.objid)
            WHEN 'pg_catalog.pg_ts_dict'::pg_catalog.regclass THEN (SELECT dictnamespace FROM pg_catalog.pg_ts_dict WHERE oid = d.objid)
            WHEN 'pg_catalog.pg_ts_parser'::pg_catalog.regclass THEN (SELECT prsnamespace FROM pg_catalog.pg_ts_parser WHERE oid = d.objid)
            WHEN 'pg_catalog.pg_ts_template'::pg_catalog.regclass THEN (SELECT tmplnamespace FROM pg_catalog.pg_ts_template WHERE oid = d.objid)
            -- A cast is of no use without the types that it is between.
            WHEN 'pg_catalog.pg_cast'::pg_catalog.regclass THEN (
                SELECT t.typnamespace FROM pg_catalog.pg_cast AS x JOIN pg_catalog.pg_type AS t ON t.oid IN (x.castsource, x.casttarget), the
                WHERE x.oid = d.objid ORDER BY t.typnamespace = the.oid DESC LIMIT 1)
        END AS home
    FROM reached AS r JOIN pg_catalog.pg_depend AS d ON d.refclassid = r.classid AND d.refobjid = r.objid
    WHERE d.deptype <> 'i'
)
SELECT DISTINCT coalesce(
    (SELECT pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, v.ev_class, 0)
     FROM pg_catalog.pg_rewrite AS v
     WHERE p.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND v.oid = p.objid AND v.rulename = '_RETURN'),
    pg_catalog.pg_describe_object(p.classid, p.objid, p.objsubid)) AS object
FROM placed AS p, the
WHERE p.home <> the.oid AND p.home <> 'pg_toast'::pg_catalog.regnamespace OR p.home IS NULL AND p.deptype NOT IN ('a', 'P', 'S')
ORDER BY object LIMIT $2
