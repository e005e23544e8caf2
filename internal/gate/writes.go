package gate

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/tenant"
)

// required are the tables of a world by schema.table.
type required map[string]*table

type table struct {
	columns []string // All, in order.
	notNull map[string]bool
	must    map[string]bool // NOT NULL, and nothing fills them but the statement.
}

// loadRequired reads which columns have to be filled. What a BEFORE INSERT trigger
// speaks of, it is taken to fill.
func loadRequired(ctx context.Context, tx pgx.Tx, schema string) (required, error) {
	rows, err := tx.Query(ctx, `
		SELECT n.nspname || '.' || c.relname, a.attname::text, a.attnotnull,
		       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attgenerated = '' AND t.typdefault IS NULL
		       AND NOT EXISTS (
		           SELECT FROM pg_catalog.pg_trigger AS g JOIN pg_catalog.pg_proc AS p ON p.oid = g.tgfoid
		           WHERE g.tgrelid = c.oid AND g.tgtype & 7 = 7 AND g.tgenabled <> 'D' AND pg_catalog.strpos(p.prosrc, a.attname) > 0)
		FROM pg_catalog.pg_class AS c
		JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
		JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
		WHERE n.nspname IN ($1, 'public') AND c.relkind IN ('r', 'p')
		ORDER BY c.oid, a.attnum`, pgx.QueryExecModeExec, schema)
	if err != nil {
		return nil, err
	}
	all := required{}
	var name, column string
	var notNull, must bool
	_, err = pgx.ForEachRow(rows, []any{&name, &column, &notNull, &must}, func() error {
		t := all[name]
		if t == nil {
			t = &table{notNull: map[string]bool{}, must: map[string]bool{}}
			all[name] = t
		}
		t.columns = append(t.columns, column)
		t.notNull[column], t.must[column] = notNull, must
		return nil
	})
	return all, err
}

// writes finds what a statement's INSERTs and UPDATEs, those in WITH too, leave
// empty or may set to null. Of newer syntax than the parser's it finds nothing.
func (l *looker) writes(s tenant.Statement, v *verdict) {
	tree, err := lint.Parse(s.SQL)
	if err != nil {
		return
	}
	visit(tree.ProtoReflect(), func(m protoreflect.Message) {
		switch n := m.Interface().(type) {
		case *pgquery.InsertStmt:
			l.insert(s, n, v)
		case *pgquery.UpdateStmt:
			l.assign(s, n.GetRelation(), n.GetTargetList(), v)
		}
	})
}

func (l *looker) tableOf(r *pgquery.RangeVar) (string, *table) {
	schema := r.GetSchemaname()
	if schema == "" {
		schema = l.schema
	}
	return r.GetRelname(), l.required[schema+"."+r.GetRelname()]
}

func (l *looker) insert(s tenant.Statement, n *pgquery.InsertStmt, v *verdict) {
	name, t := l.tableOf(n.GetRelation())
	if t == nil {
		return
	}
	values := rowsOf(n.GetSelectStmt().GetSelectStmt())
	columns := columnsOf(n, t, values)
	given := map[string]bool{}
	for i, column := range columns {
		given[column] = true
		for _, row := range values {
			if i >= len(row) {
				continue
			}
			if row[i].GetSetToDefault() != nil {
				delete(given, column)
			}
			l.mayNull(s, name, t, column, row[i], v)
		}
	}
	for _, column := range t.columns {
		if t.must[column] && !given[column] {
			add(&v.unfilled, name+"."+column)
		}
	}
	l.assign(s, n.GetRelation(), n.GetOnConflictClause().GetTargetList(), v)
}

// rowsOf are the expressions that an INSERT gives, position by position; none for
// a SELECT with a star, or of several branches.
func rowsOf(sel *pgquery.SelectStmt) [][]*pgquery.Node {
	var rows [][]*pgquery.Node
	for _, row := range sel.GetValuesLists() {
		rows = append(rows, row.GetList().GetItems())
	}
	var targets []*pgquery.Node
	for _, target := range sel.GetTargetList() {
		value := target.GetResTarget().GetVal()
		for _, field := range value.GetColumnRef().GetFields() {
			if field.GetAStar() != nil {
				return nil
			}
		}
		targets = append(targets, value)
	}
	if targets != nil {
		rows = append(rows, targets)
	}
	return rows
}

// columnsOf are the columns that an INSERT names, or else the first ones.
func columnsOf(n *pgquery.InsertStmt, t *table, values [][]*pgquery.Node) []string {
	columns := make([]string, 0, len(n.GetCols()))
	for _, column := range n.GetCols() {
		columns = append(columns, column.GetResTarget().GetName())
	}
	switch {
	case len(columns) > 0 || n.GetSelectStmt() == nil: // The latter is DEFAULT VALUES.
		return columns
	case len(values) > 0:
		return t.columns[:min(len(values[0]), len(t.columns))]
	}
	return t.columns
}

// assign looks at the assignments of an UPDATE.
func (l *looker) assign(s tenant.Statement, r *pgquery.RangeVar, targets []*pgquery.Node, v *verdict) {
	name, t := l.tableOf(r)
	if t == nil {
		return
	}
	for _, target := range targets {
		l.mayNull(s, name, t, target.GetResTarget().GetName(), target.GetResTarget().GetVal(), v)
	}
}

// mayNull notes a column that must not be null, and is given a parameter as it is
// that the code may leave null.
func (l *looker) mayNull(s tenant.Statement, name string, t *table, column string, value *pgquery.Node, v *verdict) {
	for value.GetTypeCast() != nil {
		value = value.GetTypeCast().GetArg()
	}
	i := int(value.GetParamRef().GetNumber()) - 1
	if i < 0 || i >= len(s.Params) || s.Params[i] == "" || !t.notNull[column] || strings.HasSuffix(s.Params[i], " NOT NULL") {
		return
	}
	add(&v.nulls, name+"."+column)
}

func add(list *[]string, name string) {
	if !slices.Contains(*list, name) {
		*list = append(*list, name)
	}
}

// visit calls f with a message and with every one inside it.
func visit(m protoreflect.Message, f func(protoreflect.Message)) {
	f(m)
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := range v.List().Len() {
				visit(v.List().Get(i).Message(), f)
			}
		default:
			visit(v.Message(), f)
		}
		return true
	})
}
