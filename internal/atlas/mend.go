package atlas

import (
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
)

// mend makes Atlas's changes whole: what it overlooks is added, what it may not
// do is taken out.
func (p *pair) mend(changes []schema.Change) []schema.Change {
	modified := map[string]*schema.ModifyTable{}
	for _, c := range changes {
		if m, ok := c.(*schema.ModifyTable); ok {
			modified[m.T.Name] = m
		}
	}
	for _, t := range p.from.Tables {
		to, ok := p.to.Table(t.Name)
		if !ok {
			continue
		}
		m := modified[t.Name]
		if m == nil {
			m = &schema.ModifyTable{T: to}
		}
		p.overlooked(m, t, to)
		m.Changes = p.mendTable(m)
		if len(m.Changes) > 0 && modified[t.Name] == nil {
			changes = append(changes, m)
		}
	}
	changes = split(p.withhold("", changes))
	return slices.DeleteFunc(changes, func(c schema.Change) bool {
		m, ok := c.(*schema.ModifyTable)
		return ok && len(m.Changes) == 0
	})
}

// split gives each new constraint a statement of its own, after the table's other
// changes: an error then names the one, and engines that spread a schema over
// several machines take no other form.
func split(changes []schema.Change) []schema.Change {
	var constraints []schema.Change
	for _, m := range modifications(changes) {
		m.Changes = slices.DeleteFunc(m.Changes, func(c schema.Change) bool {
			switch c := c.(type) {
			case *schema.AddPrimaryKey, *schema.AddForeignKey, *schema.AddCheck:
			case *schema.AddIndex:
				if attr[*postgres.Constraint](c.I.Attrs) == nil {
					return false
				}
			default:
				return false
			}
			constraints = append(constraints, &schema.ModifyTable{T: m.T, Changes: []schema.Change{c}})
			return true
		})
	}
	return append(changes, constraints...)
}

// overlooked adds changes of types that Atlas does not know (domains, composite
// types, those of extensions), and of the table that a foreign key refers to.
func (p *pair) overlooked(m *schema.ModifyTable, from, to *schema.Table) {
	for _, c := range from.Columns {
		other, ok := to.Column(c.Name)
		k := key(from.Name, c.Name)
		if !ok || p.now.columns[k].definition == p.then.columns[k].definition {
			continue
		}
		i := slices.IndexFunc(m.Changes, func(ch schema.Change) bool {
			mc, ok := ch.(*schema.ModifyColumn)
			return ok && mc.To.Name == c.Name
		})
		if i < 0 {
			m.Changes = append(m.Changes, &schema.ModifyColumn{From: c, To: other, Change: schema.ChangeType})
		} else if mc, ok := m.Changes[i].(*schema.ModifyColumn); ok {
			mc.Change |= schema.ChangeType
		}
	}
	for _, f := range from.ForeignKeys {
		g, ok := to.ForeignKey(f.Symbol)
		if !ok || f.RefTable.Name == g.RefTable.Name && schemaName(f.RefTable) == schemaName(g.RefTable) {
			continue
		}
		m.Changes = slices.DeleteFunc(m.Changes, func(ch schema.Change) bool {
			mf, ok := ch.(*schema.ModifyForeignKey)
			return ok && mf.From.Symbol == f.Symbol
		})
		m.Changes = append(m.Changes, &schema.ModifyForeignKey{From: f, To: g, Change: schema.ChangeRefTable})
	}
}

func schemaName(t *schema.Table) string {
	if t.Schema == nil {
		return ""
	}
	return t.Schema.Name
}

func (p *pair) mendTable(m *schema.ModifyTable) []schema.Change {
	var changes []schema.Change
	for _, c := range p.withhold(m.T.Name, m.Changes) {
		switch c := c.(type) {
		case *schema.AddColumn:
			k := key(m.T.Name, c.C.Name)
			if odd := p.then.columns[k].odd; odd != "" {
				p.leftColumn[k] = true
				p.skipf("column %s.%s is new and %s", m.T.Name, c.C.Name, odd)
				continue
			}
			changes = append(changes, c)
		case *schema.ModifyColumn:
			changes = append(changes, p.retype(m.T.Name, c)...)
		case *schema.ModifyIndex:
			changes = append(changes, p.rebuild(c)...)
		default:
			changes = append(changes, c)
		}
	}
	return slices.DeleteFunc(changes, func(c schema.Change) bool { return p.onLeftColumn(m.T.Name, c) })
}

