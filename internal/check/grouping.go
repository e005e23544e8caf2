package check

import (
	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const groupKey = "a key of the grouping is null in the totals"

// grouping is what one entry of GROUP BY groups by.
type grouping struct {
	keys   map[string]bool
	always map[string]bool // those that every group has a value of
	empty  bool            // one of the groups is of all rows, and is there without any
}

// group reads GROUP BY: whether a group can be without a row, and which keys
// are null in the totals of ROLLUP, CUBE and GROUPING SETS.
func (b *block) group(s *pgquery.SelectStmt) {
	keys, always, empty := map[string]bool{}, map[string]bool{}, true
	for _, n := range s.GetGroupClause() {
		g := b.grouping(n, s.GetTargetList())
		for key := range g.keys {
			keys[key] = true
		}
		for key := range g.always {
			always[key] = true
		}
		empty = empty && g.empty
	}
	b.grouped = !empty
	b.keys = map[string]bool{}
	for key := range keys {
		if !always[key] {
			b.keys[key] = true
			delete(b.notNull, key) // what WHERE has shown is of the rows
		}
	}
	b.prove(s.GetHavingClause())
}

func (b *block) grouping(n *pgquery.Node, targets []*pgquery.Node) grouping {
	set := n.GetGroupingSet()
	if set == nil {
		return b.keysOf(n, targets)
	}
	g := grouping{keys: map[string]bool{}, always: map[string]bool{}, empty: set.GetKind() != pgquery.GroupingSetKind_GROUPING_SET_SETS}
	for i, item := range set.GetContent() {
		inner := b.grouping(item, targets)
		for key := range inner.keys {
			g.keys[key] = true
		}
		if set.GetKind() != pgquery.GroupingSetKind_GROUPING_SET_SETS {
			continue
		}
		g.empty = g.empty || inner.empty
		if i == 0 {
			g.always = inner.always
		}
		for key := range g.always {
			if !inner.always[key] {
				delete(g.always, key)
			}
		}
	}
	return g
}

// keysOf reads one expression, or several in parentheses.
func (b *block) keysOf(n *pgquery.Node, targets []*pgquery.Node) grouping {
	list := []*pgquery.Node{n}
	if row := n.GetRowExpr(); row != nil {
		list = row.GetArgs()
	}
	g := grouping{keys: map[string]bool{}, always: map[string]bool{}}
	for _, item := range list {
		key := b.key(b.target(item, targets))
		g.keys[key], g.always[key] = true, true
	}
	return g
}

// target follows a position or the name of an output to its expression.
func (b *block) target(n *pgquery.Node, targets []*pgquery.Node) *pgquery.Node {
	if i := int(n.GetAConst().GetIval().GetIval()); i > 0 && i <= len(targets) {
		return targets[i-1].GetResTarget().GetVal()
	}
	table, column, ok := reference(n.GetColumnRef())
	if s, _ := b.lookup(table, column); !ok || table != "" || s != nil {
		return n
	}
	for _, t := range targets {
		if t.GetResTarget().GetName() == column {
			return t.GetResTarget().GetVal()
		}
	}
	return n
}

// key names an expression: a column by its table, another by its tree.
func (b *block) key(n *pgquery.Node) string {
	if table, column, ok := reference(n.GetColumnRef()); ok {
		if s, _ := b.lookup(table, column); s != nil {
			return s.alias + "." + column
		}
	}
	bare := proto.CloneOf(n)
	visit(bare.ProtoReflect(), func(m protoreflect.Message) {
		if fd := m.Descriptor().Fields().ByName("location"); fd != nil {
			m.Clear(fd)
		}
	})
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(bare)
	if err != nil {
		return ""
	}
	return string(text)
}

// isKey is true for an expression that some of the groups have no value of.
func (b *block) isKey(n *pgquery.Node) bool {
	if len(b.keys) == 0 || n.GetColumnRef() != nil {
		return false // column knows of columns
	}
	key := b.key(n)
	return b.keys[key] && !b.notNull[key]
}
