package tenanttest

import (
	"slices"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// turncoats are queries that try to become the tenant {other}, or to reach what
// sessions share, past a guard that looks at words.
var turncoats = []string{
	"SELECT E'a'\n'\\'' || set_config('role', '{other}', false) || query_to_xml('SELECT body FROM {other}.notes', true, false, '')::text -- '",
	"SELECT query_to_xml_and_xmlschema('SELECT set_config(''role'', ''{other}'', true)', true, false, '')::text",
	"SELECT query_to_xml('SELECT body FROM {other}.notes', true, false, '')::text",
	"SELECT schema_to_xml('{other}', true, false, '')::text",
	"SELECT database_to_xml(true, false, '')::text",
	"SELECT cursor_to_xml('c', 1, true, false, '')::text",
	"SELECT word FROM ts_stat('SELECT to_tsvector(set_config(''role'', ''{other}'', false)) UNION ALL SELECT to_tsvector(body) FROM {other}.notes')",
	"SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, plainto_tsquery(set_config(''role'', ''{other}'', true))')::text",
	"SELECT n.word FROM (SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, plainto_tsquery(set_config(''role'', ''{other}'', true))')) AS x, " +
		"LATERAL ts_stat('SELECT to_tsvector(body) FROM {other}.notes') AS n",
	"UPDATE pg_settings SET setting = '{other}' WHERE name = 'role'",
	"WITH s AS (SELECT 'DateStyle' AS name) UPDATE pg_catalog.pg_settings AS p SET setting = 'German' FROM s WHERE p.name = s.name",
	"SELECT setting FROM pg_settings WHERE name = 'role'",
	"SELECT string_agg(statement, '; ') FROM pg_prepared_statements",
	"SELECT string_agg(p::text, '; ') FROM pg_prepared_statement() AS p",
	"SELECT string_agg(query, '; ') FROM pg_stat_activity",
	"SELECT string_agg(schemaname, '; ') FROM pg_stat_user_tables",
	"SELECT set_config('search_path', '{other}', true)",
	"SELECT setseed(0.5)",
	"SELECT pg_notify('c', 'p')",
	"SELECT pg_advisory_lock(4711)",
	"SELECT pg_try_advisory_xact_lock(4711)",
	"SELECT lo_create(0)",
	"SELECT lo_from_bytea(0, 'x')",
	"SELECT pg_export_snapshot()",
	"SELECT pg_logical_emit_message(false, 'a', 'b')",
	"SELECT sum(pg_total_relation_size(oid))::text FROM pg_class WHERE relname = 'notes'",
	"SELECT string_agg(gid, '; ') FROM pg_prepared_xacts",
	"SELECT pg_terminate_backend(pg_backend_pid())",
}

// turncoat wants each of them denied twice: through the library, by its guard or
// by the database, and by the database alone.
func (i isolation) turncoat(t *testing.T) {
	for _, sql := range turncoats {
		sql = strings.ReplaceAll(sql, "{other}", i.Tenants[1].Schema())
		_, err := i.run(t.Context(), 0, sql)
		if !slices.Contains([]tenant.Code{tenant.CodeRefused, tenant.CodeForbidden}, tenant.CodeOf(err)) {
			t.Errorf("%s: %v, want it refused or forbidden", sql, err)
		}
		i.raw(t, i.Tenants[0].Schema(), "SET search_path = "+i.Tenants[0].Schema()+", pg_temp", sql)
	}
	i.intact(t)
}
