package lint

import (
	"slices"
	"strings"
)

// safePg are the functions named pg_* that look at nothing but their
// arguments; every other pg_* function is refused.
var safePg = map[string]bool{
	"pg_typeof": true, "pg_column_size": true, "pg_column_compression": true, "pg_size_pretty": true,
	"pg_size_bytes": true, "pg_input_is_valid": true, "pg_input_error_info": true, "pg_current_xact_id": true,
}

// refusedFunctions are single names; see also refusedPrefixes.
var refusedFunctions = map[string]string{
	"set_config": ruleSettings, "setseed": ruleSettings, "current_setting": ruleSettings, "pg_reload_conf": ruleSettings,
	"pg_show_all_settings": ruleSettings,
	"pg_notify":            ruleNotify, "pg_listening_channels": ruleNotify, "pg_notification_queue_usage": ruleNotify,
	"ts_stat": ruleDynamic, "ts_rewrite": ruleDynamic, "connectby": ruleDynamic, "xpath_table": ruleDynamic,
	"lo_close": ruleExternal, "lo_creat": ruleExternal, "lo_create": ruleExternal, "lo_export": ruleExternal,
	"lo_from_bytea": ruleExternal, "lo_get": ruleExternal, "lo_import": ruleExternal, "lo_lseek": ruleExternal,
	"lo_lseek64": ruleExternal, "lo_manage": ruleExternal, "lo_open": ruleExternal, "lo_put": ruleExternal,
	"lo_tell": ruleExternal, "lo_tell64": ruleExternal, "lo_truncate": ruleExternal, "lo_truncate64": ruleExternal,
	"lo_unlink":                ruleExternal,
	"has_any_column_privilege": ruleLookup, "has_column_privilege": ruleLookup, "has_database_privilege": ruleLookup,
	"has_foreign_data_wrapper_privilege": ruleLookup, "has_function_privilege": ruleLookup,
	"has_language_privilege": ruleLookup, "has_largeobject_privilege": ruleLookup,
	"has_parameter_privilege": ruleLookup, "has_schema_privilege": ruleLookup, "has_sequence_privilege": ruleLookup,
	"has_server_privilege": ruleLookup, "has_table_privilege": ruleLookup, "has_tablespace_privilege": ruleLookup,
	"has_type_privilege": ruleLookup,
	"loread":             ruleExternal, "lowrite": ruleExternal, "pg_stat_file": ruleExternal, "pg_current_logfile": ruleExternal,
	"pg_terminate_backend": ruleControl, "pg_cancel_backend": ruleControl, "pg_sleep": ruleControl,
	"pg_sleep_for": ruleControl, "pg_sleep_until": ruleControl, "pg_promote": ruleControl,
	"pg_export_snapshot": ruleControl, "pg_rotate_logfile": ruleControl, "pg_switch_wal": ruleControl,
	"pg_create_restore_point": ruleControl, "pg_stat_reset": ruleControl, "pg_wal_replay_pause": ruleControl,
	"row_security_active": ruleLookup, "obj_description": ruleLookup, "col_description": ruleLookup,
	"shobj_description": ruleLookup, "format_type": ruleLookup, "aclexplode": ruleLookup, "acldefault": ruleLookup,
	"makeaclitem": ruleLookup, "aclitemin": ruleLookup, "aclitemout": ruleLookup, "oidvectortypes": ruleLookup, "currtid": ruleLookup, "currtid2": ruleLookup,
	"inet_server_addr": ruleLookup, "inet_server_port": ruleLookup, "inet_client_addr": ruleLookup,
	"inet_client_port": ruleLookup, "array_in": ruleLookup, "record_in": ruleLookup, "domain_in": ruleLookup,
	"array_recv": ruleLookup, "record_recv": ruleLookup, "domain_recv": ruleLookup,
}

var refusedPrefixes = []struct{ prefix, rule string }{
	{"pg_advisory_", ruleAdvisory},
	{"pg_try_advisory_", ruleAdvisory},
	{"query_to_xml", ruleDynamic},
	{"cursor_to_xml", ruleDynamic},
	{"table_to_xml", ruleDynamic},
	{"schema_to_xml", ruleDynamic},
	{"database_to_xml", ruleDynamic},
	{"crosstab", ruleDynamic},
	{"dblink", ruleExternal},
	{"postgres_fdw_", ruleExternal},
	{"pg_read_", ruleExternal},
	{"pg_ls_", ruleExternal},
	{"pg_file_", ruleExternal},
	{"pg_backup_", ruleControl},
	{"pg_log_", ruleControl},
	{"pg_logical_", ruleControl},
	{"pg_replication_", ruleControl},
	{"pg_stat_reset_", ruleControl},
	{"binary_upgrade_", ruleControl},
	{"brin_", ruleControl},
	{"gin_clean_pending_list", ruleControl},
	{"fmgr_", ruleLookup},
	{"plpgsql_", ruleLookup},
	{"hash_aclitem", ruleLookup},
	{"pg_", ruleLookup},
}

// regTypes turn a name into a catalog entry's number, and so tell whether
// something exists in any schema. regconfig and regdictionary name the
// configurations of full-text search and are needed there.
var regTypes = []string{
	"regclass", "regproc", "regprocedure", "regoper", "regoperator", "regtype", "regrole", "regnamespace", "regcollation",
}

// regSuffixes end the names of the functions of a reg type. Its output function
// counts too: a literal argument is read as the type.
var regSuffixes = map[string]bool{"": true, "in": true, "out": true, "recv": true, "send": true}

// functionRule is the rule that refuses a function of pg_catalog, an
// extension or an unqualified name; empty when none does.
func functionRule(name string) string {
	if rule := refusedFunctions[name]; rule != "" {
		return rule
	}
	if safePg[name] {
		return ""
	}
	for _, p := range refusedPrefixes {
		if strings.HasPrefix(name, p.prefix) {
			return p.rule
		}
	}
	if rest, ok := strings.CutPrefix(name, "to_"); ok && (slices.Contains(regTypes, rest) || rest == "regtypemod") {
		return ruleLookup
	}
	for _, t := range regTypes {
		if rest, ok := strings.CutPrefix(name, t); ok && regSuffixes[rest] {
			return ruleLookup
		}
	}
	return ""
}

// typeRefused is true for types whose input reads the catalogs, and for the
// row types of the catalogs' own tables.
func typeRefused(name string) bool {
	name = strings.TrimLeft(name, "_") // _regclass is regclass[]
	if slices.Contains(regTypes, name) || name == "aclitem" {
		return true
	}
	return strings.HasPrefix(name, "pg_") && name != "pg_lsn" && name != "pg_snapshot"
}

// mends says what to do instead.
var mends = map[string]string{
	ruleSettings: "take what the query needs as a parameter; the binding sets role, search_path and timeouts",
	ruleNotify:   "write an outbox row, or notify from Go with a channel that names the tenant",
	ruleAdvisory: "lock a row of the tenant with SELECT ... FOR UPDATE; keys of advisory locks are shared by all tenants",
	ruleDynamic:  "write the statement out; SQL from a string is never linted",
	ruleExternal: "do it in Go, outside the tenant's database role",
	ruleControl:  "do it in Go, or with the operator's tools",
	ruleLookup:   "say in SQL what you need to know; a tenant's query does not look into the catalogs",
}
