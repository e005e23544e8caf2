package plan

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/plan/objects"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// kindAttribute is one of a composite type that columns have: a value within
// their values.
const (
	kindAttribute fingerprint.Kind = "attribute"
	kindSequence  fingerprint.Kind = "sequence"
	kindType      fingerprint.Kind = "type"
)

const heldQuery = `
	SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, c.relname, '', c.oid::text
	FROM pg_class c WHERE c.relnamespace = $1::text::regnamespace AND c.relkind IN ('r', 'p', 'S')
	UNION ALL
	SELECT CASE c.relkind WHEN 'c' THEN 'attribute' ELSE 'column' END, c.relname, a.attname, c.oid || ' ' || a.attnum
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
	WHERE c.relnamespace = $1::text::regnamespace AND c.relkind IN ('r', 'p', 'c') AND a.attnum > 0 AND NOT a.attisdropped`

// held tells what of a schema holds data, and PostgreSQL's number for it: what is
// dropped and made anew comes to have another one, whichever statement did it.
func (w World) held(ctx context.Context) (map[string]string, error) {
	rows, err := w.Conn.Query(ctx, heldQuery, pgx.Identifier{w.Schema}.Sanitize())
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	all := map[string]string{}
	var kind fingerprint.Kind
	var relation, part, number string
	_, err = pgx.ForEachRow(rows, []any{&kind, &relation, &part, &number}, func() error {
		if part != "" {
			relation += "." + part
		}
		all[holder(kind, relation)] = number
		return nil
	})
	return all, err
}

// holder is the same for a name as SQL has it and as the catalogs have it.
func holder(kind fingerprint.Kind, name string) string { return string(kind) + " " + plain(name) }

// way is what a trial has come by, between two states.
type way struct {
	from, to      []fingerprint.Object
	before, after map[string]string // held
	steps         []Step
}

func newWay(from, to []fingerprint.Object) (w way) {
	w.from, w.to = withAttributes(from, to)
	return w
}

// find finds steps, and notes what became of what holds data.
func (t *trial) find(ctx context.Context, from []fingerprint.Object) (found way, refused []string, err error) {
	found = newWay(from, t.target)
	if found.before, err = t.held(ctx); err != nil {
		return found, nil, err
	}
	if found.steps, refused, err = t.run(ctx); err != nil {
		return found, nil, err
	}
	found.after, err = t.held(ctx)
	return found, refused, err
}

// remade lists what is there before and after, but was dropped in between. Of a
// table that is, the columns are not listed too; values that are worked out are
// not lost.
func (w way) remade() (list []fingerprint.Object) {
	anew := func(kind fingerprint.Kind, name string) bool {
		before, was := w.before[holder(kind, name)]
		after, is := w.after[holder(kind, name)]
		return was && is && before != after
	}
	for _, o := range w.from {
		if anew(o.Kind, o.Name) && !anew(kindTable, parent(o.Name)) && !has(o.Definition, "generated") {
			list = append(list, o)
		}
	}
	return list
}

// goes tells that something holds data before, and nothing does so after: it was
// not given another name either.
func (w way) goes(kind fingerprint.Kind, name string) bool {
	number, was := w.before[holder(kind, name)]
	return !was || !slices.Contains(slices.Collect(maps.Values(w.after)), number)
}

// begins tells that something was made on the way, and not given another name.
func (w way) begins(kind fingerprint.Kind, name string) bool {
	number, is := w.after[holder(kind, name)]
	return !is || !slices.Contains(slices.Collect(maps.Values(w.before)), number)
}

// carried is the statement that begins a sequence where another one, of a name,
// is; empty if there is none.
func (w way) carried(from string) string {
	return w.statement(func(s string) bool {
		return strings.HasPrefix(s, "SELECT setval(") && strings.HasSuffix(s, carries+from)
	})
}

const carries = ", last_value, is_called) FROM "

// placed is the statement that gives a sequence its place.
func (w way) placed(sequence string) string {
	return w.statement(func(s string) bool {
		return strings.HasPrefix(s, "SELECT setval('"+strings.ReplaceAll(sequence, "'", "''")+"', ")
	})
}

func (w way) statement(is func(string) bool) string {
	for _, step := range w.steps {
		if i := slices.IndexFunc(step.Statements, is); i >= 0 {
			return step.Statements[i]
		}
	}
	return ""
}

// withAttributes adds, to both states, those of composite types that columns have
// in both: they come and go as columns do.
func withAttributes(from, to []fingerprint.Object) (_, _ []fingerprint.Object) {
	before, after := stored(from), stored(to)
	add := func(state []fingerprint.Object) []fingerprint.Object {
		all := slices.Clone(state)
		for _, o := range state {
			if o.Kind != kindType || !before[o.Name] || !after[o.Name] {
				continue
			}
			for _, a := range objects.Attributes(o) {
				all = append(all, fingerprint.Object{Kind: kindAttribute, Name: o.Name + "." + a.Name, Definition: "type: " + a.Definition})
			}
		}
		return all
	}
	return add(from), add(to)
}

// stored are the types that columns of tables have, with what those are made of.
func stored(state []fingerprint.Object) map[string]bool {
	tables, types := map[string]bool{}, map[string]bool{}
	for _, o := range state {
		tables[o.Name] = tables[o.Name] || o.Kind == kindTable
	}
	use := func(name string) { types[strings.TrimSuffix(name, "[]")] = true }
	for _, o := range state {
		if o.Kind == kindColumn && tables[parent(o.Name)] {
			use(typeOf(o.Definition))
		}
	}
	for known := -1; known < len(types); {
		known = len(types)
		for _, o := range state {
			switch {
			case !types[o.Name]:
			case o.Kind == kindType:
				for _, a := range objects.Attributes(o) {
					use(a.Definition)
				}
			case o.Kind == "domain":
				use(typeOf(o.Definition))
			}
		}
	}
	return types
}
