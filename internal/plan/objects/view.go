package objects

import (
	"cmp"
	"strings"
)

// createWhole runs a definition that is one statement.
func createWhole(_ *schemas, o object) []string { return []string{o.Definition} }

// dropNamed drops what has its kind's name in DDL.
func dropNamed(_ *schemas, o object) []string {
	return one("DROP", strings.ToUpper(string(o.Kind)), o.Name)
}

// alterView replaces a view, which works if it gets columns at the end at most.
func alterView(_ *schemas, from, to object) Change {
	before, query := viewParts(from)
	after, newQuery := viewParts(to)
	if query != newQuery {
		return Change{
			Alter:  one("CREATE OR REPLACE" + strings.TrimPrefix(to.Definition, "CREATE")),
			Drop:   dropNamed(nil, from),
			Create: one(to.Definition),
		}
	}
	var all []string
	for _, action := range setOptions(before["WITH"], after["WITH"]) {
		all = append(all, "ALTER VIEW "+to.Name+" "+action)
	}
	return Change{Alter: all}
}

// alterMatView changes how a materialized view is stored.
func alterMatView(_ *schemas, from, to object) Change {
	before, query := viewParts(from)
	after, newQuery := viewParts(to)
	if query != newQuery {
		return Change{}
	}
	actions := setOptions(before["WITH"], after["WITH"])
	if before["USING"] != after["USING"] {
		actions = append(actions, "SET ACCESS METHOD "+cmp.Or(after["USING"], "heap"))
	}
	if before["TABLESPACE"] != after["TABLESPACE"] {
		actions = append(actions, "SET TABLESPACE "+cmp.Or(after["TABLESPACE"], "pg_default"))
	}
	var all []string
	for _, action := range actions {
		all = append(all, "ALTER MATERIALIZED VIEW "+to.Name+" "+action)
	}
	return Change{Alter: all}
}

// viewParts takes a view's definition apart: what stands before its query, by the
// word, and the query.
func viewParts(o object) (settings map[string]string, query string) {
	head, query, _ := cut(o.Definition, " AS\n")
	settings = map[string]string{}
	for _, word := range []string{"TABLESPACE", "WITH", "USING"} {
		var value string
		head, value, _ = cut(head, " "+word+" ")
		value = strings.TrimSuffix(strings.TrimPrefix(value, "("), ")")
		if value != "" {
			settings[word] = value
		}
	}
	return settings, query
}

// createRoutine runs the definition of a function or procedure. SET search_path
// FROM CURRENT has put the schema's name into it, and that in the form of a string.
func createRoutine(_ *schemas, o object) []string {
	head, body := o.Definition, ""
	if i := strings.Index(head, "\nAS $"); i >= 0 {
		head, body = head[:i], head[i:]
	}
	lines := strings.SplitAfter(head, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, " SET ") {
			lines[i] = strings.ReplaceAll(line, "'$tenant'", schemaName)
		}
	}
	return []string{strings.Join(lines, "") + body}
}

// alterRoutine replaces a function or procedure, which works if it keeps its
// result, the names of its arguments and their defaults.
func alterRoutine(s *schemas, from, to object) Change {
	create := createRoutine(s, to)
	return Change{Alter: create, Drop: dropRoutine(s, from), Create: create}
}

// dropRoutine drops a function, procedure or aggregate.
func dropRoutine(_ *schemas, o object) []string {
	return one("DROP", strings.ToUpper(string(o.Kind)), either(o.Kind == kindAggregate, aggregateName(o.Name), o.Name))
}

// aggregateName is the name of an aggregate with its arguments, of which there
// may be none.
func aggregateName(name string) string {
	if base, ok := strings.CutSuffix(name, "()"); ok {
		return base + "(*)"
	}
	return name
}
