package lint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// Plans lints a project's plan files alone. Whether they are well-formed plans,
// package planfile says.
func Plans(p *project.Project) (diag.List, error) {
	in, err := load(p)
	if err != nil {
		return nil, err
	}
	list := plans(newModelOf(splitAll(in.PublicSchema), splitAll(in.TenantSchema)), in)
	list.Sort()
	return list, nil
}

func plans(m *model, in Input) diag.List {
	list := lintAll(m, scope{schema: true, plan: true}, splitAll(in.PublicPlans))
	return append(list, lintAll(m, scope{schema: true, plan: true, tenant: true}, splitAll(in.TenantPlans))...)
}

var publicPlan = regexp.MustCompile(`(?m)^[ \t]*--[ \t]*bailiwick:plan[ \t]+public[ \t\r]*$`)

// loadPlans reads the plan files. One that does not say that it is public's is
// held to the tenants' rules, which are stricter.
func loadPlans(p *project.Project, in *Input) error {
	entries, err := os.ReadDir(p.Abs(p.Plans()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".sql") && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, path.Join(p.Plans(), e.Name()))
		}
	}
	files, errRead := readFiles(p, names)
	for _, f := range files {
		if publicPlan.MatchString(f.Text) {
			in.PublicPlans = append(in.PublicPlans, f)
		} else {
			in.TenantPlans = append(in.TenantPlans, f)
		}
	}
	return errors.Join(err, errRead)
}

const mendPlanTarget = "name the schema's own objects, without a schema; public has plan files of its own (-- bailiwick:plan public)"

// planStatement checks a statement of a plan file. It runs as the owner, who may
// do everything: what it reaches is what it names.
func (c *checker) planStatement(n *pgquery.Node) {
	if c.planRoles(n) {
		return
	}
	if k, refused := c.planRefuses(n); refused {
		c.report(0, k.rule, k.what+" in a plan file", k.mend)
		return
	}
	c.created(n)
	c.altered(n)
	for _, names := range planTargets(n) {
		c.planTarget(names)
	}
	for _, cmd := range n.GetAlterTableStmt().GetCmds() {
		switch sub := cmd.GetAlterTableCmd(); sub.GetSubtype() {
		case pgquery.AlterTableType_AT_DisableRowSecurity, pgquery.AlterTableType_AT_NoForceRowSecurity: // as the schema files say
		case pgquery.AlterTableType_AT_ChangeOwner:
			c.planRole(sub.GetNewowner(), "ALTER ... OWNER TO")
		default:
			c.alterCommand(sub)
		}
	}
	if f := n.GetAlterFunctionStmt(); f != nil {
		c.alterFunction(f)
	}
	c.comment(n.GetCommentStmt())
	c.policy(n.GetCreatePolicyStmt())
	c.tree(n)
	c.rule(n.GetRuleStmt())
	if f := n.GetCreateFunctionStmt(); f != nil {
		c.function(f)
	}
}

// planTarget refuses to change what lies in a schema that is not the plan's own.
func (c *checker) planTarget(nodes []*pgquery.Node) {
	schema, name := splitName(nodes)
	switch {
	case schema == "" || schema == planSchema || schema == publicSchema && !c.scope.tenant:
	case schema == publicSchema:
		c.report(0, rulePublicDDL, "a tenants' plan changes public."+name, mendPlanTarget)
	default:
		c.report(0, ruleForeign, fmt.Sprintf("%s.%s is in another schema", schema, name), mendPlanTarget)
	}
}

// planTargets are the names of what a statement changes, where the tree has them
// as bare lists, or as relations that may be read but not changed.
func planTargets(n *pgquery.Node) (list [][]*pgquery.Node) {
	relations := []*pgquery.RangeVar{
		n.GetRenameStmt().GetRelation(), n.GetAlterPolicyStmt().GetTable(), n.GetRefreshMatViewStmt().GetRelation(),
		n.GetReindexStmt().GetRelation(), n.GetClusterStmt().GetRelation(),
	}
	for _, nodes := range [][]*pgquery.Node{n.GetTruncateStmt().GetRelations(), n.GetLockStmt().GetRelations()} {
		for _, node := range nodes {
			relations = append(relations, node.GetRangeVar())
		}
	}
	for _, node := range n.GetVacuumStmt().GetRels() {
		relations = append(relations, node.GetVacuumRelation().GetRelation())
	}
	for _, r := range relations {
		if r.GetSchemaname() != "" {
			list = append(list, []*pgquery.Node{pgquery.MakeStrNode(r.GetSchemaname()), pgquery.MakeStrNode(r.GetRelname())})
		}
	}
	objects := append([]*pgquery.Node{n.GetRenameStmt().GetObject()}, n.GetDropStmt().GetObjects()...)
	for _, object := range objects {
		list = append(list, objectName(n, object))
	}
	return append(list, n.GetAlterTypeStmt().GetTypeName(), n.GetAlterStatsStmt().GetDefnames(), n.GetAlterOperatorStmt().GetOpername().GetObjname())
}

