package plan

import (
	"fmt"
	"slices"
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// Clones are empty: whether a statement gets along with a tenant's rows, nobody
// knows before its turn. Each that may not is a finding, with a query that looks.

// dataDependent is the rule of statements that fail on some data.
const dataDependent = "data-dependent"

// byData are Atlas's findings that are said here, with a query.
var byData = map[string]bool{"may-hold-duplicates": true, "may-hold-nulls": true, "not-null-without-default": true}

// dataf reports what makes the statement fail, and the query that finds it.
func (l *planLint) dataf(query, format string, args ...any) {
	if tree, err := lint.Parse(query); err == nil {
		if plain, err := lint.Deparse(tree); err == nil {
			query = plain // without quotes that need not be
		}
	}
	f := Finding{
		Rule: dataDependent, Statement: l.statement, Message: fmt.Sprintf(format, args...), Mend: mends[dataDependent],
		Query: query, Severity: severityWarning,
	}
	if !slices.Contains(l.found, f) {
		l.found = append(l.found, f)
	}
}

// tableData looks at an action on a table that has rows perhaps.
func (l *planLint) tableData(r *pgquery.RangeVar, cmd *pgquery.AlterTableCmd) {
	table, from := r.GetRelname(), quotedName(r)
	column := tenant.QuoteIdent(cmd.GetName())
	switch cmd.GetSubtype() {
	case pgquery.AlterTableType_AT_SetNotNull:
		l.dataf("SELECT count(*) FROM "+from+" WHERE "+column+" IS NULL", "NULL in column %s.%s makes it fail", table, cmd.GetName())
	case pgquery.AlterTableType_AT_AddConstraint:
		l.constraintData(r, cmd.GetDef().GetConstraint())
	case pgquery.AlterTableType_AT_ValidateConstraint:
		l.dataf("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = "+literal(from)+"::regclass AND conname = "+literal(cmd.GetName()),
			"rows of %s that don't keep constraint %s make it fail; its condition is what the query tells", table, cmd.GetName())
	case pgquery.AlterTableType_AT_AlterColumnType:
		l.columnType(r, cmd)
	case pgquery.AlterTableType_AT_AddColumn:
		l.columnData(r, cmd.GetDef().GetColumnDef())
	case pgquery.AlterTableType_AT_AttachPartition:
		if part := cmd.GetDef().GetPartitionCmd().GetName(); !l.created[part.GetRelname()] {
			l.dataf("SELECT count(*) FROM "+quotedName(part), "rows of %s outside of its bounds make it fail", part.GetRelname())
		}
	case pgquery.AlterTableType_AT_SetIdentity:
		l.dataf("SELECT max("+column+"), min("+column+") FROM "+from, "a position of identity %s.%s outside of its new bounds makes it fail", table, cmd.GetName())
	default:
	}
}

// columnData looks at a new column, whose value is the same in all rows, or is
// worked out of them.
func (l *planLint) columnData(r *pgquery.RangeVar, c *pgquery.ColumnDef) {
	from := quotedName(r)
	for _, n := range c.GetConstraints() {
		k := n.GetConstraint()
		switch k.GetContype() {
		case pgquery.ConstrType_CONSTR_GENERATED:
			l.dataf("SELECT count("+expression(k.GetRawExpr())+") FROM "+from, "rows for which the expression of column %s.%s fails make it fail", r.GetRelname(), c.GetColname())
		case pgquery.ConstrType_CONSTR_CHECK, pgquery.ConstrType_CONSTR_UNIQUE, pgquery.ConstrType_CONSTR_PRIMARY, pgquery.ConstrType_CONSTR_FOREIGN:
			if l.added[r.GetRelname()+"."+c.GetColname()] {
				l.dataf("SELECT count(*) FROM "+from, "rows make it fail if the default of column %s.%s is not what its constraint allows in all of them", r.GetRelname(), c.GetColname())
			}
		default:
		}
	}
}

// constraintData looks at a new constraint of a table.
func (l *planLint) constraintData(r *pgquery.RangeVar, k *pgquery.Constraint) {
	if k.GetSkipValidation() || k.GetIndexname() != "" {
		return
	}
	table, from, name := r.GetRelname(), quotedName(r), k.GetConname()
	switch k.GetContype() {
	case pgquery.ConstrType_CONSTR_CHECK:
		query := "SELECT count(*) FROM " + from
		if !l.mentionsAdded(table, k.GetRawExpr()) {
			query += " WHERE NOT (" + expression(k.GetRawExpr()) + ")"
		}
		l.dataf(query, "rows of %s that don't keep check %s make it fail", table, name)
	case pgquery.ConstrType_CONSTR_UNIQUE, pgquery.ConstrType_CONSTR_PRIMARY:
		primary := k.GetContype() == pgquery.ConstrType_CONSTR_PRIMARY
		l.duplicates(r, identifiers(k.GetKeys()), "", primary || k.GetNullsNotDistinct(), primary)
	case pgquery.ConstrType_CONSTR_FOREIGN:
		l.foreignKey(r, k)
	case pgquery.ConstrType_CONSTR_EXCLUSION:
		on := []string{"a.ctid < b.ctid"}
		for _, n := range k.GetExclusions() {
			pair := n.GetList().GetItems()
			operators := pair[1].GetList().GetItems()
			if column := pair[0].GetIndexElem().GetName(); column != "" {
				on = append(on, "a."+tenant.QuoteIdent(column)+" "+operators[len(operators)-1].GetString_().GetSval()+" b."+tenant.QuoteIdent(column))
			}
		}
		l.dataf("SELECT count(*) FROM "+from+" AS a JOIN "+from+" AS b ON "+strings.Join(on, " AND "), "two rows of %s that exclude each other by %s make it fail", table, name)
	default:
	}
}

// duplicates reports a new key. nulls tells that NULL counts as a value.
func (l *planLint) duplicates(r *pgquery.RangeVar, key []string, where string, nulls, primary bool) {
	for _, column := range key {
		if filled, added := l.added[r.GetRelname()+"."+strings.Trim(column, `"`)]; added && !filled && !nulls {
			return // It is NULL in all rows.
		}
	}
	if !nulls {
		for _, column := range key {
			if where != "" {
				where += " AND "
			}
			where += column + " IS NOT NULL"
		}
	}
	list := strings.Join(key, ", ")
	query := "SELECT " + list + ", count(*) FROM " + quotedName(r)
	if where != "" {
		query += " WHERE " + where
	}
	query += " GROUP BY " + list + " HAVING count(*) > 1"
	what := "rows of %s with the same %s make it fail"
	if primary {
		query += " OR " + strings.Join(key, " IS NULL OR ") + " IS NULL"
		what = "rows of %s with the same %s, or with NULL there, make it fail"
	}
	l.dataf(query, what, r.GetRelname(), strings.ReplaceAll(list, `"`, ""))
}

func (l *planLint) foreignKey(r *pgquery.RangeVar, k *pgquery.Constraint) {
	table, parent := r.GetRelname(), quotedName(k.GetPktable())
	columns, keys := identifiers(k.GetFkAttrs()), identifiers(k.GetPkAttrs())
	var there, same []string
	for i, column := range columns {
		if filled, added := l.added[table+"."+strings.Trim(column, `"`)]; added && !filled {
			return // It is NULL in all rows.
		}
		there = append(there, "child."+column+" IS NOT NULL")
		if i < len(keys) {
			same = append(same, "parent."+keys[i]+" = child."+column)
		}
	}
	query := "SELECT DISTINCT " + strings.Join(columns, ", ") + " FROM " + quotedName(r) + " AS child WHERE " + strings.Join(there, " AND ")
	if len(same) > 0 {
		query += " AND NOT EXISTS (SELECT FROM " + parent + " AS parent WHERE " + strings.Join(same, " AND ") + ")"
	}
	l.dataf(query, "rows of %s that refer to no row of %s make it fail", table, k.GetPktable().GetRelname())
}

// columnType reports a new type that does not hold all values of the old one.
func (l *planLint) columnType(r *pgquery.RangeVar, cmd *pgquery.AlterTableCmd) {
	table, name := r.GetRelname(), cmd.GetName()
	def := cmd.GetDef().GetColumnDef()
	for _, d := range l.Differences {
		from, to := fingerprint.Object{Definition: d.From}, fingerprint.Object{Definition: d.To}
		before, _ := from.Attr("type")
		after, _ := to.Attr("type")
		if d.Kind == kindColumn && strings.ReplaceAll(d.Name, `"`, "") == table+"."+name && (before == after || holds(after, before)) {
			return
		}
	}
	column, last := tenant.QuoteIdent(name), typeName(def.GetTypeName())
	limit := def.GetTypeName().GetTypmods()
	if def.GetRawDefault() == nil && (last == "varchar" || last == "bpchar") && len(limit) == 1 {
		l.dataf("SELECT count(*) FROM "+quotedName(r)+" WHERE length("+column+"::text) > "+expression(limit[0]), "values of column %s.%s that are too long make it fail", table, name)
		return
	}
	value := def.GetRawDefault()
	if value == nil {
		value = pgquery.MakeColumnRefNode([]*pgquery.Node{pgquery.MakeStrNode(name)}, 0)
	}
	cast := &pgquery.Node{Node: &pgquery.Node_TypeCast{TypeCast: &pgquery.TypeCast{Arg: value, TypeName: def.GetTypeName()}}}
	l.dataf("SELECT count("+expression(cast)+") FROM "+quotedName(r), "values of column %s.%s that don't fit the new type make it fail, and the query with it", table, name)
}

func (l *planLint) uniqueIndex(i *pgquery.IndexStmt) {
	if !i.GetUnique() || l.created[i.GetRelation().GetRelname()] {
		return
	}
	var key []string
	for _, p := range i.GetIndexParams() {
		if e := p.GetIndexElem(); e.GetName() != "" {
			key = append(key, tenant.QuoteIdent(e.GetName()))
		} else {
			key = append(key, expression(e.GetExpr()))
		}
	}
	where := ""
	if i.GetWhereClause() != nil {
		where = "(" + expression(i.GetWhereClause()) + ")"
	}
	l.duplicates(i.GetRelation(), key, where, i.GetNullsNotDistinct(), false)
}

// domain reports what is new in a domain; it has to hold in all columns of it.
func (l *planLint) domain(d *pgquery.AlterDomainStmt) {
	const notNull, add, validate = "O", "C", "V"
	if sub := d.GetSubtype(); sub != notNull && sub != validate && (sub != add || d.GetDef().GetConstraint().GetSkipValidation()) {
		return
	}
	names := identifiers(d.GetTypeName())
	l.dataf("SELECT attrelid::regclass, attname FROM pg_attribute WHERE atttypid = "+literal(strings.Join(names, "."))+"::regtype AND NOT attisdropped",
		"values of domain %s that don't keep it make it fail, in any of the columns that the query tells", strings.ReplaceAll(strings.Join(names, "."), `"`, ""))
}

// sequence reports new bounds.
func (l *planLint) sequence(s *pgquery.AlterSeqStmt) {
	bound := false
	for _, o := range s.GetOptions() {
		bound = bound || slices.Contains([]string{"minvalue", "maxvalue", "as"}, o.GetDefElem().GetDefname())
	}
	name := s.GetSequence().GetRelname()
	for _, d := range l.Differences {
		same := strings.Trim(d.Name, `"`) == name && d.Kind == "sequence"
		for _, key := range []string{"min", "max", "type"} {
			from, to := fingerprint.Object{Definition: d.From}, fingerprint.Object{Definition: d.To}
			before, _ := from.Attr(key)
			after, _ := to.Attr(key)
			same = same && before == after
		}
		bound = bound && !same
	}
	if bound {
		l.dataf("SELECT last_value FROM "+quotedName(s.GetSequence()), "a position of sequence %s outside of its new bounds makes it fail", name)
	}
}

// mentionsAdded tells an expression that needs a column of this very plan, so that
// no query can ask for it before.
func (l *planLint) mentionsAdded(table string, n *pgquery.Node) bool {
	found := false
	var walk func(m protoreflect.Message)
	walk = func(m protoreflect.Message) {
		if ref, ok := m.Interface().(*pgquery.ColumnRef); ok {
			fields := ref.GetFields()
			_, added := l.added[table+"."+fields[len(fields)-1].GetString_().GetSval()]
			found = found || added
		}
		m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			switch {
			case fd.Kind() != protoreflect.MessageKind:
			case fd.IsList():
				for i := range v.List().Len() {
					walk(v.List().Get(i).Message())
				}
			default:
				walk(v.Message())
			}
			return true
		})
	}
	walk(n.ProtoReflect())
	return found
}

// expression writes one.
func expression(n *pgquery.Node) string {
	tree, err := lint.Parse("SELECT 1")
	if err == nil {
		tree.GetStmts()[0].GetStmt().GetSelectStmt().GetTargetList()[0].GetResTarget().Val = n
		var text string
		if text, err = lint.Deparse(tree); err == nil {
			return strings.TrimPrefix(text, "SELECT ")
		}
	}
	return "NULL /* " + err.Error() + " */" // It was parsed, so that it can be written.
}

func quotedName(r *pgquery.RangeVar) string {
	name := tenant.QuoteIdent(r.GetRelname())
	if r.GetSchemaname() != "" {
		name = tenant.QuoteIdent(r.GetSchemaname()) + "." + name
	}
	return name
}

func identifiers(list []*pgquery.Node) []string {
	names := make([]string, len(list))
	for i, n := range list {
		names[i] = tenant.QuoteIdent(n.GetString_().GetSval())
	}
	return names
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
