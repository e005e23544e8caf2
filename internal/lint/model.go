package lint

import (
	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// model is what the schema files declare, so that a name in a query can be
// said to belong to the tenant, to the reference tables or to neither.
type model struct {
	tenantRelations  map[string]bool
	publicRelations  map[string]bool
	references       map[string]bool // granted to PUBLIC
	tenantTypes      map[string]bool
	publicTypes      map[string]bool
	tenantFunctions  map[string]bool
	publicFunctions  map[string]bool // created, or an extension's and granted
	columns          map[string]bool // of any relation or composite type
	transitionTables map[string]bool // REFERENCING NEW TABLE AS x
	publicExtension  bool            // some extension adds names to public that no file declares
}

func newModel() *model {
	return &model{
		tenantRelations: map[string]bool{}, publicRelations: map[string]bool{}, references: map[string]bool{},
		tenantTypes: map[string]bool{}, publicTypes: map[string]bool{},
		tenantFunctions: map[string]bool{}, publicFunctions: map[string]bool{},
		transitionTables: map[string]bool{}, columns: map[string]bool{},
	}
}

func (m *model) addPublic(s *statement) {
	if s.tree == nil {
		return
	}
	node := s.tree.GetStmt()
	declare(node, m.publicRelations, m.publicTypes, m.publicFunctions)
	if node.GetCreateExtensionStmt() != nil {
		m.publicExtension = true
	}
	if g := node.GetGrantStmt(); isReferenceGrant(g) {
		for _, o := range g.GetObjects() {
			m.references[o.GetRangeVar().GetRelname()] = true
		}
	}
	if g := node.GetGrantStmt(); isUseGrant(g) {
		for _, o := range g.GetObjects() {
			if f := o.GetObjectWithArgs().GetObjname(); len(f) > 0 {
				m.publicFunctions[lastName(f)] = true
			}
		}
	}
	m.addTransitions(node)
	m.addColumns(node)
}

func (m *model) addTenant(s *statement) {
	if s.tree == nil {
		return
	}
	declare(s.tree.GetStmt(), m.tenantRelations, m.tenantTypes, m.tenantFunctions)
	m.addTransitions(s.tree.GetStmt())
	m.addColumns(s.tree.GetStmt())
}

// addColumns notes the columns that a statement of a schema file declares.
func (m *model) addColumns(node *pgquery.Node) {
	switch {
	case node.GetCreateStmt() != nil, node.GetAlterTableStmt() != nil, node.GetCompositeTypeStmt() != nil,
		node.GetViewStmt() != nil, node.GetCreateTableAsStmt() != nil, node.GetCreateForeignTableStmt() != nil:
		outputs(node.ProtoReflect(), m.columns)
	}
}

func (m *model) addTransitions(node *pgquery.Node) {
	for _, t := range node.GetCreateTrigStmt().GetTransitionRels() {
		m.transitionTables[t.GetTriggerTransition().GetName()] = true
	}
}

// declare notes what a schema statement creates. A relation's name is also
// that of its row type.
func declare(node *pgquery.Node, relations, types, functions map[string]bool) {
	if name := createdRelation(node); name != nil {
		relations[name.GetRelname()] = true
		types[name.GetRelname()] = true
	}
	for _, names := range [][]*pgquery.Node{
		node.GetCreateEnumStmt().GetTypeName(),
		node.GetCreateDomainStmt().GetDomainname(),
		node.GetCreateRangeStmt().GetTypeName(),
	} {
		if len(names) > 0 {
			types[lastName(names)] = true
		}
	}
	if v := node.GetCompositeTypeStmt().GetTypevar(); v != nil {
		types[v.GetRelname()] = true
	}
	if names := node.GetCreateFunctionStmt().GetFuncname(); len(names) > 0 {
		functions[lastName(names)] = true
	}
	if d := node.GetDefineStmt(); d != nil && len(d.GetDefnames()) > 0 {
		functions[lastName(d.GetDefnames())] = true // aggregates; harmless for the others
	}
}

// createdRelation is the table, view or sequence that a statement creates.
func createdRelation(node *pgquery.Node) *pgquery.RangeVar {
	switch {
	case node.GetCreateStmt() != nil:
		return node.GetCreateStmt().GetRelation()
	case node.GetViewStmt() != nil:
		return node.GetViewStmt().GetView()
	case node.GetCreateTableAsStmt() != nil:
		return node.GetCreateTableAsStmt().GetInto().GetRel()
	case node.GetCreateForeignTableStmt() != nil:
		return node.GetCreateForeignTableStmt().GetBaseStmt().GetRelation()
	case node.GetCreateSeqStmt() != nil:
		return node.GetCreateSeqStmt().GetSequence()
	}
	return nil
}

// isReferenceGrant is true for GRANT SELECT ON [TABLE] public.x, ... TO PUBLIC,
// the one way to open a table of public to the tenants.
func isReferenceGrant(g *pgquery.GrantStmt) bool {
	if g == nil || !g.GetIsGrant() || g.GetGrantOption() ||
		g.GetTargtype() != pgquery.GrantTargetType_ACL_TARGET_OBJECT ||
		g.GetObjtype() != pgquery.ObjectType_OBJECT_TABLE ||
		len(g.GetPrivileges()) != 1 || len(g.GetGrantees()) != 1 {
		return false
	}
	priv := g.GetPrivileges()[0].GetAccessPriv()
	if priv.GetPrivName() != "select" || len(priv.GetCols()) > 0 {
		return false
	}
	for _, o := range g.GetObjects() {
		if schema := o.GetRangeVar().GetSchemaname(); schema != "" && schema != publicSchema {
			return false
		}
	}
	return g.GetGrantees()[0].GetRoleSpec().GetRoletype() == pgquery.RoleSpecType_ROLESPEC_PUBLIC
}

// isUseGrant is true for GRANT EXECUTE ON FUNCTION f TO PUBLIC and GRANT USAGE
// ON TYPE t TO PUBLIC, which let tenants use what they cannot read data with.
func isUseGrant(g *pgquery.GrantStmt) bool {
	if g == nil || !g.GetIsGrant() || g.GetGrantOption() ||
		g.GetTargtype() != pgquery.GrantTargetType_ACL_TARGET_OBJECT || len(g.GetPrivileges()) != 1 || len(g.GetGrantees()) != 1 {
		return false
	}
	switch g.GetObjtype() {
	case pgquery.ObjectType_OBJECT_FUNCTION, pgquery.ObjectType_OBJECT_ROUTINE, pgquery.ObjectType_OBJECT_TYPE:
	default:
		return false
	}
	return g.GetGrantees()[0].GetRoleSpec().GetRoletype() == pgquery.RoleSpecType_ROLESPEC_PUBLIC
}

// names reads a list of identifiers.
func names(nodes []*pgquery.Node) []string {
	list := make([]string, 0, len(nodes))
	for _, n := range nodes {
		list = append(list, n.GetString_().GetSval())
	}
	return list
}

func lastName(nodes []*pgquery.Node) string {
	return nodes[len(nodes)-1].GetString_().GetSval()
}

// splitName parts a qualified name into schema and name; a catalog counts
// into the schema, so that it never passes for a plain one.
func splitName(nodes []*pgquery.Node) (schema, name string) {
	list := names(nodes)
	switch len(list) {
	case 0:
		return "", ""
	case 1:
		return "", list[0]
	case 2:
		return list[0], list[1]
	}
	return list[len(list)-3] + "." + list[len(list)-2], list[len(list)-1]
}
