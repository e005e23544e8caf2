package objects

import (
	"cmp"
	"maps"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// columnDefinition is all that a column can have when it is made.
func (s *schemas) columnDefinition(o object, withoutDefault bool) string {
	words := []string{
		o.attr("type"),
		prefixed("COMPRESSION ", o.attr("compression")),
		prefixed("COLLATE ", o.attr("collation")),
	}
	if !withoutDefault {
		words = append(words, prefixed("DEFAULT ", o.attr("default")))
	}
	if kind, expression, ok := strings.Cut(o.attr("generated"), " "); ok {
		words = append(words, "GENERATED ALWAYS AS ("+expression+") "+strings.ToUpper(kind))
	}
	if o.attr("identity") != "" {
		words = append(words, s.identity(o))
	}
	return join(append(words, either(o.has(notNull), "NOT NULL", ""))...)
}

// identity makes a column's own sequence, with its name and options.
func (s *schemas) identity(column object) string {
	words := "GENERATED " + strings.ToUpper(column.attr("identity")) + " AS IDENTITY"
	sequence, ok := s.to.identitySequence(column.Name)
	if !ok {
		return words
	}
	return words + " (SEQUENCE NAME " + sequence.Name + " " + sequenceOptions(sequence) + ")"
}

func (s set) identitySequence(column string) (object, bool) {
	for _, o := range s[kindSequence] {
		if o.relation("identity of") == column {
			return o, true
		}
	}
	return object{}, false
}

// defaultLater tells that a default needs a function of the schema, which may
// need the table.
func (s *schemas) defaultLater(o object) bool {
	for name := range s.to[kindFunction] {
		function, _, _ := strings.Cut(name, "(")
		if strings.Contains(o.attr("default"), function+"(") {
			return true
		}
	}
	return false
}

const notNull = "not null: true"

// inherited tells that a column is only there because the table's parent has it.
func inherited(o object) bool { return o.attr("inherited") == "true" }

// ofTable tells that a column belongs to a table, and not to a view.
func ofTable(relation object) bool { return relation.Kind == kindTable || relation.Kind == kindForeign }

func createColumn(s *schemas, o object) []string {
	table, name := owner(o.Name)
	relation, _ := s.to.relation(table)
	if !ofTable(relation) || s.fresh(table) || inherited(o) {
		return nil
	}
	return []string{alterTableTo(table, "ADD COLUMN "+name+" "+s.columnDefinition(o, false))}
}

// finishColumn sets what a column can't be made with.
func finishColumn(s *schemas, o object) []string {
	table, name := owner(o.Name)
	if relation, _ := s.to.relation(table); relation.Kind == kindView {
		return viewColumn(object{}, o)
	}
	all := columnSettings(object{}, o)
	if s.fresh(table) && s.defaultLater(o) {
		all = append(all, alterColumnTo(table, name, "SET DEFAULT "+o.attr("default")))
	}
	return all
}

// dropColumn drops a table's column. Of a view's, only the settings are told.
func dropColumn(s *schemas, o object) []string {
	table, name := owner(o.Name)
	nothing := newObject(fingerprint.Object{Kind: o.Kind, Name: o.Name})
	switch relation, _ := s.from.relation(table); {
	case relation.Kind == kindView:
		return viewColumn(o, nothing)
	case relation.Kind == kindMatView:
		return columnSettings(o, nothing)
	case inherited(o):
		return nil
	}
	return []string{alterTableTo(table, "DROP COLUMN "+name)}
}

func alterColumnTo(table, column, action string) string {
	return alterTableTo(table, "ALTER COLUMN "+column+" "+action)
}

// columnSettings are what no value of a column depends on.
func columnSettings(from, to object) []string {
	table, name := owner(to.Name)
	var all []string
	add := func(action string) { all = append(all, alterColumnTo(table, name, action)) }
	if to.attr("storage") != from.attr("storage") {
		add("SET STORAGE " + cmp.Or(to.attr("storage"), from.attr("type storage"), "extended"))
	}
	if from.Name != "" && to.attr("compression") != from.attr("compression") {
		add("SET COMPRESSION " + cmp.Or(to.attr("compression"), "default"))
	}
	if to.attr("statistics") != from.attr("statistics") {
		add("SET STATISTICS " + cmp.Or(to.attr("statistics"), "-1"))
	}
	for _, action := range setOptions(from.attr("options"), to.attr("options")) {
		add(action)
	}
	return all
}

// viewColumn changes the default of a view's column.
func viewColumn(from, to object) []string {
	if from.attr("default") == to.attr("default") {
		return nil
	}
	table, name := owner(to.Name)
	action := either(to.attr("default") == "", "DROP DEFAULT", "SET DEFAULT "+to.attr("default"))
	return []string{"ALTER VIEW " + table + " ALTER COLUMN " + name + " " + action}
}

// alterColumn changes a column and keeps its values.
func alterColumn(s *schemas, from, to object) Change {
	table, name := owner(to.Name)
	relation, _ := s.to.relation(table)
	switch {
	case relation.Kind == kindView:
		return Change{Alter: viewColumn(from, to)}
	case relation.Kind == kindMatView:
		return Change{Alter: columnSettings(from, to)}
	case from.attr("server options") != to.attr("server options"):
		return Change{Refused: refuse(kindColumn, to.Name, "options of a foreign table's column aren't planned", "write ALTER FOREIGN TABLE into a plan file in schema/plans")}
	case inherited(to) && !inherited(from) && relation.attr("partition of") == "":
		return Change{Refused: refuse(kindColumn, to.Name, "the table's own column can't become one that is only inherited",
			"write a plan file in schema/plans that makes the table anew with INHERITS and copies the rows")}
	}
	if from.attr("generated") != to.attr("generated") {
		return regenerate(s, from, to)
	}
	var all []string
	add := func(action string) { all = append(all, alterColumnTo(table, name, action)) }
	typed := from.attr("type") != to.attr("type") || from.attr("collation") != to.attr("collation")
	if from.attr("identity") != "" && to.attr("identity") == "" {
		add("DROP IDENTITY")
	}
	// A default may not fit the new type.
	redefault := from.attr("default") != to.attr("default") || typed && from.attr("default") != ""
	if redefault && from.attr("default") != "" {
		add("DROP DEFAULT")
	}
	if typed {
		add("TYPE " + join(to.attr("type"), prefixed("COLLATE ", to.attr("collation"))) + s.using(from, to, name))
	}
	if redefault && to.attr("default") != "" {
		add("SET DEFAULT " + to.attr("default"))
	}
	if from.has(notNull) != to.has(notNull) {
		add(either(to.has(notNull), "SET", "DROP") + " NOT NULL")
	}
	if to.attr("identity") != from.attr("identity") && to.attr("identity") != "" {
		add(either(from.attr("identity") == "", "ADD "+s.identity(to), "SET GENERATED "+strings.ToUpper(to.attr("identity"))))
	}
	return Change{Alter: append(all, columnSettings(from, to)...)}
}

// using casts values where PostgreSQL does not do so by itself: enums by way of
// their labels.
func (s *schemas) using(from, to object, column string) string {
	if from.attr("type") == to.attr("type") || from.attr("generated") != "" {
		return ""
	}
	if s.from.has(kindEnum, from.relation("type")) || s.to.has(kindEnum, to.relation("type")) {
		return " USING " + column + "::text::" + to.attr("type")
	}
	return " USING " + column + "::" + to.attr("type")
}

// regenerate changes whether and how a column's values are worked out. Such
// values are derived, so the column can be made again; those of a plain column
// are not.
func regenerate(s *schemas, from, to object) Change {
	table, name := owner(to.Name)
	_, expression, _ := strings.Cut(to.attr("generated"), " ")
	switch {
	case from.attr("generated") == "":
		return Change{Refused: refuse(kindColumn, to.Name, "it holds values of its own, which GENERATED ALWAYS AS ("+expression+") would replace",
			"write a plan file in schema/plans that drops the column and adds it again, if its values are no longer needed")}
	case to.attr("generated") == "":
		plain := object{from.Object, maps.Clone(from.attributes)}
		delete(plain.attributes, "generated")
		return Change{Alter: append([]string{alterColumnTo(table, name, "DROP EXPRESSION")}, alterColumn(s, plain, to).Alter...)}
	default:
		return Change{Alter: append([]string{
			alterTableTo(table, "DROP COLUMN "+name),
			alterTableTo(table, "ADD COLUMN "+name+" "+s.columnDefinition(to, false)),
		}, columnSettings(object{}, to)...)}
	}
}
