package lint

import (
	"slices"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// definition checks the functions that CREATE AGGREGATE, OPERATOR and TYPE
// name; the grammar reads them as types.
func (c *checker) definition(d *pgquery.DefineStmt, at int) {
	for _, o := range d.GetDefinition() {
		if o.GetDefElem().GetDefname() == "from" { // CREATE COLLATION ... FROM
			c.qualified("collation", o.GetDefElem().GetArg().GetList().GetItems(), at)
		}
		isType := slices.Contains(typeOptions, o.GetDefElem().GetDefname()) // the walk sees to those
		if t := o.GetDefElem().GetArg().GetTypeName(); t != nil && !isType {
			c.functionName(t.GetNames(), max(at, int(t.GetLocation())))
		}
	}
}

// typeOptions are the options of CREATE AGGREGATE, OPERATOR and TYPE that name
// a type; the others name functions.
var typeOptions = []string{"stype", "mstype", "basetype", "leftarg", "rightarg", "subtype", "element", "like"}

// placed refuses TABLESPACE, wherever the grammar lets it stand.
func (c *checker) placed(m protoreflect.Message, at int) {
	for _, field := range []protoreflect.Name{"tablespacename", "table_space", "table_space_name", "indexspace"} {
		if fd := m.Descriptor().Fields().ByName(field); fd != nil && m.Get(fd).String() != "" {
			c.tablespace(at)
		}
	}
}

func (c *checker) tablespace(at int) {
	c.report(at, rulePlacement, "a schema file names a TABLESPACE",
		"remove it; where tables lie is the operator's choice, by default_tablespace or the database's own")
}

// comment checks what COMMENT ON speaks of. The walk sees functions and types.
func (c *checker) comment(s *pgquery.CommentStmt) {
	if s == nil {
		return
	}
	nodes, what, walked := s.GetObject().GetList().GetItems(), "object", false
	switch s.GetObjtype() {
	case pgquery.ObjectType_OBJECT_COLUMN, pgquery.ObjectType_OBJECT_TABCONSTRAINT, pgquery.ObjectType_OBJECT_TRIGGER,
		pgquery.ObjectType_OBJECT_POLICY, pgquery.ObjectType_OBJECT_RULE:
		nodes = nodes[:max(0, len(nodes)-1)] // the table's name comes first
	case pgquery.ObjectType_OBJECT_OPCLASS, pgquery.ObjectType_OBJECT_OPFAMILY:
		nodes = nodes[min(1, len(nodes)):] // behind the access method
	case pgquery.ObjectType_OBJECT_TABLE, pgquery.ObjectType_OBJECT_VIEW, pgquery.ObjectType_OBJECT_MATVIEW,
		pgquery.ObjectType_OBJECT_FOREIGN_TABLE, pgquery.ObjectType_OBJECT_SEQUENCE, pgquery.ObjectType_OBJECT_INDEX:
		what = "relation"
	case pgquery.ObjectType_OBJECT_COLLATION, pgquery.ObjectType_OBJECT_CONVERSION, pgquery.ObjectType_OBJECT_STATISTIC_EXT,
		pgquery.ObjectType_OBJECT_TSCONFIGURATION, pgquery.ObjectType_OBJECT_TSDICTIONARY:
	case pgquery.ObjectType_OBJECT_FUNCTION, pgquery.ObjectType_OBJECT_PROCEDURE, pgquery.ObjectType_OBJECT_ROUTINE,
		pgquery.ObjectType_OBJECT_AGGREGATE, pgquery.ObjectType_OBJECT_OPERATOR:
		nodes, walked = s.GetObject().GetObjectWithArgs().GetObjname(), true
	case pgquery.ObjectType_OBJECT_TYPE, pgquery.ObjectType_OBJECT_DOMAIN:
		nodes, walked = s.GetObject().GetTypeName().GetNames(), true
	case pgquery.ObjectType_OBJECT_DOMCONSTRAINT:
		nodes, walked = nodes[0].GetTypeName().GetNames(), true
	case pgquery.ObjectType_OBJECT_CAST:
		return
	default:
		c.sharedComment(s)
		return
	}
	if schema, _ := splitName(nodes); !walked || schema == publicSchema {
		c.commented(what, nodes)
	}
}

// sharedComment is on what belongs to no schema.
func (c *checker) sharedComment(s *pgquery.CommentStmt) {
	kind := s.GetObjtype()
	if !c.scope.tenant && (kind == pgquery.ObjectType_OBJECT_EXTENSION ||
		kind == pgquery.ObjectType_OBJECT_SCHEMA && s.GetObject().GetString_().GetSval() == publicSchema) {
		return // as pg_dump writes them
	}
	c.report(0, ruleSchemaStmt, "COMMENT ON something that is in no schema of this file",
		"comment on the tables, columns, types and functions that the file creates")
}

func (c *checker) commented(what string, nodes []*pgquery.Node) {
	switch schema, name := splitName(nodes); {
	case schema == "" || schema == publicSchema && !c.scope.tenant:
	case schema == publicSchema:
		c.report(0, rulePublicDDL, "the tenant's schema file comments on public."+name, "move the statement to the public schema file")
	default:
		c.foreign(what, schema, name, 0)
	}
}
