package plan

import (
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// beyond are the statements, by their names in PostgreSQL's grammar, whose effect
// would outlive a scratch database, on what may be production's server, or that
// wait for a client to send rows.
var beyond = map[protoreflect.Name]string{
	"CreateRoleStmt": "CREATE ROLE", "AlterRoleStmt": "ALTER ROLE", "AlterRoleSetStmt": "ALTER ROLE ... SET",
	"DropRoleStmt": "DROP ROLE", "GrantRoleStmt": "GRANT or REVOKE of a role",
	"DropOwnedStmt": "DROP OWNED", "ReassignOwnedStmt": "REASSIGN OWNED",
	"CreatedbStmt": "CREATE DATABASE", "DropdbStmt": "DROP DATABASE", "AlterDatabaseStmt": "ALTER DATABASE",
	"AlterDatabaseSetStmt": "ALTER DATABASE ... SET", "AlterDatabaseRefreshCollStmt": "ALTER DATABASE",
	"CreateTableSpaceStmt": "CREATE TABLESPACE", "DropTableSpaceStmt": "DROP TABLESPACE",
	"AlterTableSpaceOptionsStmt": "ALTER TABLESPACE", "AlterSystemStmt": "ALTER SYSTEM", "LoadStmt": "LOAD",
	"CreateSubscriptionStmt": "CREATE SUBSCRIPTION", "CopyStmt": "COPY", "DoStmt": "DO", "CallStmt": "CALL",
}

// reaches says what a statement of a schema file is, if it may not be run just to
// find out which state it describes; and is empty for all others.
func reaches(n *pgquery.Node) string {
	if n == nil {
		return ""
	}
	if r := n.GetRenameStmt(); r.GetRenameType() == pgquery.ObjectType_OBJECT_ROLE || r.GetRenameType() == pgquery.ObjectType_OBJECT_DATABASE {
		return "ALTER " + strings.TrimPrefix(r.GetRenameType().String(), "OBJECT_") + " ... RENAME"
	}
	what := ""
	n.ProtoReflect().Range(func(_ protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		what = beyond[v.Message().Descriptor().Name()]
		return false
	})
	return what
}
