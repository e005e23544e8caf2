package lint

import (
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// planSchema stands in a plan for the schema that it is run in. Roles have such
// names too, since a plan is for many schemas.
const planSchema = "$schema"

const mendPlanRole = `name "$tenant", "$owner", "$runtime" or PUBLIC: a plan is for many schemas, each with a role of its own`

// planRoles checks grants and owners; true means that the statement is one.
func (c *checker) planRoles(n *pgquery.Node) bool {
	switch {
	case n.GetGrantStmt() != nil:
		c.planGrant(n.GetGrantStmt(), true)
	case n.GetAlterOwnerStmt() != nil:
		o := n.GetAlterOwnerStmt()
		c.planRole(o.GetNewowner(), "ALTER ... OWNER TO")
		if !planObjects[o.GetObjectType()] {
			c.report(0, ruleOwner, "the owner of what lies in no schema", mendPlanTarget)
		}
		c.planObject(o.GetObject())
		c.tree(n)
	case n.GetAlterDefaultPrivilegesStmt() != nil:
		c.planDefaults(n.GetAlterDefaultPrivilegesStmt())
	default:
		return false
	}
	return true
}

func (c *checker) planRole(n *pgquery.RoleSpec, what string) {
	switch n.GetRolename() {
	case "$tenant", "$owner", "$runtime":
		return
	}
	if n.GetRoletype() != pgquery.RoleSpecType_ROLESPEC_PUBLIC {
		c.report(int(n.GetLocation()), ruleGrant, what+" a role by its name", mendPlanRole)
	}
}

// planGrant checks whom and, unless it is about objects to come, what.
func (c *checker) planGrant(g *pgquery.GrantStmt, objects bool) {
	for _, grantee := range g.GetGrantees() {
		c.planRole(grantee.GetRoleSpec(), "GRANT or REVOKE for")
	}
	if !objects {
		return
	}
	schemas := g.GetTargtype() == pgquery.GrantTargetType_ACL_TARGET_ALL_IN_SCHEMA || g.GetObjtype() == pgquery.ObjectType_OBJECT_SCHEMA
	for _, o := range g.GetObjects() {
		switch {
		case schemas:
			c.planTarget([]*pgquery.Node{o, pgquery.MakeStrNode("*")})
		case o.GetRangeVar() != nil:
			c.planTarget([]*pgquery.Node{pgquery.MakeStrNode(o.GetRangeVar().GetSchemaname()), pgquery.MakeStrNode(o.GetRangeVar().GetRelname())})
		case o.GetList() == nil && o.GetObjectWithArgs() == nil:
			c.report(0, ruleGrant, "rights on what lies in no schema", mendPlanTarget)
		default:
			c.planObject(o)
		}
	}
}

func (c *checker) planObject(o *pgquery.Node) {
	for _, nodes := range [][]*pgquery.Node{o.GetList().GetItems(), o.GetObjectWithArgs().GetObjname(), o.GetTypeName().GetNames()} {
		c.planTarget(nodes)
	}
}

func (c *checker) planDefaults(s *pgquery.AlterDefaultPrivilegesStmt) {
	c.planGrant(s.GetAction(), false)
	schemas := 0
	for _, option := range s.GetOptions() {
		e := option.GetDefElem()
		for _, item := range e.GetArg().GetList().GetItems() {
			if strings.HasSuffix(e.GetDefname(), "roles") {
				c.planRole(item.GetRoleSpec(), "ALTER DEFAULT PRIVILEGES FOR")
				continue
			}
			schemas++
			c.planTarget([]*pgquery.Node{item, pgquery.MakeStrNode("*")})
		}
	}
	if schemas == 0 {
		c.report(0, ruleGrant, "default privileges of all schemas", `write ALTER DEFAULT PRIVILEGES IN SCHEMA "$schema" ...`)
	}
}
