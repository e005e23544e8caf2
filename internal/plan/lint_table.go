package plan

import (
	"maps"
	"slices"

	pgquery "github.com/pganalyze/pg_query_go/v6"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// public reports a tenants' plan that changes the shared schema, which would be
// done once for each tenant.
func (l *planLint) public(n *pgquery.Node) {
	if l.Scope != Tenant {
		return
	}
	var written []*pgquery.RangeVar
	switch {
	case n.GetInsertStmt() != nil:
		written = append(written, n.GetInsertStmt().GetRelation())
	case n.GetUpdateStmt() != nil:
		written = append(written, n.GetUpdateStmt().GetRelation())
	case n.GetDeleteStmt() != nil:
		written = append(written, n.GetDeleteStmt().GetRelation())
	case n.GetMergeStmt() != nil:
		written = append(written, n.GetMergeStmt().GetRelation())
	case n.GetAlterTableStmt() != nil:
		written = append(written, n.GetAlterTableStmt().GetRelation())
	case n.GetCreateStmt() != nil:
		written = append(written, n.GetCreateStmt().GetRelation())
	case n.GetIndexStmt() != nil:
		written = append(written, n.GetIndexStmt().GetRelation())
	case n.GetRenameStmt() != nil:
		written = append(written, n.GetRenameStmt().GetRelation())
	case n.GetViewStmt() != nil:
		written = append(written, n.GetViewStmt().GetView())
	case n.GetCreateTrigStmt() != nil:
		written = append(written, n.GetCreateTrigStmt().GetRelation())
	case n.GetTruncateStmt() != nil:
		for _, r := range n.GetTruncateStmt().GetRelations() {
			written = append(written, r.GetRangeVar())
		}
	case n.GetDropStmt() != nil:
		for _, o := range n.GetDropStmt().GetObjects() {
			if parts := o.GetList().GetItems(); len(parts) > 1 && parts[0].GetString_().GetSval() == publicSchema {
				written = append(written, &pgquery.RangeVar{Schemaname: publicSchema, Relname: parts[1].GetString_().GetSval()})
			}
		}
	}
	for _, r := range written {
		if r.GetSchemaname() == publicSchema {
			l.addf(severityError, "writes-public", mends["writes-public"], "a tenants' plan changes public.%s", r.GetRelname())
		}
	}
}

func (l *planLint) createTable(c *pgquery.CreateStmt) {
	if c.GetPartbound() != nil || c.GetOfTypename() != nil {
		return // The parent's keys are its own.
	}
	table := c.GetRelation().GetRelname()
	l.created[table] = true
	types := map[string]string{}
	for _, e := range c.GetTableElts() {
		if col := e.GetColumnDef(); col != nil {
			types[col.GetColname()] = typeName(col.GetTypeName())
			for _, k := range col.GetConstraints() {
				l.constraint(table, types, k.GetConstraint(), []string{col.GetColname()})
			}
			continue
		}
		l.constraint(table, types, e.GetConstraint(), nil)
	}
}

// constraint looks at a new constraint; types are those of a new table's columns.
func (l *planLint) constraint(table string, types map[string]string, k *pgquery.Constraint, columns []string) {
	switch k.GetContype() {
	case pgquery.ConstrType_CONSTR_PRIMARY:
		l.keyed[table] = true
		for _, n := range k.GetKeys() {
			columns = append(columns, n.GetString_().GetSval())
		}
		if len(columns) == 1 && slices.Contains([]string{"int2", "int4", "smallserial", "serial", "serial2", "serial4"}, types[columns[0]]) {
			l.warnf("narrow-key", mends["narrow-key"], "the primary key of table %s is a %s", table, types[columns[0]])
		}
		return // Its name is the table's.
	case pgquery.ConstrType_CONSTR_UNIQUE, pgquery.ConstrType_CONSTR_CHECK, pgquery.ConstrType_CONSTR_FOREIGN, pgquery.ConstrType_CONSTR_EXCLUSION:
	default:
		return
	}
	if k.GetConname() == "" {
		l.warnf("unnamed-constraint", mends["unnamed-constraint"], "a constraint of table %s has no name", table)
	}
}

func (l *planLint) alterTable(a *pgquery.AlterTableStmt) {
	table := a.GetRelation().GetRelname()
	for _, c := range a.GetCmds() {
		cmd := c.GetAlterTableCmd()
		switch cmd.GetSubtype() {
		case pgquery.AlterTableType_AT_AddColumn:
			l.addColumn(table, cmd.GetDef().GetColumnDef())
		case pgquery.AlterTableType_AT_AddIdentity:
			l.warnf("identity-added-later", mends["identity-added-later"], "column %s.%s becomes an identity after the table was made", table, cmd.GetName())
		case pgquery.AlterTableType_AT_DropColumn:
			l.warnf("drops-column", mends["drops-column"], "column %s.%s is dropped with its values", table, cmd.GetName())
			l.dropped(table, cmd.GetName())
		case pgquery.AlterTableType_AT_AddConstraint:
			l.constraint(table, nil, cmd.GetDef().GetConstraint(), nil)
		default:
		}
		if !l.created[table] {
			l.tableData(a.GetRelation(), cmd)
		}
	}
}

func (l *planLint) dropTables(d *pgquery.DropStmt) {
	l.warnf("drops-table", mends["drops-table"], "a table is dropped with its rows")
	for _, o := range d.GetObjects() {
		if parts := o.GetList().GetItems(); len(parts) > 0 {
			l.dropped(parts[len(parts)-1].GetString_().GetSval(), "")
		}
	}
}

func (l *planLint) addColumn(table string, c *pgquery.ColumnDef) {
	var notNull, filled, identity bool
	for _, n := range c.GetConstraints() {
		switch n.GetConstraint().GetContype() {
		case pgquery.ConstrType_CONSTR_NOTNULL, pgquery.ConstrType_CONSTR_PRIMARY:
			notNull = true
		case pgquery.ConstrType_CONSTR_IDENTITY:
			filled, identity = true, true
		case pgquery.ConstrType_CONSTR_DEFAULT, pgquery.ConstrType_CONSTR_GENERATED:
			filled = true
		default:
			l.constraint(table, nil, n.GetConstraint(), []string{c.GetColname()})
		}
	}
	serial := slices.Contains([]string{"serial", "bigserial", "smallserial"}, typeName(c.GetTypeName()))
	l.added[table+"."+c.GetColname()] = filled || serial
	if notNull && !filled && !serial && !l.created[table] {
		l.dataf("SELECT count(*) FROM "+tenant.QuoteIdent(table), "column %s.%s is NOT NULL and nothing fills it, which fails where the table has rows: give it a default, or set NOT NULL after a backfill", table, c.GetColname())
	}
	if (identity || serial) && !l.created[table] {
		l.warnf("identity-added-later", mends["identity-added-later"], "column %s.%s is an identity added after the table was made", table, c.GetColname())
	}
}

// typeName is the last part of a type's name.
func typeName(t *pgquery.TypeName) string {
	names := t.GetNames()
	if len(names) == 0 {
		return ""
	}
	return names[len(names)-1].GetString_().GetSval()
}
