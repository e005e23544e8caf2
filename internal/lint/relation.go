package lint

import (
	"fmt"
	"slices"
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// relation checks a table, view or sequence by name.
func (c *checker) relation(v *pgquery.RangeVar, at int) {
	schema, name := v.GetSchemaname(), v.GetRelname()
	if v.GetCatalogname() != "" {
		c.foreign("relation", v.GetCatalogname()+"."+schema, name, at)
		return
	}
	if v.GetRelpersistence() == "t" {
		c.report(at, ruleDDL, "temporary tables are refused", "use a CTE, or a table of the schema")
	}
	switch {
	case isSystemSchema(schema), schema == "" && strings.HasPrefix(name, "pg_"):
		c.report(at, ruleCatalog, dotted(schema, name)+" is a relation of the system",
			"leave the system's catalogs alone; a query sees its tenant and the reference tables only")
	case schema != "" && schema != publicSchema:
		c.foreign("relation", schema, name, at)
	case c.scope.tenant && schema == publicSchema:
		c.publicRelation(name, at)
	default:
		c.unqualifiedRelation(schema, name, at)
	}
}

// publicRelation checks public.x in the tenant's scope.
func (c *checker) publicRelation(name string, at int) {
	m := c.model
	switch {
	case m.references[name]:
	case m.tenantRelations[name] && !m.publicRelations[name]:
		c.report(at, ruleUnqualify, fmt.Sprintf("public.%s is the tenant's own table", name),
			fmt.Sprintf("write %s; the search_path finds it in the tenant's schema", name))
	default:
		c.report(at, ruleNotReference, fmt.Sprintf("public.%s is no reference table", name),
			fmt.Sprintf("tenants may read it only if the public schema file says GRANT SELECT ON public.%s TO PUBLIC", name))
	}
}

// unqualifiedRelation checks x in any scope, and public.x in the public one.
func (c *checker) unqualifiedRelation(schema, name string, at int) {
	m := c.model
	if schema == "" && (c.ctes[name] || c.inBody && m.transitionTables[name]) {
		return
	}
	if schema == "" {
		c.needsPath(name)
	}
	switch {
	case c.scope.tenant && m.publicRelations[name] && !m.tenantRelations[name]:
		c.report(at, ruleQualify, name+" is a table of public",
			fmt.Sprintf("write public.%s; a tenant's search_path does not hold public", name))
	case !c.scope.tenant && m.tenantRelations[name] && !m.publicRelations[name]:
		c.report(at, ruleTenantTable, name+" is a table of the tenants' schemas",
			"move the query to the tenant's folder; the public scope has no tenant")
	}
}

// needsPath remembers the first unqualified name of a function's body.
func (c *checker) needsPath(name string) {
	if c.unqualified == "" {
		c.unqualified = name
	}
}

// write refuses INSERT, UPDATE, DELETE and MERGE on reference tables.
func (c *checker) write(v *pgquery.RangeVar, at int) {
	if v.GetLocation() > 0 {
		at = int(v.GetLocation())
	}
	if c.scope.tenant && v.GetSchemaname() == publicSchema && c.model.references[v.GetRelname()] {
		c.report(at, ruleReadOnly, "a tenant cannot write to public."+v.GetRelname(),
			"write to it from the public scope, or keep the rows in a table of the tenant")
	}
}

// typeName checks a type wherever it stands: casts, columns, arguments.
func (c *checker) typeName(t *pgquery.TypeName, at int) {
	nodes := t.GetNames()
	if t.GetPctType() && len(nodes) > 0 {
		nodes = nodes[:len(nodes)-1] // table.column%TYPE
	}
	schema, name := splitName(nodes)
	if (schema == "" || schema == pgCatalog) && typeRefused(name) {
		c.report(at, ruleLookup, fmt.Sprintf("type %s reads the system catalogs", name), mends[ruleLookup])
		return
	}
	m := c.model
	switch {
	case schema == pgCatalog:
	case schema == "":
		if m.tenantTypes[name] {
			c.needsPath(name)
		}
	case schema == publicSchema && (!c.scope.tenant || m.references[name]):
	case schema == publicSchema && m.tenantTypes[name] && !m.publicTypes[name]:
		c.report(at, ruleUnqualify, fmt.Sprintf("public.%s is the tenant's own type", name), "write "+name)
	case schema == publicSchema && m.publicRelations[name]:
		c.report(at, ruleNotReference, fmt.Sprintf("public.%s is the row type of no reference table", name),
			"use a type of the tenant's own schema")
	case schema == publicSchema && (m.publicTypes[name] || m.publicExtension):
	default:
		c.foreign("type", schema, name, at)
	}
}

// call checks a function call. The name of a sequence is checked here too.
func (c *checker) call(f *pgquery.FuncCall, at int) bool {
	schema, name := splitName(f.GetFuncname())
	if schema == "sqlc" && !c.scope.schema && slices.Contains([]string{"arg", "narg", "slice", "embed"}, name) {
		return true // a macro of sqlc, gone from the generated text
	}
	if slices.Contains([]string{"nextval", "currval", "setval", "lastval"}, name) && (schema == "" || schema == pgCatalog) {
		return c.sequence(f, name, at)
	}
	if name == "ts_rewrite" && (schema == "" || schema == pgCatalog) {
		if len(f.GetArgs()) != 3 {
			c.report(at, ruleDynamic, "ts_rewrite with two arguments runs SQL from a string", "use the form with three arguments")
		}
		return true
	}
	c.functionName(f.GetFuncname(), at)
	return true
}

// functionName checks a function by name, in a call or where DDL names one.
func (c *checker) functionName(nodes []*pgquery.Node, at int) {
	schema, name := splitName(nodes)
	m := c.model
	rule := functionRule(name)
	if own := schema == "" && c.scope.tenant && m.tenantFunctions[name]; own && !strings.HasPrefix(name, "pg_") {
		c.needsPath(name) // pg_catalog comes first, so its refused names stay refused
	}
	switch {
	case rule != "":
		c.report(at, rule, fmt.Sprintf("function %s is refused", name), mends[rule])
	case schema == "" || schema == pgCatalog:
	case schema == publicSchema && (!c.scope.tenant || m.publicFunctions[name]):
	case schema == publicSchema && m.tenantFunctions[name]:
		c.report(at, ruleUnqualify, fmt.Sprintf("public.%s is the tenant's own function", name), "write "+name)
	case schema == publicSchema:
		c.report(at, ruleUndeclared, "the public schema file does not declare function public."+name,
			fmt.Sprintf("create it there; or, for a function of an extension, say GRANT EXECUTE ON FUNCTION public.%s(...) TO PUBLIC", name))
	default:
		c.foreign("function", schema, name, at)
	}
}

// sequence allows nextval, currval and setval on a literal, unqualified name,
// also in pg_dump's form with a cast to regclass.
func (c *checker) sequence(f *pgquery.FuncCall, name string, at int) bool {
	mend := "name the tenant's sequence by an unqualified literal, or take the value from RETURNING"
	if name == "lastval" || len(f.GetArgs()) == 0 {
		c.report(at, ruleSequence, "lastval is the session's, which other tenants share", mend)
		return true
	}
	arg := f.GetArgs()[0]
	if cast := arg.GetTypeCast(); lastTypeName(cast) == "regclass" {
		arg = cast.GetArg()
	}
	literal := arg.GetAConst().GetSval().GetSval()
	if literal == "" || strings.Contains(literal, ".") {
		c.report(at, ruleSequence, name+" of anything but a literal, unqualified name", mend)
		return true
	}
	c.needsPath(literal)
	for _, rest := range f.GetArgs()[1:] {
		c.walk(rest.ProtoReflect(), at)
	}
	return false
}

func lastTypeName(cast *pgquery.TypeCast) string {
	if nodes := cast.GetTypeName().GetNames(); len(nodes) > 0 {
		return lastName(nodes)
	}
	return ""
}

func dotted(schema, name string) string {
	if schema == "" {
		return name
	}
	return schema + "." + name
}
