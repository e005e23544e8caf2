package atlas

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"github.com/jackc/pgx/v5"
)

// pair is the two schemas that are compared, and what of them is left to others.
type pair struct {
	from, to   *schema.Schema
	now, then  facts
	policy     Policy
	skipped    []string
	withheld   []string
	leftColumn map[string]bool // by key: added by others
	more       []Statement     // that Atlas would not write right
}

func (p *pair) skipf(format string, args ...any) {
	p.skipped = append(p.skipped, fmt.Sprintf(format, args...))
}

// leave takes out of both schemas what Atlas sees only half, so that it finds no
// difference there. What really differs is said in skipped.
func (p *pair) leave() {
	p.leaveTables()
	p.leaveEnums()
	for _, t := range p.from.Tables {
		other, ok := p.to.Table(t.Name)
		if !ok {
			continue
		}
		p.leaveConstraints(t, other)
		p.leaveIndexes(t, other)
		for _, c := range t.Columns {
			if d, ok := other.Column(c.Name); ok {
				p.leaveColumn(t, c, d)
			}
		}
	}
	quoteComments(p.from)
	quoteComments(p.to)
}

// isPartition is the reason why a table is left that Atlas doesn't see.
const isPartition = "is a partition"

// leaveTables leaves new tables: Atlas's CREATE TABLE loses names of primary
// keys, deferrability, options of sequences and more.
func (p *pair) leaveTables() {
	leave := map[string]bool{}
	for _, t := range p.to.Tables {
		if _, known := p.now.tables[t.Name]; !known {
			leave[t.Name] = true
			p.skipf("table %s is new: it is made from its objects", t.Name)
		}
	}
	for name, f := range p.now.tables {
		g, both := p.then.tables[name]
		switch {
		case !both && (f.definition != "" || f.odd == isPartition): // Partitions that stay are detached first.
			leave[name] = true
			p.withholds("drop_table", name, "")
		case !both: // Dropping needs no understanding, but a name.
			leave[name] = !plain(name)
		case f.odd == isPartition && g.odd == isPartition:
			leave[name] = true
		case f.odd != "" || g.odd != "":
			leave[name] = true
			p.skipf("table %s %s", name, cmp.Or(f.odd, g.odd))
		case f.definition != g.definition:
			leave[name] = true
			p.skipf("table %s: its partition key changes", name)
		}
	}
	for _, s := range []*schema.Schema{p.from, p.to} {
		s.Tables = slices.DeleteFunc(s.Tables, func(t *schema.Table) bool { return leave[t.Name] })
	}
}

// leaveEnums leaves all but new enums and new values.
func (p *pair) leaveEnums() {
	from, to := enums(p.from), enums(p.to)
	leave := map[string]bool{}
	for name, e := range from {
		f, both := to[name]
		switch {
		case !both:
			leave[name] = true
			p.skipf("enum %s goes: it is dropped once nothing uses it", name)
		case !plain(name) || slices.ContainsFunc(f.Values, looksQuoted):
			leave[name] = true
			p.skipf("enum %s has names that Atlas can't quote", name)
		case !subsequence(e.Values, f.Values):
			leave[name] = true
			p.skipf("enum %s loses values, or their order changes", name)
		}
	}
	for name, e := range to {
		if _, both := from[name]; both {
			continue
		}
		if _, taken := p.now.types[name]; taken || !plain(name) || slices.ContainsFunc(e.Values, looksQuoted) {
			leave[name] = true
			p.skipf("type %s becomes an enum", name)
		}
	}
	for _, s := range []*schema.Schema{p.from, p.to} {
		s.Objects = slices.DeleteFunc(s.Objects, func(o schema.Object) bool {
			e, ok := o.(*schema.EnumType)
			return ok && leave[e.T]
		})
	}
}

func enums(s *schema.Schema) map[string]*schema.EnumType {
	all := map[string]*schema.EnumType{}
	for _, o := range s.Objects {
		if e, ok := o.(*schema.EnumType); ok {
			all[e.T] = e
		}
	}
	return all
}

// subsequence tells whether all of few are in many, in the same order.
func subsequence(few, many []string) bool {
	for _, v := range many {
		if len(few) > 0 && few[0] == v {
			few = few[1:]
		}
	}
	return len(few) == 0
}

// leaveConstraints takes out constraints that are odd on one side, or that are a
// constraint on one side and only an index on the other.
func (p *pair) leaveConstraints(from, to *schema.Table) {
	names := map[string]bool{}
	for _, f := range []facts{p.now, p.then} {
		for _, t := range []*schema.Table{from, to} {
			for _, name := range constraintNames(t) {
				names[name] = names[name] || f.constraints[key(t.Name, name)].odd != ""
			}
		}
	}
	for _, name := range sortedKeys(names) {
		k := key(from.Name, name)
		a, inFrom := p.now.constraints[k]
		b, inTo := p.then.constraints[k]
		_, fromIndex := p.now.indexes[k]
		_, toIndex := p.then.indexes[k]
		swapped := inFrom && toIndex || inTo && fromIndex
		if !names[name] && !swapped {
			continue
		}
		remove(from, name)
		remove(to, name)
		switch {
		case swapped:
			p.skipf("constraint %s of table %s is an index on the other side", name, from.Name)
		case a.definition != b.definition || inFrom != inTo:
			p.skipf("constraint %s of table %s %s", name, from.Name, cmp.Or(a.odd, b.odd))
		}
	}
}

