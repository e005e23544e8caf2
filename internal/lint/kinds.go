package lint

import "strings"

type kind struct{ rule, what, mend string }

const (
	mendSettings = "the binding sets role, search_path and timeouts; take anything else as a parameter"
	mendInTx     = "use InTx in Go; a query is one statement of its caller's transaction"
	mendShared   = "write an outbox row, or notify from Go with a channel that names the tenant"
	mendPlain    = "write the statement itself as a query; the runtime prepares it"
	mendOperator = "it is an operator's work, not a query's"
	mendDDL      = "put it into the schema file; it reaches the tenants by a rollout"
)

// plain are the statements that read and write rows, and the tree's own nodes
// that bear a statement's name.
var plain = map[string]bool{
	"SelectStmt": true, "InsertStmt": true, "UpdateStmt": true, "DeleteStmt": true, "MergeStmt": true,
	"RawStmt": true, "SetOperationStmt": true, "ReturnStmt": true, "PLAssignStmt": true,
}

var kinds = map[string]kind{
	"TransactionStmt":      {ruleTransaction, "transaction control", mendInTx},
	"VariableSetStmt":      {ruleSettings, "SET or RESET", mendSettings},
	"VariableShowStmt":     {ruleSettings, "SHOW", mendSettings},
	"DiscardStmt":          {ruleSettings, "DISCARD", mendSettings},
	"ConstraintsSetStmt":   {ruleSettings, "SET CONSTRAINTS", "declare the constraint INITIALLY DEFERRED in the schema file"},
	"AlterSystemStmt":      {ruleSettings, "ALTER SYSTEM", mendOperator},
	"AlterRoleSetStmt":     {ruleSettings, "ALTER ROLE ... SET", mendOperator},
	"AlterDatabaseSetStmt": {ruleSettings, "ALTER DATABASE ... SET", mendOperator},
	"DoStmt":               {ruleDo, "DO", "write the statements as queries, or a function in the schema file"},
	"CopyStmt":             {ruleCopy, "COPY", "use a :copyfrom query, which streams rows through the binding"},
	"ListenStmt":           {ruleNotify, "LISTEN", mendShared},
	"NotifyStmt":           {ruleNotify, "NOTIFY", mendShared},
	"UnlistenStmt":         {ruleNotify, "UNLISTEN", mendShared},
	"LockStmt":             {ruleLock, "LOCK TABLE", "lock rows with SELECT ... FOR UPDATE"},
	"PrepareStmt":          {rulePrepared, "PREPARE", mendPlain},
	"ExecuteStmt":          {rulePrepared, "EXECUTE", mendPlain},
	"DeallocateStmt":       {rulePrepared, "DEALLOCATE", mendPlain},
	"DeclareCursorStmt":    {rulePrepared, "DECLARE CURSOR", mendPlain},
	"FetchStmt":            {rulePrepared, "FETCH", mendPlain},
	"ClosePortalStmt":      {rulePrepared, "CLOSE", mendPlain},
	"CallStmt":             {ruleCall, "CALL", "call a function with SELECT instead"},
	"VacuumStmt":           {ruleUtility, "VACUUM or ANALYZE", mendOperator},
	"ClusterStmt":          {ruleUtility, "CLUSTER", mendOperator},
	"ReindexStmt":          {ruleUtility, "REINDEX", mendOperator},
	"CheckPointStmt":       {ruleUtility, "CHECKPOINT", mendOperator},
	"LoadStmt":             {ruleUtility, "LOAD", mendOperator},
	"ExplainStmt":          {ruleUtility, "EXPLAIN", mendOperator},
	"RefreshMatViewStmt":   {ruleUtility, "REFRESH MATERIALIZED VIEW", mendOperator},
	"SecLabelStmt":         {ruleUtility, "SECURITY LABEL", mendOperator},
	"GrantStmt":            {ruleDDL, "GRANT or REVOKE", mendOperator},
	"GrantRoleStmt":        {ruleDDL, "GRANT or REVOKE of a role", mendOperator},
	"TruncateStmt":         {ruleDDL, "TRUNCATE", "use DELETE; a tenant's role may not truncate"},
	"CreateTableAsStmt":    {ruleDDL, "CREATE TABLE AS", "use INSERT INTO ... SELECT on a table of the schema"},
	"DropStmt":             {ruleDDL, "DROP", mendDDL},
}

// kindOf says why a kind of statement is refused; false for rows and for
// messages that are no statement. Kinds not listed are DDL.
func kindOf(message string) (kind, bool) {
	if plain[message] || !strings.HasSuffix(message, "Stmt") {
		return kind{}, false
	}
	if k, ok := kinds[message]; ok {
		return k, true
	}
	return kind{ruleDDL, "DDL (" + strings.TrimSuffix(message, "Stmt") + ")", mendDDL}, true
}

func isSystemSchema(schema string) bool {
	return schema == "information_schema" || strings.HasPrefix(schema, "pg_")
}
