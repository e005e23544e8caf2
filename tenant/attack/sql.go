package attack

import (
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Statement is SQL that the database must deny to the runtime role, also past the
// library. {a} and {b} stand for the tenants' schemas, {table} for a table of both.
type Statement struct {
	// Attack is its number.
	Attack int
	// As is the role that is taken on first; empty means none.
	As string
	// Before are statements that work, and come first.
	Before []string
	SQL    string
}

// Fill puts names in the place of {a}, {b} and {table}.
func (s Statement) Fill(a, b tenant.Tenant, table string) Statement {
	names := strings.NewReplacer("{a}", a.Schema(), "{b}", b.Schema(), "{table}", tenant.QuoteIdent(table))
	filled := Statement{Attack: s.Attack, As: names.Replace(s.As), SQL: names.Replace(s.SQL)}
	for _, sql := range s.Before {
		filled.Before = append(filled.Before, names.Replace(sql))
	}
	return filled
}

// asA is the role of tenant A.
const asA = "{a}"

// Denied are what the runtime role may not do, even by hand and as any tenant.
func Denied() []Statement {
	list := slices.Clone(denied)
	for _, sql := range turncoats {
		list = append(list, Statement{15, asA, []string{"SET search_path = {a}, pg_temp"}, sql})
	}
	return list
}

var denied = []Statement{
	{20, asA, nil, "CREATE TEMP TABLE {table} (id bigint, body text)"},
	{20, asA, nil, "CREATE TABLE {a}.pg_class (id int)"},
	{20, asA, nil, "CREATE FUNCTION {a}.now() RETURNS int LANGUAGE sql AS 'SELECT 1'"},
	{20, asA, nil, "CREATE FUNCTION public.now() RETURNS int LANGUAGE sql AS 'SELECT 1'"},
	{20, asA, nil, "CREATE OPERATOR {a}.= (FUNCTION = int4eq, LEFTARG = int, RIGHTARG = int)"},
	{20, asA, nil, "CREATE SCHEMA mine"},
	{22, asA, nil, "SELECT 1 FROM {b}.{table}"},
	{22, asA, nil, "DELETE FROM {b}.{table}"},
	{22, asA, nil, "COPY {b}.{table} TO STDOUT"},
	{22, "", nil, "SELECT 1 FROM {a}.{table}"},
	{22, "", nil, "SELECT 1 FROM {b}.{table}"},
	{23, "", nil, "CREATE TABLE public.mine (id int)"},
	{23, "", nil, "CREATE TEMP TABLE mine (id int)"},
	{23, "", nil, "CREATE ROLE mine"},
	{23, "", nil, "SET SESSION AUTHORIZATION {a}"},
	{23, asA, []string{"RESET ROLE"}, "SELECT 1 FROM {a}.{table}"},
	{23, asA, nil, "DROP TABLE {a}.{table}"},
	{23, asA, nil, "ALTER TABLE {a}.{table} ADD x int"},
	{23, asA, nil, "TRUNCATE {a}.{table}"},
	{23, asA, nil, "GRANT {a} TO {b}"},
	{23, asA, nil, "CREATE SCHEMA mine"},
	{23, asA, nil, "COPY {a}.{table} TO PROGRAM 'cat'"},
	{24, asA, nil, "SELECT slug FROM public.tenants"},
	{24, asA, nil, "SELECT host FROM bailiwick.domains"},
	{24, asA, nil, "SELECT actor FROM bailiwick.audit"},
	{27, asA, nil, "SELECT pg_catalog.pg_notify('c', 'p')"},
	{27, asA, nil, "SELECT pg_catalog.pg_advisory_lock(4711)"},
	{27, asA, nil, "CREATE TEMP SEQUENCE mine"},
}

// Turncoats are queries that try to become tenant {b}, or to reach what sessions
// share, past a guard that looks at words. They must be denied through the library
// and without it.
func Turncoats() []string { return slices.Clone(turncoats) }

var turncoats = []string{
	"SELECT E'a'\n'\\'' || set_config('role', '{b}', false) || query_to_xml('SELECT 1 FROM {b}.{table}', true, false, '')::text -- '",
	"SELECT query_to_xml_and_xmlschema('SELECT set_config(''role'', ''{b}'', true)', true, false, '')::text",
	"SELECT query_to_xml('SELECT 1 FROM {b}.{table}', true, false, '')::text",
	"SELECT schema_to_xml('{b}', true, false, '')::text",
	"SELECT database_to_xml(true, false, '')::text",
	"SELECT cursor_to_xml('c', 1, true, false, '')::text",
	"SELECT word FROM ts_stat('SELECT to_tsvector(set_config(''role'', ''{b}'', false)) UNION ALL SELECT to_tsvector(x::text) FROM {b}.{table} AS x')",
	"SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, plainto_tsquery(set_config(''role'', ''{b}'', true))')::text",
	"SELECT n.word FROM (SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, plainto_tsquery(set_config(''role'', ''{b}'', true))')) AS x, " +
		"LATERAL ts_stat('SELECT to_tsvector(y::text) FROM {b}.{table} AS y') AS n",
	"UPDATE pg_settings SET setting = '{b}' WHERE name = 'role'",
	"WITH s AS (SELECT 'DateStyle' AS name) UPDATE pg_catalog.pg_settings AS p SET setting = 'German' FROM s WHERE p.name = s.name",
	"SELECT setting FROM pg_settings WHERE name = 'role'",
	"SELECT string_agg(statement, '; ') FROM pg_prepared_statements",
	"SELECT string_agg(p::text, '; ') FROM pg_prepared_statement() AS p",
	"SELECT string_agg(query, '; ') FROM pg_stat_activity",
	"SELECT string_agg(schemaname, '; ') FROM pg_stat_user_tables",
	"SELECT set_config('search_path', '{b}', true)",
	"SELECT setseed(0.5)",
	"SELECT pg_notify('c', 'p')",
	"SELECT pg_advisory_lock(4711)",
	"SELECT pg_try_advisory_xact_lock(4711)",
	"SELECT lo_create(0)",
	"SELECT lo_from_bytea(0, 'x')",
	"SELECT pg_export_snapshot()",
	"SELECT pg_logical_emit_message(false, 'a', 'b')",
	"SELECT sum(pg_total_relation_size(oid))::text FROM pg_class WHERE relname = '{table}'",
	"SELECT string_agg(gid, '; ') FROM pg_prepared_xacts",
	"SELECT pg_terminate_backend(pg_backend_pid())",
}

// Refused are statements that the library refuses whatever the database says:
// what is no query, and functions that change what the connection is bound to.
func Refused() []string { return slices.Clone(refused) }

var refused = []string{
	"SET LOCAL search_path = {b}", "SET search_path = {b}", "SET LOCAL ROLE {b}", "SET ROLE {b}",
	"RESET ROLE", "RESET ALL", "DISCARD ALL", "BEGIN", "COMMIT", "ROLLBACK", "SET SESSION AUTHORIZATION DEFAULT",
	"SELECT set_config('role', '{b}', false)", "SELECT pg_catalog.set_config('search_path', '{b}', true)",
	`SELECT "set_config"('role', 'none', true)`, `SELECT U&"\0073et_config"('role', 'none', true)`,
	"/* SELECT */ SET ROLE {b}", "-- SELECT\nRESET ROLE", "DO $$ BEGIN END $$", "COPY {table} TO STDOUT",
	"SELECT 1 AS x INTO TEMP leftover", "SELECT 1 AS x INTO public.leftover", "SELECT 1::regnamespace",
	"LISTEN x", "NOTIFY x", "SELECT pg_notify('x', 'y')", "SELECT pg_advisory_lock(1)", "",
}
