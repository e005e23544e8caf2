package lint

import (
	"maps"
	"slices"
)

// The stable names of the rules, as they stand in findings and allow comments.
const (
	ruleSyntax       = "syntax-error"
	ruleMultiple     = "multiple-statements"
	ruleTransaction  = "transaction-control"
	ruleDDL          = "ddl"
	ruleDo           = "do-block"
	ruleCopy         = "copy"
	ruleNotify       = "notify"
	ruleSettings     = "session-settings"
	ruleAdvisory     = "advisory-lock"
	ruleLock         = "lock-table"
	rulePrepared     = "prepared-statement"
	ruleCall         = "call"
	ruleUtility      = "utility-statement"
	ruleForeign      = "foreign-schema"
	ruleCatalog      = "system-catalog"
	ruleLookup       = "catalog-lookup"
	ruleNotReference = "not-a-reference-table"
	ruleReadOnly     = "reference-table-write"
	ruleQualify      = "unqualified-public-table"
	ruleUnqualify    = "qualified-tenant-table"
	ruleTenantTable  = "tenant-table-in-public"
	ruleUndeclared   = "undeclared-public-function"
	rulePlacement    = "tablespace"
	rulePolicy       = "policy-role"
	ruleSequence     = "sequence-name"
	ruleDynamic      = "dynamic-sql"
	ruleExternal     = "external-access"
	ruleControl      = "server-control"
	ruleDuplicate    = "duplicate-table"
	rulePublicDDL    = "public-table-change"
	ruleSchemaStmt   = "schema-statement"
	ruleGrant        = "grant"
	ruleOwner        = "owner"
	ruleExtension    = "extension"
	ruleDefiner      = "security-definer"
	rulePath         = "function-search-path"
	ruleOpaque       = "opaque-function"
	ruleAllow        = "allow-comment"
	ruleGoLinkname   = "go-linkname"
	ruleGoUnsafe     = "go-unsafe"
	ruleGoHandmade   = "go-handmade"
	ruleGoFacade     = "go-facade-tree"
	ruleGoSyntax     = "go-syntax"
)

// rules says in one line what each rule refuses.
var rules = map[string]string{
	ruleSyntax:       "SQL that PostgreSQL's grammar does not accept",
	ruleMultiple:     "more than one statement in a query, or a statement that belongs to no query",
	ruleTransaction:  "BEGIN, COMMIT, ROLLBACK, SAVEPOINT: transactions belong to InTx",
	ruleDDL:          "CREATE, ALTER, DROP, TRUNCATE, SELECT INTO in a query or a function",
	ruleDo:           "DO blocks",
	ruleCopy:         "COPY; use a :copyfrom query",
	ruleNotify:       "LISTEN, NOTIFY and pg_notify, whose channels all tenants share",
	ruleSettings:     "SET, RESET, SHOW, set_config and current_setting: role and search_path are the tenant's lock",
	ruleAdvisory:     "advisory locks, whose keys all tenants share",
	ruleLock:         "LOCK TABLE",
	rulePrepared:     "PREPARE, EXECUTE, DEALLOCATE and cursors, which outlive the tenant on a pooled connection",
	ruleCall:         "CALL: a procedure may commit, and the tenant's role ends with the transaction",
	ruleUtility:      "EXPLAIN, VACUUM, ANALYZE, REINDEX, LOAD and other maintenance",
	ruleForeign:      "schemas other than the tenant's own and public",
	ruleCatalog:      "relations of pg_catalog, information_schema and pg_temp",
	ruleLookup:       "functions and types that read the system catalogs, such as regclass and has_table_privilege",
	ruleNotReference: "tables of public that no GRANT SELECT ... TO PUBLIC opens to tenants",
	ruleReadOnly:     "writing to a reference table of public in the tenant's scope",
	ruleQualify:      "a table of public written without public. in the tenant's scope",
	ruleUnqualify:    "a tenant's own table or type written with a schema",
	ruleTenantTable:  "a tenant's table in the public scope",
	ruleUndeclared:   "functions of public that the public schema file neither creates nor opens by GRANT EXECUTE",
	rulePlacement:    "TABLESPACE in a schema file",
	rulePolicy:       "a policy TO a named role, and switching row security off",
	ruleSequence:     "sequence functions on anything but a literal, unqualified name",
	ruleDynamic:      "functions and statements that run SQL from a string",
	ruleExternal:     "dblink, large objects, server files",
	ruleControl:      "pg_sleep, pg_terminate_backend and other control of the server",
	ruleDuplicate:    "a table name that stands in both schema files",
	rulePublicDDL:    "DDL on a table of public in the tenant's schema file",
	ruleSchemaStmt:   "statements in a schema file that are no part of a desired state",
	ruleGrant:        "grants other than GRANT SELECT ON public.x TO PUBLIC in the public schema file",
	ruleOwner:        "ALTER ... OWNER TO",
	ruleExtension:    "CREATE EXTENSION in the tenant's schema file",
	ruleDefiner:      "SECURITY DEFINER without a fixed search_path",
	rulePath:         "a function that uses unqualified names without SET search_path",
	ruleOpaque:       "a function whose body cannot be read",
	ruleAllow:        "an allow comment without a reason, of an unknown rule, or that allows nothing",
	ruleGoLinkname:   "//go:linkname in a Go file",
	ruleGoUnsafe:     "Go files that import unsafe or C, and assembly",
	ruleGoHandmade:   "hand-written Go files in a folder of generated code",
	ruleGoFacade:     "packages inside the facade's tree, where Go's internal rule does not hold",
	ruleGoSyntax:     "a Go file whose imports cannot be read",
}

// checked are the rules of bailiwick check that a comment can allow. Lint
// knows their names; whether such a comment allows something, check says.
var checked = map[string]string{
	"column-type":        "check: a column whose type PostgreSQL and sqlc see differently",
	"nullable-column":    "check: a column that can be null and is generated as never null",
	"parameter-type":     "check: a parameter whose type PostgreSQL and sqlc see differently",
	"nullable-parameter": "check: a parameter that may be null for a column that may not",
}

// The rules of bailiwick vet, which types decide and not a file alone.
const (
	RuleGoDatabase  = "go-database"
	RuleGoKept      = "go-querier-kept"
	RuleGoGoroutine = "go-querier-goroutine"
)

// vetted are the rules of bailiwick vet that a comment in a Go file can allow.
// Lint knows their names; whether such a comment allows something, vet says.
var vetted = map[string]string{
	RuleGoDatabase:  "vet: Go that opens connections of its own, with pgx, pgxpool, pgconn or database/sql, outside the packages listed under `vet` in bailiwick.yaml",
	RuleGoKept:      "vet: a querier kept in a struct, a package variable, a channel or a map, where it outlives its request",
	RuleGoGoroutine: "vet: a querier given to a started goroutine, which may outlive its request",
}

// never are the rules that no comment can allow.
var never = map[string]bool{
	ruleSyntax: true, ruleAllow: true, ruleGoSyntax: true, ruleGoHandmade: true, ruleGoFacade: true,
}

// Rule is one rule and what it refuses.
type Rule struct {
	Name string `json:"name"`
	Doc  string `json:"doc"`
}

// Rules returns all rules, sorted by name, those of check and vet last.
func Rules() []Rule {
	var list []Rule
	for _, all := range []map[string]string{rules, checked, vetted} {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			list = append(list, Rule{Name: name, Doc: all[name]})
		}
	}
	return list
}