// objectName is the name of what DROP or RENAME speaks of, without the part that
// lies in a table.
func objectName(n, object *pgquery.Node) []*pgquery.Node {
	kind := n.GetDropStmt().GetRemoveType()
	if n.GetRenameStmt() != nil {
		kind = n.GetRenameStmt().GetRenameType()
	}
	switch {
	case object.GetObjectWithArgs() != nil:
		return object.GetObjectWithArgs().GetObjname()
	case object.GetTypeName() != nil:
		return object.GetTypeName().GetNames()
	}
	nodes := object.GetList().GetItems()
	switch kind {
	case pgquery.ObjectType_OBJECT_TRIGGER, pgquery.ObjectType_OBJECT_POLICY, pgquery.ObjectType_OBJECT_RULE:
		return nodes[:max(0, len(nodes)-1)] // behind the table's
	case pgquery.ObjectType_OBJECT_OPCLASS, pgquery.ObjectType_OBJECT_OPFAMILY:
		return nodes[min(1, len(nodes)):] // behind the access method
	case pgquery.ObjectType_OBJECT_DOMCONSTRAINT:
		return nil // its domain is a type, which the walk sees
	default:
		return nodes
	}
}

// planKinds are the statements of a plan file that describe no desired state.
var planKinds = map[string]bool{
	"SelectStmt": true, "InsertStmt": true, "UpdateStmt": true, "DeleteStmt": true, "MergeStmt": true,
	"DropStmt": true, "RenameStmt": true, "TruncateStmt": true, "LockStmt": true, "ConstraintsSetStmt": true,
	"RefreshMatViewStmt": true, "ReindexStmt": true, "VacuumStmt": true, "ClusterStmt": true,
	"AlterPolicyStmt": true, "AlterTypeStmt": true, "AlterStatsStmt": true, "AlterOperatorStmt": true,
	"AlterOwnerStmt": true, "GrantStmt": true, "AlterDefaultPrivilegesStmt": true, // planRoles sees to them
	"TransactionStmt": true, // package planfile says more of it
}

// planObjects are the kinds of objects that lie in a schema, and so may be
// dropped or renamed.
var planObjects = map[pgquery.ObjectType]bool{
	pgquery.ObjectType_OBJECT_TABLE: true, pgquery.ObjectType_OBJECT_VIEW: true, pgquery.ObjectType_OBJECT_MATVIEW: true,
	pgquery.ObjectType_OBJECT_INDEX: true, pgquery.ObjectType_OBJECT_SEQUENCE: true, pgquery.ObjectType_OBJECT_FOREIGN_TABLE: true,
	pgquery.ObjectType_OBJECT_FUNCTION: true, pgquery.ObjectType_OBJECT_PROCEDURE: true, pgquery.ObjectType_OBJECT_ROUTINE: true,
	pgquery.ObjectType_OBJECT_AGGREGATE: true, pgquery.ObjectType_OBJECT_OPERATOR: true, pgquery.ObjectType_OBJECT_OPCLASS: true,
	pgquery.ObjectType_OBJECT_OPFAMILY: true, pgquery.ObjectType_OBJECT_TYPE: true, pgquery.ObjectType_OBJECT_DOMAIN: true,
	pgquery.ObjectType_OBJECT_TRIGGER: true, pgquery.ObjectType_OBJECT_POLICY: true, pgquery.ObjectType_OBJECT_RULE: true,
	pgquery.ObjectType_OBJECT_COLUMN: true, pgquery.ObjectType_OBJECT_ATTRIBUTE: true,
	pgquery.ObjectType_OBJECT_TABCONSTRAINT: true, pgquery.ObjectType_OBJECT_DOMCONSTRAINT: true,
	pgquery.ObjectType_OBJECT_COLLATION: true, pgquery.ObjectType_OBJECT_STATISTIC_EXT: true, pgquery.ObjectType_OBJECT_CONVERSION: true,
	pgquery.ObjectType_OBJECT_TSCONFIGURATION: true, pgquery.ObjectType_OBJECT_TSDICTIONARY: true,
}

// planRefuses says why a kind of statement is refused in a plan file.
func (c *checker) planRefuses(n *pgquery.Node) (kind, bool) {
	var name string
	each(n.ProtoReflect(), func(m protoreflect.Message) { name = string(m.Descriptor().Name()) })
	object := pgquery.ObjectType_OBJECT_TABLE
	switch {
	case n.GetDropStmt() != nil:
		object = n.GetDropStmt().GetRemoveType()
	case n.GetRenameStmt() != nil:
		object = n.GetRenameStmt().GetRenameType()
	}
	extension := name == "CreateExtensionStmt" || name == "AlterExtensionStmt" || object == pgquery.ObjectType_OBJECT_EXTENSION
	everything := n.GetVacuumStmt() != nil && len(n.GetVacuumStmt().GetRels()) == 0 ||
		n.GetReindexStmt() != nil && n.GetReindexStmt().GetRelation() == nil || n.GetClusterStmt() != nil && n.GetClusterStmt().GetRelation() == nil
	if everything {
		object = pgquery.ObjectType_OBJECT_DATABASE
	}
	if (declarative(n) || planKinds[name]) && planObjects[object] || extension && !c.scope.tenant {
		return kind{}, false
	}
	k, known := kinds[name]
	switch {
	case extension:
		k = kind{rule: ruleExtension, what: "an extension"}
	case !planObjects[object]:
		k = kind{rule: ruleForeign, what: "a change of what lies in no schema"}
	case !known:
		k = kind{rule: ruleDDL, what: strings.TrimSuffix(name, "Stmt")}
	}
	k.mend = "keep to statements that change the schema's own tables, views, functions, types and rows; the planner itself sees to everything else"
	return k, true
}