// leaveIndexes takes out indexes that are odd on one side. PostgreSQL's own
// definition of those says everything, so they are made by that.
func (p *pair) leaveIndexes(from, to *schema.Table) {
	names := map[string]bool{}
	for _, t := range []*schema.Table{from, to} {
		for _, i := range t.Indexes {
			names[i.Name] = true
		}
	}
	for _, name := range sortedKeys(names) {
		k := key(from.Name, name)
		a, b := p.now.indexes[k], p.then.indexes[k]
		if a.odd == "" && b.odd == "" {
			continue
		}
		remove(from, name)
		remove(to, name)
		if a.definition == b.definition && a.odd == b.odd {
			continue
		}
		if a.odd == oddPartition || b.odd == oddPartition {
			p.skipf("index %s of table %s %s", name, from.Name, oddPartition)
			continue
		}
		p.byDefinition(from.Name, name, a.definition, b.definition)
	}
}

// byDefinition drops an index and makes it anew. A unique one that is replaced
// stays within the transaction, as in rebuild.
func (p *pair) byDefinition(table, name, from, to string) {
	inPlace := p.now.tables[table].definition != "" || from != "" && to != "" && strings.HasPrefix(to, "CREATE UNIQUE")
	if from != "" && !p.withholds("drop_index", name, table) {
		s := Statement{SQL: "DROP INDEX ", What: "drop index " + name, Outside: p.policy.ConcurrentIndex.Drop && !inPlace}
		if s.Outside {
			s.SQL += "CONCURRENTLY "
		}
		s.SQL += pgx.Identifier{name}.Sanitize()
		p.more = append(p.more, s)
	}
	if to != "" && !p.withholds("add_index", name, table) {
		s := Statement{SQL: to, What: "create index " + name, Outside: p.policy.ConcurrentIndex.Create && !inPlace}
		if s.Outside {
			s.SQL = strings.Replace(to, " INDEX ", " INDEX CONCURRENTLY ", 1)
		}
		p.more = append(p.more, s)
	}
}

// leaveColumn makes equal what of a column is not for Atlas.
func (p *pair) leaveColumn(t *schema.Table, from, to *schema.Column) {
	k := key(t.Name, from.Name)
	if a, b := p.now.columns[k].odd, p.then.columns[k].odd; a != "" || b != "" {
		if a != b {
			p.skipf("column %s.%s %s on one side only", t.Name, from.Name, cmp.Or(a, b))
		}
		for _, c := range []*schema.Column{from, to} {
			c.Default = nil
			if s, ok := c.Type.Type.(*postgres.SerialType); ok {
				c.Type.Type = s.IntegerType()
			}
		}
	}
	// Atlas begins the sequence anew (RESTART) if it finds no value in it, and a
	// clone has none.
	if a, b := attr[*postgres.Identity](from.Attrs), attr[*postgres.Identity](to.Attrs); identities(a) != identities(b) {
		p.skipf("column %s.%s: its identity changes", t.Name, from.Name)
		from.Attrs, to.Attrs = schema.RemoveAttr[*postgres.Identity](from.Attrs), schema.RemoveAttr[*postgres.Identity](to.Attrs)
	}
	a, b := attr[*schema.GeneratedExpr](from.Attrs), attr[*schema.GeneratedExpr](to.Attrs)
	if b != nil && (a == nil || a.Expr != b.Expr) {
		p.skipf("column %s.%s: the expression that generates it changes", t.Name, from.Name)
		from.Attrs, to.Attrs = schema.RemoveAttr[*schema.GeneratedExpr](from.Attrs), schema.RemoveAttr[*schema.GeneratedExpr](to.Attrs)
	}
}

func identities(i *postgres.Identity) string {
	if i == nil {
		return ""
	}
	return fmt.Sprint(i.Generation, i.Sequence.Start, i.Sequence.Increment)
}

// attr returns the attribute of a type, or nil.
func attr[T schema.Attr](attrs []schema.Attr) (found T) {
	for _, a := range attrs {
		if t, ok := a.(T); ok {
			return t
		}
	}
	return found
}

func constraintNames(t *schema.Table) []string {
	var names []string
	if t.PrimaryKey != nil {
		names = append(names, t.PrimaryKey.Name)
	}
	for _, i := range t.Indexes {
		names = append(names, i.Name)
	}
	for _, f := range t.ForeignKeys {
		names = append(names, f.Symbol)
	}
	for _, a := range t.Attrs {
		if c, ok := a.(*schema.Check); ok {
			names = append(names, c.Name)
		}
	}
	return names
}

// remove takes the constraint or index of a name out of a table.
func remove(t *schema.Table, name string) {
	if t.PrimaryKey != nil && t.PrimaryKey.Name == name {
		t.PrimaryKey = nil
	}
	t.Indexes = slices.DeleteFunc(t.Indexes, func(i *schema.Index) bool { return i.Name == name })
	t.ForeignKeys = slices.DeleteFunc(t.ForeignKeys, func(f *schema.ForeignKey) bool { return f.Symbol == name })
	t.Attrs = slices.DeleteFunc(t.Attrs, func(a schema.Attr) bool {
		c, ok := a.(*schema.Check)
		return ok && c.Name == name
	})
}

// quoteComments quotes those texts that Atlas would take for quoted already.
func quoteComments(s *schema.Schema) {
	mend := func(attrs []schema.Attr) {
		if c := attr[*schema.Comment](attrs); c != nil && looksQuoted(c.Text) {
			c.Text = quoteLiteral(c.Text)
		}
	}
	for _, t := range s.Tables {
		mend(t.Attrs)
		for _, c := range t.Columns {
			mend(c.Attrs)
		}
		for _, i := range t.Indexes {
			mend(i.Attrs)
		}
	}
}
