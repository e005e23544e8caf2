package objects

import (
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// dropType drops an enum, composite type or range.
func dropType(_ *schemas, o object) []string { return one("DROP TYPE", o.Name) }

func createEnum(_ *schemas, o object) []string {
	return one("CREATE TYPE", o.Name, "AS ENUM ("+o.attr("labels")+")")
}

// alterEnum adds labels. PostgreSQL can neither drop nor move one.
func alterEnum(_ *schemas, from, to object) Change {
	before, after := split(from.attr("labels"), ','), split(to.attr("labels"), ',')
	kept := slices.DeleteFunc(slices.Clone(after), func(l string) bool { return !slices.Contains(before, l) })
	if !slices.Equal(kept, before) {
		return Change{Refused: refuse(kindEnum, to.Name, enumLoss(before, after),
			"write a plan file in schema/plans that renames the type, makes it anew, casts each column that has it with USING column::text::"+to.Name+", and drops the old one")}
	}
	var all []string
	for i, label := range after {
		switch {
		case slices.Contains(before, label):
		case i > 0:
			all = append(all, join("ALTER TYPE", to.Name, "ADD VALUE", label, "AFTER", after[i-1]))
		case len(before) > 0:
			all = append(all, join("ALTER TYPE", to.Name, "ADD VALUE", label, "BEFORE", before[0]))
		default:
			all = append(all, join("ALTER TYPE", to.Name, "ADD VALUE", label))
		}
	}
	return Change{Alter: all}
}

func enumLoss(before, after []string) string {
	gone := slices.DeleteFunc(slices.Clone(before), func(l string) bool { return slices.Contains(after, l) })
	if len(gone) > 0 {
		return "PostgreSQL can't drop values of an enum (" + strings.Join(gone, ", ") + "), and rows may hold them"
	}
	return "PostgreSQL can't change the order of an enum's values"
}

func createDomain(_ *schemas, o object) []string {
	return one("CREATE DOMAIN", o.Name, "AS", o.attr("type"), prefixed("COLLATE ", o.attr("collation")),
		prefixed("DEFAULT ", o.attr("default")), either(o.has("not null: true"), "NOT NULL", ""))
}

// alterDomain changes the default and NOT NULL of a domain.
func alterDomain(_ *schemas, from, to object) Change {
	if from.attr("type") != to.attr("type") || from.attr("collation") != to.attr("collation") {
		return Change{}
	}
	var all []string
	add := func(action string) { all = append(all, "ALTER DOMAIN "+to.Name+" "+action) }
	if from.attr("default") != to.attr("default") {
		add(either(to.attr("default") == "", "DROP DEFAULT", "SET DEFAULT "+to.attr("default")))
	}
	if from.has("not null: true") != to.has("not null: true") {
		add(either(to.has("not null: true"), "SET", "DROP") + " NOT NULL")
	}
	return Change{Alter: all}
}

func createType(_ *schemas, o object) []string {
	return one("CREATE TYPE", o.Name, "AS ("+o.attr("attributes")+")")
}

// Attribute is one of a composite type: its name, and its type with what else
// there is to say of it.
type Attribute struct{ Name, Definition string }

// Attributes are those of a composite type.
func Attributes(composite fingerprint.Object) []Attribute {
	list := split(newObject(composite).attr("attributes"), ',')
	all := make([]Attribute, 0, len(list))
	for _, a := range list {
		name, definition, _ := cut(a, " ")
		all = append(all, Attribute{name, definition})
	}
	return all
}

// alterType changes the attributes of a composite type. New ones are put at the
// end; others keep their order.
func alterType(s *schemas, from, to object) Change {
	before, after := Attributes(from.Object), Attributes(to.Object)
	var actions []string
	var kept []string
	for _, a := range before {
		i := slices.IndexFunc(after, func(b Attribute) bool { return a.Name == b.Name })
		switch {
		case i < 0:
			actions = append(actions, "DROP ATTRIBUTE "+a.Name)
			continue
		case after[i].Definition != a.Definition:
			actions = append(actions, "ALTER ATTRIBUTE "+a.Name+" TYPE "+after[i].Definition)
		}
		kept = append(kept, a.Name)
	}
	for _, a := range after {
		if !slices.Contains(kept, a.Name) {
			actions = append(actions, "ADD ATTRIBUTE "+a.Name+" "+a.Definition)
			kept = append(kept, a.Name)
		}
	}
	change := Change{Drop: dropType(s, from), Create: createType(s, to)}
	if slices.EqualFunc(kept, after, func(name string, a Attribute) bool { return name == a.Name }) {
		change.Alter = one("ALTER TYPE", to.Name, strings.Join(actions, ", "))
	}
	return change
}

func createRange(_ *schemas, o object) []string {
	var options []string
	for _, key := range []string{"subtype", "subtype_opclass", "collation", "canonical", "subtype_diff", "multirange_type_name"} {
		if value := o.attr(key); value != "" {
			options = append(options, strings.ToUpper(key)+" = "+value)
		}
	}
	return one("CREATE TYPE", o.Name, "AS RANGE ("+strings.Join(options, ", ")+")")
}

func createCollation(_ *schemas, o object) []string {
	options := make([]string, 0, 2)
	for _, key := range []string{"provider", "locale", "lc_collate", "lc_ctype", "deterministic", "rules"} {
		value := o.attr(key)
		switch {
		case value == "":
			continue
		case key != "provider" && key != "deterministic":
			value = literal(value)
		}
		options = append(options, strings.ToUpper(key)+" = "+value)
	}
	return one("CREATE COLLATION", o.Name, "("+strings.Join(options, ", ")+")")
}
