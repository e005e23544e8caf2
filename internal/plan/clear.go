package plan

import (
	"context"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/plan/objects"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// Views, rules, policies, triggers and functions can stand in the way of a change
// to what they are about. They hold no data: they are dropped, and as they are
// missing then, a later pass makes them again. Which ones, PostgreSQL itself knows
// best: it is asked to drop with CASCADE, and that is undone.

// canBeRemade tells kinds that hold no data, and nothing else does for them.
func canBeRemade(k fingerprint.Kind) bool {
	switch k {
	case "view", "materialized view", "rule", "policy", "trigger", "function", "procedure", "aggregate":
		return true
	}
	return false
}

// clear drops what depends on columns that go or change their type.
func (t *trial) clear(ctx context.Context, diff []fingerprint.Difference) error {
	tables := map[string]bool{}
	for _, o := range t.now {
		tables[o.Name] = tables[o.Name] || o.Kind == kindTable
	}
	gone := map[string]bool{}
	for _, d := range diff {
		gone[d.Name] = gone[d.Name] || d.Kind == kindTable && d.To == ""
	}
	var cascade []string
	for _, d := range diff {
		table := parent(d.Name)
		switch {
		case d.From == "" || gone[table]:
		case gone[d.Name] && d.Kind == kindTable:
			cascade = append(cascade, "DROP TABLE "+d.Name+" CASCADE")
		case d.Kind == kindColumn && tables[table] && changesType(d):
			cascade = append(cascade, "ALTER TABLE "+table+" DROP COLUMN "+strings.TrimPrefix(d.Name, table+".")+" CASCADE")
		}
	}
	if len(cascade) == 0 {
		return nil
	}
	fallen, err := t.fallen(ctx, cascade)
	if err != nil {
		return err
	}
	fallen = slices.DeleteFunc(fallen, func(o fingerprint.Object) bool { return gone[parent(o.Name)] })
	return t.dropAll(ctx, fallen)
}

// changesType tells whether a column goes, or comes to have another type or
// another expression.
func changesType(d fingerprint.Difference) bool {
	from := fingerprint.Object{Definition: d.From}
	to := fingerprint.Object{Definition: d.To}
	for _, attr := range []string{"type", "generated", "collation"} {
		before, _ := from.Attr(attr)
		if after, _ := to.Attr(attr); before != after {
			return true
		}
	}
	return d.To == ""
}

// clearFor drops what depends on something that has to be dropped.
func (t *trial) clearFor(ctx context.Context, c objects.Change) error {
	cascade := make([]string, 0, len(c.Drop))
	for _, s := range c.Drop {
		cascade = append(cascade, s+" CASCADE")
	}
	fallen, err := t.fallen(ctx, cascade)
	if err != nil {
		return err
	}
	fallen = slices.DeleteFunc(fallen, func(o fingerprint.Object) bool {
		return o.Kind == c.Kind && o.Name == c.Name || parent(o.Name) == c.Name
	})
	return t.dropAll(ctx, fallen)
}

// fallen tells what would be gone after some statements. Those that don't work
// count as if they did nothing.
func (t *trial) fallen(ctx context.Context, cascade []string) ([]fingerprint.Object, error) {
	if err := execAll(ctx, t.tx.Conn(), "SAVEPOINT fallen"); err != nil {
		return nil, err
	}
	for _, s := range cascade {
		if err := t.savepoint(ctx, []string{s}); err != nil && fatal(err) {
			return nil, err
		}
	}
	after, err := fingerprint.ObjectsTx(ctx, t.tx, t.Schema)
	if err != nil {
		return nil, err
	}
	if err := execAll(ctx, t.tx.Conn(), "ROLLBACK TO fallen", "RELEASE fallen"); err != nil {
		return nil, err
	}
	var gone []fingerprint.Object
	for _, d := range fingerprint.Diff(t.now, after) {
		if d.To == "" && canBeRemade(d.Kind) {
			gone = append(gone, fingerprint.Object{Kind: d.Kind, Name: d.Name, Definition: d.From})
		}
	}
	return gone, nil
}

// dropAll drops objects, those first that others depend on last.
func (t *trial) dropAll(ctx context.Context, list []fingerprint.Object) error {
	rest := slices.DeleteFunc(slices.Clone(t.now), func(o fingerprint.Object) bool { return slices.Contains(list, o) })
	changes := objects.Changes(fingerprint.Diff(t.now, rest), t.now, rest)
	for len(changes) > 0 {
		before := len(changes)
		var left []objects.Change
		for _, c := range changes {
			err := t.try(ctx, c.Drop...)
			if err != nil && fatal(err) {
				return err
			}
			if err != nil {
				left = append(left, c)
			}
		}
		if changes = left; len(changes) == before {
			return nil // Whatever they were in the way of says why.
		}
	}
	return nil
}

// parent is the part of a name before its last dot that is not in quotes: the
// table of a column. It is empty for a name of one part.
func parent(name string) string {
	quoted, last := false, -1
	for i := range len(name) {
		switch {
		case name[i] == '"':
			quoted = !quoted
		case name[i] == '(' && !quoted:
			return "" // a function's arguments
		case name[i] == '.' && !quoted:
			last = i
		}
	}
	if last < 0 {
		return ""
	}
	return name[:last]
}
