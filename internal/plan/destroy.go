package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// destroyed says which data are lost on the way from one state to another: what
// is no longer there, what no longer fits, and what is dropped to make it anew.
func destroyed(w way) (list []string) {
	diff := fingerprint.Diff(w.from, w.to)
	gone := map[string]bool{} // tables that go as a whole, and columns
	for _, d := range diff {
		gone[d.Name] = gone[d.Name] || (d.Kind == kindTable || d.Kind == kindColumn) && d.To == ""
	}
	hold := map[string]bool{} // views and foreign tables hold nothing of their own
	for _, o := range w.from {
		hold[o.Name] = hold[o.Name] || o.Kind == kindTable || o.Kind == kindType
	}
	lose := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	for _, d := range diff {
		before, after := typeOf(d.From), typeOf(d.To)
		value := d.Kind == kindColumn || d.Kind == kindAttribute
		switch {
		case d.From == "" || gone[parent(d.Name)] || has(d.From, "generated") || value && !hold[parent(d.Name)]:
		case d.Kind == kindTable && d.To == "":
			lose("table %s is dropped with its rows", d.Name)
		case value && (d.To == "" || has(d.To, "generated")):
			lose("%s %s is dropped with its values", d.Kind, d.Name)
		case value && before != after && !holds(after, before):
			lose("%s %s goes from %s to %s, which fails or changes values that don't fit", d.Kind, d.Name, before, after)
		case d.Kind == kindSequence && d.To == "" && !gone[columnOf(d.From)] && w.goes(d.Kind, d.Name) && w.carried(d.Name) == "":
			lose("sequence %s is dropped with its position", d.Name)
		}
	}
	for _, o := range w.remade() {
		lose("%s %s is dropped with what it holds, and made anew", o.Kind, o.Name)
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

// renames says what goes while its like comes: two schemas don't tell that from a
// rename.
func renames(w way) (list []string) {
	var gone, come []fingerprint.Difference
	for _, d := range fingerprint.Diff(w.from, w.to) {
		switch {
		case d.Kind != kindTable && d.Kind != kindColumn && d.Kind != kindAttribute:
		case d.To == "":
			gone = append(gone, d)
		case d.From == "":
			come = append(come, d)
		}
	}
	for _, g := range gone {
		for _, c := range come {
			same := g.Kind == c.Kind
			if same && g.Kind != kindTable {
				same = parent(g.Name) == parent(c.Name) && typeOf(g.From) == typeOf(c.To)
			} else if same {
				same = alike(columnsOf(w.from, g.Name), columnsOf(w.to, c.Name))
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
