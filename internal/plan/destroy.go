package plan

import (
	"fmt"
	"slices"
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// destroyed says which data are lost on the way from one state to another: what
// is no longer there, what no longer fits, and what steps drop to make it anew.
func destroyed(steps []Step, from, to []fingerprint.Object) (list []string) {
	diff := fingerprint.Diff(from, to)
	gone := map[string]bool{} // tables that go as a whole
	for _, d := range diff {
		gone[d.Name] = gone[d.Name] || d.Kind == kindTable && d.To == ""
	}
	tables := map[string]bool{} // views and foreign tables hold nothing of their own
	for _, o := range from {
		tables[o.Name] = tables[o.Name] || o.Kind == kindTable
	}
	named := map[string]bool{}
	lose := func(kind fingerprint.Kind, name, format string) {
		if !named[string(kind)+name] {
			named[string(kind)+name] = true
			list = append(list, fmt.Sprintf(format, name))
		}
	}
	for _, d := range diff {
		before, after := typeOf(d.From), typeOf(d.To)
		switch {
		case d.From == "" || gone[parent(d.Name)] || has(d.From, "generated") || d.Kind == kindColumn && !tables[parent(d.Name)]:
		case d.Kind == kindTable && d.To == "":
			lose(kindTable, d.Name, "table %s is dropped with its rows")
		case d.Kind == kindColumn && (d.To == "" || has(d.To, "generated")):
			lose(kindColumn, d.Name, "column %s is dropped with its values")
		case d.Kind == kindColumn && before != after && !holds(after, before):
			lose(kindColumn, d.Name, "column %s goes from "+before+" to "+after+", which fails or changes values that don't fit")
		}
	}
	anew := dropped(steps)
	for _, o := range from {
		if !has(o.Definition, "generated") && !gone[parent(o.Name)] && anew[string(o.Kind)+" "+plain(o.Name)] {
			lose(o.Kind, o.Name, string(o.Kind)+" %s is dropped with what it holds, and made anew")
		}
	}
	return list
}

// plain is a name without the quotes that SQL may want around its parts.
func plain(name string) string { return strings.ReplaceAll(name, `"`, "") }

// typeOf is a column's type.
func typeOf(definition string) string {
	v, _ := fingerprint.Object{Definition: definition}.Attr("type")
	return v
}

func has(definition, key string) bool {
	_, ok := fingerprint.Object{Definition: definition}.Attr(key)
	return ok
}

// dropped lists the tables and columns that steps drop.
func dropped(steps []Step) map[string]bool {
	names := map[string]bool{}
	for _, step := range steps {
		for _, statement := range step.Statements {
			if !strings.Contains(statement, "DROP ") {
				continue
			}
			tree, err := lint.Parse(statement)
			if err != nil {
				continue // PostgreSQL ran it: its grammar is newer than the parser's.
			}
			for _, s := range tree.GetStmts() {
				droppedBy(s.GetStmt(), names)
			}
		}
	}
	return names
}

func droppedBy(n *pgquery.Node, names map[string]bool) {
	if drop := n.GetDropStmt(); drop.GetRemoveType() == pgquery.ObjectType_OBJECT_TABLE {
		for _, name := range drop.GetObjects() {
			if parts := name.GetList().GetItems(); len(parts) > 0 {
				names["table "+plain(parts[len(parts)-1].GetString_().GetSval())] = true
			}
		}
	}
	for _, c := range n.GetAlterTableStmt().GetCmds() {
		if cmd := c.GetAlterTableCmd(); cmd.GetSubtype() == pgquery.AlterTableType_AT_DropColumn {
			names["column "+plain(n.GetAlterTableStmt().GetRelation().GetRelname()+"."+cmd.GetName())] = true
		}
	}
}

// renames says what goes while its like comes: two schemas don't tell that from a
// rename.
func renames(from, to []fingerprint.Object) (list []string) {
	var gone, come []fingerprint.Difference
	for _, d := range fingerprint.Diff(from, to) {
		switch {
		case d.Kind != kindTable && d.Kind != kindColumn:
		case d.To == "":
			gone = append(gone, d)
		case d.From == "":
			come = append(come, d)
		}
	}
	for _, g := range gone {
		for _, c := range come {
			same := g.Kind == c.Kind
			if same && g.Kind == kindColumn {
				same = parent(g.Name) == parent(c.Name) && typeOf(g.From) == typeOf(c.To)
			} else if same {
				same = alike(columnsOf(from, g.Name), columnsOf(to, c.Name))
			}
			if same {
				list = append(list, fmt.Sprintf("%s %s goes and %s comes, which is like it", g.Kind, g.Name, c.Name))
			}
		}
	}
	return list
}

// alike tells whether two tables have most columns in common.
func alike(a, b map[string]string) bool {
	common := 0
	for name, definition := range a {
		if b[name] == definition {
			common++
		}
	}
	return 2*common > max(len(a), len(b)) //nolint:mnd // more than half
}

func columnsOf(objects []fingerprint.Object, table string) map[string]string {
	columns := map[string]string{}
	for _, o := range objects {
		if name, ok := strings.CutPrefix(o.Name, table+"."); ok && o.Kind == kindColumn {
			columns[name] = typeOf(o.Definition)
		}
	}
	return columns
}

// hint adds to the fleet's notes what people should know before they agree to a
// unit's plan.
func (f *Fleet) hint(u *unit) {
	i := slices.IndexFunc(f.States, func(s StateGroup) bool { return s.Plan == u.result })
	if i < 0 || u.result.WorkedOut() == nil {
		return
	}
	who := sampleOf(f.States[i].Slugs)
	for _, rename := range u.renames {
		f.Notes = append(f.Notes, fmt.Sprintf("%s: %s: if this is a rename, write a plan file: `bailiwick schema plan --save`, and edit it", who, rename))
	}
	if u.result.Source != "" || len(u.result.Destroys) == 0 {
		return
	}
	for _, other := range f.States {
		if other.Scope == u.scope && other.Plan != nil && other.Plan.Source != "" {
			f.Notes = append(f.Notes, fmt.Sprintf("%s: plan file %s is not for this state, but for that of %s: "+
				"undo what makes the two different, or `bailiwick schema plan --save` and edit it", who, other.Plan.Source, sampleOf(other.Slugs)))
		}
	}
}

// sampleOf names some of many.
func sampleOf(slugs []string) string {
	const few = 3
	if len(slugs) > few {
		return fmt.Sprintf("%s and %d more", strings.Join(slugs[:few], ", "), len(slugs)-few)
	}
	return strings.Join(slugs, ", ")
}
