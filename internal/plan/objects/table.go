package objects

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// createTable makes a table with its columns. Partitions are tables of their own
// until they are attached, once they have all that the partitioned table asks for.
func createTable(s *schemas, o object) []string {
	var columns []string
	for _, c := range s.columns(o) {
		if c.attr("inherited") != "true" || o.relation("partition of") != "" {
			_, name := owner(c.Name)
			columns = append(columns, "\n    "+join(name, s.columnDefinition(c, s.defaultLater(c))))
		}
	}
	words := []string{"CREATE", unlogged(o), classTable, o.Name, "(" + strings.Join(columns, ",")}
	if len(columns) > 0 {
		words[len(words)-1] += "\n"
	}
	words[len(words)-1] += ")"
	if o.attr("server") != "" {
		words[1] = "FOREIGN"
		return []string{join(append(words, "SERVER", o.attr("server"), inParens("OPTIONS", o.attr("server options")))...)}
	}
	return []string{join(append(words,
		inParens("INHERITS", o.attr("inherits")),
		prefixed("PARTITION BY ", o.attr("partition by")),
		prefixed("USING ", o.attr("access method")),
		inParens("WITH", storage(o)),
		prefixed("TABLESPACE ", o.attr("tablespace")))...)}
}

// storage are a table's options, with those of its toast table.
func storage(o object) string {
	all := split(o.attr("options"), ',')
	for _, option := range split(o.attr("toast options"), ',') {
		all = append(all, "toast."+option)
	}
	return strings.Join(all, ", ")
}

// columns are a table's columns, in their order.
func (s *schemas) columns(table object) []object {
	columns := s.to.of(kindColumn, table.Name)
	slices.SortStableFunc(columns, func(a, b object) int { return a.Position - b.Position })
	return columns
}

// dropTable drops a table. Its partitions would go along: those that stay are
// detached.
func dropTable(s *schemas, o object) []string {
	return append(detachStaying(s, o), dropNamed(s, o)...)
}

func detachStaying(s *schemas, o object) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(s.from[kindTable])) {
		switch p := s.from[kindTable][name]; {
		case p.relation("partition of") != o.Name:
		case s.to.has(kindTable, name):
			all = append(all, alterTableTo(o.Name, "DETACH PARTITION "+name))
		default:
			all = append(all, detachStaying(s, p)...)
		}
	}
	return all
}

func finishTable(_ *schemas, o object) []string {
	statements := rowSecurity(object{}, o)
	statements = append(statements, replicaIdentity(object{}, o)...)
	if o.attr("of type") != "" {
		statements = append(statements, alterTableTo(o.Name, "OF "+o.attr("of type")))
	}
	return append(statements, attach(o)...)
}

func unlogged(o object) string {
	return either(o.attr("persistence") == "unlogged", "UNLOGGED", "")
}

func attach(o object) []string {
	if o.relation("partition of") == "" {
		return nil
	}
	return []string{alterTableTo(o.relation("partition of"), "ATTACH PARTITION "+o.Name+" "+o.attr("bound"))}
}

func alterTableTo(table, action string) string { return "ALTER TABLE " + table + " " + action }

const copyMend = "write a plan file in schema/plans that makes a new table, copies the rows with INSERT ... SELECT, and renames it"

// alterTable changes what can be changed of a table that keeps its rows.
func alterTable(_ *schemas, from, to object) Change {
	if from.attr("partition by") != to.attr("partition by") {
		return Change{Refused: refuse(kindTable, to.Name, "no statement changes PARTITION BY from "+orNone(from.attr("partition by"))+" to "+orNone(to.attr("partition by")), copyMend)}
	}
	var all []string
	add := func(action string) { all = append(all, alterTableTo(to.Name, action)) }
	if from.attr("persistence") != to.attr("persistence") {
		add("SET " + either(unlogged(to) == "", "LOGGED", "UNLOGGED"))
	}
	if from.attr("access method") != to.attr("access method") {
		add("SET ACCESS METHOD " + cmp.Or(to.attr("access method"), "heap"))
	}
	if from.attr("tablespace") != to.attr("tablespace") {
		add("SET TABLESPACE " + cmp.Or(to.attr("tablespace"), "pg_default"))
	}
	for _, action := range setOptions(storage(from), storage(to)) {
		add(action)
	}
	if from.attr("of type") != to.attr("of type") {
		add(either(to.attr("of type") == "", "NOT OF", "OF "+to.attr("of type")))
	}
	all = append(all, rowSecurity(from, to)...)
	all = append(all, replicaIdentity(from, to)...)
	return Change{Alter: append(all, reparent(from, to)...)}
}

// replicaIdentity says what replicas know rows by.
func replicaIdentity(from, to object) []string {
	before, after := from.attr("replica identity"), to.attr("replica identity")
	if before == after {
		return nil
	}
	action := strings.ToUpper(cmp.Or(after, "default"))
	if index, ok := strings.CutPrefix(after, "index "); ok {
		action = "USING INDEX " + index
	}
	return []string{alterTableTo(to.Name, "REPLICA IDENTITY "+action)}
}

func rowSecurity(from, to object) []string {
	var all []string
	for line, actions := range rowSecurities {
		if from.has(line) != to.has(line) {
			all = append(all, alterTableTo(to.Name, either(to.has(line), actions[0], actions[1])+" ROW LEVEL SECURITY"))
		}
	}
	slices.Sort(all)
	return all
}

var rowSecurities = map[string][2]string{
	"row security: enabled":    {"ENABLE", "DISABLE"},
	"force row security: true": {"FORCE", "NO FORCE"},
}

// reparent changes what a table inherits from, or is a partition of.
func reparent(from, to object) []string {
	var all []string
	if from.relation("partition of") != to.relation("partition of") || from.attr("bound") != to.attr("bound") {
		if from.relation("partition of") != "" {
			all = append(all, alterTableTo(from.relation("partition of"), "DETACH PARTITION "+from.Name))
		}
		all = append(all, attach(to)...)
	}
	before, after := split(from.attr("inherits"), ','), split(to.attr("inherits"), ',')
	for _, parent := range before {
		if !slices.Contains(after, parent) {
			all = append(all, alterTableTo(to.Name, "NO INHERIT "+parent))
		}
	}
	for _, parent := range after {
		if !slices.Contains(before, parent) {
			all = append(all, alterTableTo(to.Name, "INHERIT "+parent))
		}
	}
	return all
}

// setOptions are the actions that lead from one list of options to another, as
// ALTER TABLE, VIEW and INDEX have them.
func setOptions(from, to string) []string {
	before, after := split(from, ','), split(to, ',')
	var set, reset []string
	for _, option := range after {
		if !slices.Contains(before, option) {
			set = append(set, option)
		}
	}
	for _, option := range before {
		name, _, _ := strings.Cut(option, "=")
		if !slices.ContainsFunc(after, func(o string) bool { return strings.HasPrefix(o, name+"=") }) {
			reset = append(reset, name)
		}
	}
	var actions []string
	if len(reset) > 0 {
		actions = append(actions, "RESET ("+strings.Join(reset, ", ")+")")
	}
	if len(set) > 0 {
		actions = append(actions, "SET ("+strings.Join(set, ", ")+")")
	}
	return actions
}

func orNone(s string) string { return cmp.Or(s, "none") }

// refuseForeign: what is at the other end is not ours, and the way there is the
// database's.
func refuseForeign(_ *schemas, o object) string {
	return refuse(kindForeign, o.Name, "its server "+o.attr("server")+" is the database's, and a scratch database has none to try it with",
		"leave foreign tables to a schema of their own, which nothing plans")
}
