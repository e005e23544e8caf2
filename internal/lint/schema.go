package lint

import (
	"fmt"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// declarative are the statements that describe a desired state.
func declarative(n *pgquery.Node) bool {
	switch n.GetNode().(type) {
	case *pgquery.Node_CreateStmt, *pgquery.Node_IndexStmt, *pgquery.Node_CreateEnumStmt,
		*pgquery.Node_CreateDomainStmt, *pgquery.Node_CompositeTypeStmt, *pgquery.Node_CreateRangeStmt,
		*pgquery.Node_ViewStmt, *pgquery.Node_CreateTableAsStmt, *pgquery.Node_CreateFunctionStmt,
		*pgquery.Node_CreateTrigStmt, *pgquery.Node_CommentStmt, *pgquery.Node_AlterTableStmt,
		*pgquery.Node_AlterEnumStmt, *pgquery.Node_AlterFunctionStmt, *pgquery.Node_AlterDomainStmt,
		*pgquery.Node_CreateSeqStmt, *pgquery.Node_AlterSeqStmt, *pgquery.Node_DefineStmt,
		*pgquery.Node_RuleStmt, *pgquery.Node_CreateStatsStmt, *pgquery.Node_CreatePolicyStmt,
		*pgquery.Node_CreateCastStmt, *pgquery.Node_CreateOpClassStmt, *pgquery.Node_CreateOpFamilyStmt,
		*pgquery.Node_AlterTsconfigurationStmt, *pgquery.Node_AlterTsdictionaryStmt:
		return true
	}
	return false
}

// schemaStatement checks a statement of a schema file.
func (c *checker) schemaStatement(n *pgquery.Node) {
	switch {
	case n.GetGrantStmt() != nil:
		c.grant(n.GetGrantStmt())
		return
	case n.GetCreateExtensionStmt() != nil:
		c.extension(n.GetCreateExtensionStmt())
		return
	case n.GetAlterOwnerStmt() != nil:
		c.owner(0)
		return
	case !declarative(n):
		c.notDeclarative(n)
		return
	}
	c.created(n)
	c.altered(n)
	for _, cmd := range n.GetAlterTableStmt().GetCmds() {
		c.alterCommand(cmd.GetAlterTableCmd())
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

func (c *checker) notDeclarative(n *pgquery.Node) {
	if s := n.GetCreateSchemaStmt(); s != nil {
		if !c.scope.tenant && s.GetSchemaname() == publicSchema && len(s.GetSchemaElts()) == 0 {
			return // CREATE SCHEMA IF NOT EXISTS public, as pg_dump writes it
		}
		c.report(0, ruleForeign, fmt.Sprintf("CREATE SCHEMA %s: a schema file describes one schema", s.GetSchemaname()),
			"remove it; the tenant's schema is made by bailiwick, and public exists")
		return
	}
	if n.GetTransactionStmt() != nil {
		c.report(0, ruleTransaction, "transaction control in a schema file", "remove it: the file is part of the one transaction that makes a tenant")
		return
	}
	c.report(0, ruleSchemaStmt, "the statement is no part of a desired state",
		"keep to CREATE, ALTER TABLE, COMMENT and the like; data, roles and settings belong to seeds, rollouts and the operator")
}

func (c *checker) grant(g *pgquery.GrantStmt) {
	if !c.scope.tenant && (isReferenceGrant(g) || isUseGrant(g)) {
		return
	}
	if c.scope.tenant {
		c.report(0, ruleGrant, "a grant in the tenant's schema file",
			"remove it; bailiwick grants the tenant's role what it needs")
		return
	}
	if !g.GetIsGrant() {
		return // REVOKE takes away
	}
	c.report(0, ruleGrant, "a grant that is not GRANT SELECT ON public.x TO PUBLIC",
		"name each reference table in GRANT SELECT ON public.x TO PUBLIC, each function in GRANT EXECUTE ON FUNCTION; that list is what tenants may use")
}

func (c *checker) extension(e *pgquery.CreateExtensionStmt) {
	if c.scope.tenant {
		c.report(0, ruleExtension, fmt.Sprintf("CREATE EXTENSION %s in the tenant's schema file", e.GetExtname()),
			"move it to the public schema file; an extension exists once in a database")
	}
}

func (c *checker) alterCommand(cmd *pgquery.AlterTableCmd) {
	switch cmd.GetSubtype() {
	case pgquery.AlterTableType_AT_ChangeOwner:
		c.owner(0)
	case pgquery.AlterTableType_AT_SetTableSpace:
		c.tablespace(0)
	case pgquery.AlterTableType_AT_DisableRowSecurity, pgquery.AlterTableType_AT_NoForceRowSecurity:
		c.report(0, rulePolicy, "ALTER TABLE switches row security off",
			"remove it; a table has no row security unless the schema file enables it")
	default: // the rest describes the table
	}
}

// policy refuses roles: the tenant's own role is not known to the file.
func (c *checker) policy(p *pgquery.CreatePolicyStmt) {
	for _, n := range p.GetRoles() {
		if r := n.GetRoleSpec(); r.GetRoletype() != pgquery.RoleSpecType_ROLESPEC_PUBLIC {
			c.report(int(r.GetLocation()), rulePolicy, fmt.Sprintf("policy %s is TO a role", p.GetPolicyName()),
				"leave TO out; a tenant's statements run as the tenant's own role, and no other role reads its tables")
		}
	}
}

func (c *checker) owner(at int) {
	c.report(at, ruleOwner, "ALTER ... OWNER TO", "remove it; the owner role of bailiwick owns every schema")
}

// created checks the name of what a statement creates.
func (c *checker) created(n *pgquery.Node) {
	rel := createdRelation(n)
	if c.scope.tenant {
		for _, own := range createdNames(n) {
			if schema, name := splitName(own); schema != "" {
				c.report(0, ruleUnqualify, fmt.Sprintf("%s.%s is created in a named schema", schema, name),
					fmt.Sprintf("write %s; every tenant has a schema of its own", name))
			}
		}
	}
	if rel != nil && c.scope.tenant && c.model.publicRelations[rel.GetRelname()] {
		c.report(int(rel.GetLocation()), ruleDuplicate, rel.GetRelname()+" stands in the public schema file too",
			"rename one of them; a name belongs to the tenant or to public, never to both")
	}
}

// createdNames are the names of types, functions and the like; relations are
// found by the walk.
func createdNames(n *pgquery.Node) [][]*pgquery.Node {
	var list [][]*pgquery.Node
	for _, nodes := range [][]*pgquery.Node{
		n.GetCreateEnumStmt().GetTypeName(),
		n.GetCreateDomainStmt().GetDomainname(),
		n.GetCreateRangeStmt().GetTypeName(),
		n.GetCreateFunctionStmt().GetFuncname(),
		n.GetDefineStmt().GetDefnames(),
		n.GetCreateStatsStmt().GetDefnames(),
		n.GetCreateOpClassStmt().GetOpclassname(),
	} {
		if len(nodes) > 0 {
			list = append(list, nodes)
		}
	}
	return list
}

// rule refuses the actions of CREATE RULE that a query may not have either.
func (c *checker) rule(r *pgquery.RuleStmt) {
	body := &checker{model: c.model, scope: c.scope, st: c.st, base: c.base, ctes: map[string]bool{}, inBody: true}
	for _, action := range r.GetActions() {
		body.tree(action)
	}
	c.found = appendNew(c.found, body.found)
}

// option refuses the schemas that sequences' options can name.
func (c *checker) option(d *pgquery.DefElem, at int) {
	list := names(d.GetArg().GetList().GetItems())
	switch {
	case d.GetDefname() == "sequence_name" && len(list) > 1, d.GetDefname() == "owned_by" && len(list) > 2:
		if c.scope.tenant || list[0] != publicSchema {
			c.foreign(d.GetDefname(), list[0], list[1], at)
		}
	}
}

// altered refuses a statement of the tenant's file that changes a relation of
// public: it would run once for every tenant, on what all of them share.
func (c *checker) altered(n *pgquery.Node) {
	if !c.scope.tenant {
		return
	}
	targets := []*pgquery.RangeVar{
		n.GetAlterTableStmt().GetRelation(), n.GetIndexStmt().GetRelation(), n.GetCreateTrigStmt().GetRelation(),
		n.GetRuleStmt().GetRelation(), n.GetCreatePolicyStmt().GetTable(), n.GetAlterSeqStmt().GetSequence(),
	}
	for _, nodes := range [][]*pgquery.Node{
		n.GetAlterEnumStmt().GetTypeName(), n.GetAlterDomainStmt().GetTypeName(), n.GetAlterFunctionStmt().GetFunc().GetObjname(),
	} {
		if schema, name := splitName(nodes); schema != "" {
			c.report(0, rulePublicDDL, fmt.Sprintf("the tenant's schema file changes %s.%s", schema, name),
				"move the statement to the public schema file")
		}
	}
	for _, parent := range n.GetCreateStmt().GetInhRelations() {
		targets = append(targets, parent.GetRangeVar())
	}
	for _, v := range targets {
		if v.GetSchemaname() == publicSchema && c.model.publicRelations[v.GetRelname()] {
			c.report(int(v.GetLocation()), rulePublicDDL, "the tenant's schema file changes public."+v.GetRelname(),
				"move the statement to the public schema file")
		}
	}
}
