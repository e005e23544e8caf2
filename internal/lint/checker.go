package lint

import (
	"fmt"
	"slices"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

const (
	publicSchema = "public"
	pgCatalog    = "pg_catalog"
)

// checker applies the rules to one statement, or to one statement inside a
// function's body.
type checker struct {
	model *model
	scope scope
	st    *statement
	// base is added to the tree's locations; fixed, when not zero, is the
	// offset that stands for all of them.
	base, fixed int
	ctes        map[string]bool
	local       scopeNames
	found       diag.List
	// unqualified is the first name that needs a search_path to be found.
	unqualified string
	inBody      bool
}

func (c *checker) report(at int, rule, message, mend string) {
	offset := c.base + max(at, 0)
	if c.fixed > 0 {
		offset = c.fixed
	}
	line, column := position(c.st.source, offset)
	d := diag.Diagnostic{
		File: c.st.file, Line: line, Column: column, Rule: rule, Subject: c.st.name, Message: message, Mend: mend,
	}
	if !slices.Contains(c.found, d) {
		c.found = append(c.found, d)
	}
}

// statement checks one top-level statement.
func (c *checker) statement() {
	if c.st.err != nil {
		c.found = append(c.found, *c.st.err)
		return
	}
	if c.st.tree == nil {
		return
	}
	if c.st.more > 0 {
		c.report(0, ruleMultiple, "more than one statement", "end each statement with a semicolon of its own")
	}
	switch {
	case c.scope.plan:
		c.planStatement(c.st.tree.GetStmt())
	case c.scope.schema:
		c.schemaStatement(c.st.tree.GetStmt())
	default:
		c.queryStatement()
	}
}

func (c *checker) queryStatement() {
	if c.st.name == "" {
		c.report(0, ruleMultiple, "a statement that belongs to no query",
			"put a line \"-- name: Name :one\" above it; a query is one statement")
	}
	c.tree(c.st.tree.GetStmt())
}

// tree checks a statement of a query or a body with everything inside it.
func (c *checker) tree(node *pgquery.Node) {
	c.collect(node.ProtoReflect())
	c.walk(node.ProtoReflect(), 0)
}

// each calls f with every message directly inside m.
func each(m protoreflect.Message, f func(protoreflect.Message)) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if fd.Kind() != protoreflect.MessageKind {
			return true
		}
		if !fd.IsList() {
			f(v.Message())
			return true
		}
		for i := range v.List().Len() {
			f(v.List().Get(i).Message())
		}
		return true
	})
}

// walk visits every message of the tree, whatever its kind, so that no place
// where PostgreSQL's grammar lets a name stand can be forgotten.
func (c *checker) walk(m protoreflect.Message, at int) {
	if fd := m.Descriptor().Fields().ByName("location"); fd != nil {
		if l := int(m.Get(fd).Int()); l > 0 {
			at = l
		}
	}
	c.statementKind(m, at)
	c.placed(m, at)
	if c.visit(m, at) {
		each(m, func(child protoreflect.Message) { c.walk(child, at) })
	}
}

// visit checks one message; false means that its inside has been dealt with.
func (c *checker) visit(m protoreflect.Message, at int) bool {
	switch n := m.Interface().(type) {
	case *pgquery.FuncCall:
		return c.call(n, at)
	case *pgquery.LockingClause:
		return false // FOR UPDATE OF names aliases of the FROM clause, not relations
	case *pgquery.RangeVar:
		c.relation(n, at)
	case *pgquery.TypeName:
		c.typeName(n, at)
	case *pgquery.ColumnRef:
		c.columnRef(n, at)
	case *pgquery.A_Indirection:
		c.indirection(n, at)
	case *pgquery.IntoClause:
		c.into(at)
	case *pgquery.DefElem:
		c.option(n, at)
	case *pgquery.DefineStmt:
		c.definition(n, at)
	default:
		c.named(m, at)
	}
	return true
}

// named checks the messages that name an operator, a function or the like.
func (c *checker) named(m protoreflect.Message, at int) {
	switch n := m.Interface().(type) {
	case *pgquery.CollateClause:
		c.qualified("collation", n.GetCollname(), at)
	case *pgquery.A_Expr:
		c.qualified("operator", n.GetName(), at)
	case *pgquery.SubLink:
		c.qualified("operator", n.GetOperName(), at)
	case *pgquery.SortBy:
		c.qualified("operator", n.GetUseOp(), at)
	case *pgquery.RangeTableSample:
		c.qualified("sampling method", n.GetMethod(), at)
	case *pgquery.IndexElem:
		c.qualified("collation", n.GetCollation(), at)
		c.qualified("operator class", n.GetOpclass(), at)
	case *pgquery.ObjectWithArgs:
		c.functionName(n.GetObjname(), at)
	case *pgquery.CreateTrigStmt:
		c.functionName(n.GetFuncname(), at)
	default:
		c.written(m, at)
	}
}

// written checks what a statement writes to.
func (c *checker) written(m protoreflect.Message, at int) {
	switch n := m.Interface().(type) {
	case *pgquery.InsertStmt:
		c.write(n.GetRelation(), at)
	case *pgquery.UpdateStmt:
		c.write(n.GetRelation(), at)
	case *pgquery.DeleteStmt:
		c.write(n.GetRelation(), at)
	case *pgquery.MergeStmt:
		c.write(n.GetRelation(), at)
	}
}

func (c *checker) into(at int) {
	if !c.scope.schema || c.inBody {
		c.report(at, ruleDDL, "SELECT INTO creates a table", "use INSERT INTO ... SELECT on a table of the schema")
	}
}

// statementKind refuses every kind of statement but the five that read and
// write rows, wherever it stands.
func (c *checker) statementKind(m protoreflect.Message, at int) {
	if c.scope.schema && !c.inBody {
		return
	}
	if k, ok := kindOf(string(m.Descriptor().Name())); ok {
		c.report(at, k.rule, k.what+" is refused", k.mend)
	}
}

// qualified checks the schema of an operator, collation and the like.
func (c *checker) qualified(what string, nodes []*pgquery.Node, at int) {
	schema, name := splitName(nodes)
	switch {
	case schema == "" || schema == pgCatalog:
	case schema == publicSchema && (c.model.publicExtension || !c.scope.tenant || c.model.publicFunctions[name]):
	default:
		c.foreign(what, schema, name, at)
	}
}

func (c *checker) foreign(what, schema, name string, at int) {
	if isSystemSchema(schema) {
		c.report(at, ruleCatalog, fmt.Sprintf("%s %s.%s is the system's", what, schema, name),
			"leave the system's schemas alone; a query sees its tenant and the reference tables only")
		return
	}
	mend := "use the tenant's own names without a schema, and public.x for reference tables"
	if !c.scope.tenant {
		mend = "use names of schema public only"
	}
	c.report(at, ruleForeign, fmt.Sprintf("%s %s.%s is in another schema", what, schema, name), mend)
}