// retype changes a type in three parts, as PostgreSQL needs it when the default
// does not follow: without default, with the new type, with the new default. The
// cast is said, since not all types change by themselves.
func (p *pair) retype(table string, c *schema.ModifyColumn) []schema.Change {
	if !c.Change.Is(schema.ChangeType) {
		return []schema.Change{c}
	}
	k := key(table, c.To.Name)
	if using := cast(c.To.Name, p.now.columns[k], p.then.columns[k]); using != "" {
		c.Extra = append(c.Extra, &postgres.ConvertUsing{X: using})
	}
	if c.From.Default == nil {
		return []schema.Change{c}
	}
	bare := *c.To
	bare.Default = nil
	changes := []schema.Change{
		&schema.ModifyColumn{From: c.From, To: &bare, Change: schema.ChangeDefault},
		&schema.ModifyColumn{From: &bare, To: &bare, Change: c.Change & ^schema.ChangeDefault & ^schema.ChangeComment, Extra: c.Extra},
	}
	if c.To.Default != nil {
		changes = append(changes, &schema.ModifyColumn{From: &bare, To: c.To, Change: schema.ChangeDefault})
	}
	if c.Change.Is(schema.ChangeComment) {
		changes = append(changes, &schema.ModifyColumn{From: c.From, To: c.To, Change: schema.ChangeComment})
	}
	return changes
}

// cast is the expression of USING. Numbers and texts change by themselves, an
// enum becomes something else, or another enum, by way of its text.
func cast(column string, from, to fact) string {
	quoted := `"` + column + `"`
	array := ""
	if strings.HasSuffix(from.definition, "[]") && strings.HasSuffix(to.definition, "[]") {
		array = "[]"
	}
	const numbers, texts, enum = "N", "S", "E"
	switch a, b := from.category, to.category; {
	case a == b && (a == numbers || a == texts):
		return ""
	case a != texts && b != texts && (a == enum || b == enum):
		return fmt.Sprintf("%s::text%s::%s", quoted, array, to.definition)
	}
	return fmt.Sprintf("%s::%s", quoted, to.definition)
}

// rebuild makes a changed index by its two halves, so that each can be
// concurrent. A unique one is replaced in the transaction: there must be no
// moment without it. A comment alone needs neither.
func (p *pair) rebuild(c *schema.ModifyIndex) []schema.Change {
	if c.Change == schema.ChangeComment || c.From.Unique || attr[*postgres.Constraint](c.From.Attrs) != nil {
		return []schema.Change{c}
	}
	return []schema.Change{&schema.DropIndex{I: c.From}, &schema.AddIndex{I: c.To}}
}

// onLeftColumn tells whether a change needs a column that others will add.
func (p *pair) onLeftColumn(table string, c schema.Change) bool {
	var columns []*schema.Column
	var name string
	parts := func(i *schema.Index) {
		name = "index " + i.Name
		for _, part := range i.Parts {
			if part.C != nil {
				columns = append(columns, part.C)
			}
		}
	}
	switch c := c.(type) {
	case *schema.AddIndex:
		parts(c.I)
	case *schema.AddPrimaryKey:
		parts(c.P)
	case *schema.ModifyPrimaryKey:
		parts(c.To)
	case *schema.AddForeignKey:
		name, columns = "constraint "+c.F.Symbol, c.F.Columns
	case *schema.AddCheck:
		name = "constraint " + c.C.Name
		if used := attr[*postgres.CheckColumns](c.C.Attrs); used != nil {
			for _, n := range used.Columns {
				columns = append(columns, &schema.Column{Name: n})
			}
		}
	}
	left := slices.ContainsFunc(columns, func(c *schema.Column) bool { return p.leftColumn[key(table, c.Name)] })
	if left {
		p.skipf("%s of table %s needs a column that Atlas doesn't add", name, table)
	}
	return left
}

// withhold takes out what the policy of atlas.hcl leaves out.
func (p *pair) withhold(table string, changes []schema.Change) []schema.Change {
	return slices.DeleteFunc(changes, func(c schema.Change) bool {
		kind, name := kindOf(c)
		return p.withholds(kind, name, table)
	})
}

// withholds tells whether the policy leaves out a kind of change, and notes it.
func (p *pair) withholds(kind, name, table string) bool {
	if !slices.Contains(p.policy.Skip, kind) {
		return false
	}
	what := strings.ReplaceAll(kind, "_", " ") + " " + name
	if table != "" {
		what += " of table " + table
	}
	p.withheld = append(p.withheld, fmt.Sprintf("%s: left out by %s in diff.skip of %s", what, kind, File))
	return true
}

// kindOf returns the name that Atlas's diff.skip has for a change, and what it
// is about.
func kindOf(c schema.Change) (kind, name string) {
	switch c := c.(type) {
	case *schema.DropTable:
		return "drop_table", c.T.Name
	case *schema.ModifyTable:
		return "modify_table", c.T.Name
	case *schema.AddColumn:
		return "add_column", c.C.Name
	case *schema.DropColumn:
		return "drop_column", c.C.Name
	case *schema.ModifyColumn:
		return "modify_column", c.To.Name
	case *schema.AddIndex:
		return "add_index", c.I.Name
	case *schema.DropIndex:
		return "drop_index", c.I.Name
	case *schema.ModifyIndex:
		return "modify_index", c.To.Name
	case *schema.AddForeignKey:
		return "add_foreign_key", c.F.Symbol
	case *schema.DropForeignKey:
		return "drop_foreign_key", c.F.Symbol
	case *schema.ModifyForeignKey:
		return "modify_foreign_key", c.To.Symbol
	}
	return "", ""
}
