package plan

import (
	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// reading is what a backfill of the plan reads.
type reading struct {
	table           string // that it goes along
	tables, columns map[string]bool
	all             bool // columns, by a star
}

// backfilled remembers what a backfill reads.
func (l *planLint) backfilled(table string, n *pgquery.Node) {
	r := reading{table: table, tables: map[string]bool{}, columns: map[string]bool{}}
	r.collect(n.ProtoReflect())
	l.readings = append(l.readings, r)
}

func (r *reading) collect(m protoreflect.Message) {
	switch n := m.Interface().(type) {
	case *pgquery.RangeVar:
		r.tables[n.GetRelname()] = true
	case *pgquery.ColumnRef:
		last := n.GetFields()[len(n.GetFields())-1]
		r.columns[last.GetString_().GetSval()] = true
		r.all = r.all || last.GetAStar() != nil
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := range v.List().Len() {
				r.collect(v.List().Get(i).Message())
			}
		default:
			r.collect(v.Message())
		}
		return true
	})
}

// dropped reports what a backfill before has read and nobody can read again: what
// was written there behind its back is lost.
func (l *planLint) dropped(table, column string) {
	for _, r := range l.readings {
		if !r.tables[table] || column != "" && !r.columns[column] && !r.all {
			continue
		}
		what := "table " + table
		if column != "" {
			what = "column " + table + "." + column
		}
		l.warnf(dropsAfterBackfill, mends[dropsAfterBackfill],
			"%s goes right after the backfill of %s has read it: what is written to it meanwhile, behind the key that the backfill has come to, is lost", what, r.table)
	}
}

// dropsAfterBackfill is the rule of plans that move values and don't wait for the
// code that writes them.
const dropsAfterBackfill = "drops-after-backfill"
