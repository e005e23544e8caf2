package objects

import (
	"maps"
	"slices"
	"strings"
)

// sequenceOptions are all options of a sequence, so that none is left to a
// default that depends on its type.
func sequenceOptions(o object) string {
	return join(
		prefixed("START WITH ", o.attr("start")),
		prefixed("INCREMENT BY ", o.attr("increment")),
		prefixed("MINVALUE ", o.attr("min")),
		prefixed("MAXVALUE ", o.attr("max")),
		prefixed("CACHE ", o.attr("cache")),
		either(o.has("cycle: true"), "CYCLE", "NO CYCLE"))
}

func createSequence(s *schemas, o object) []string {
	if column := o.attr("identity of"); column != "" {
		before, ok := s.from.identitySequence(column)
		if !ok || s.to.has(kindSequence, before.Name) {
			return nil // The column makes it.
		}
		return []string{
			"ALTER SEQUENCE " + before.Name + " RENAME TO " + o.Name,
			"ALTER SEQUENCE " + join(o.Name, prefixed("AS ", o.attr("type")), sequenceOptions(o)),
		}
	}
	return []string{join("CREATE", unlogged(o), "SEQUENCE", o.Name, prefixed("AS ", o.attr("type")), sequenceOptions(o))}
}

func finishSequence(s *schemas, o object) (all []string) {
	if o.attr("owned by") != "" {
		all = append(all, "ALTER SEQUENCE "+o.Name+" OWNED BY "+o.attr("owned by"))
	}
	return append(all, s.position(o)...)
}

// position takes a new sequence on to where the columns are that it comes to
// fill: else it would give values that they have. Their old sequence knows that
// best, while it is there; if it was an identity's, it has gone with that, and the
// highest value has to do.
func (s *schemas) position(o object) (all []string) {
	if column := o.relation("identity of"); column != "" {
		if before, ok := s.from.identitySequence(column); ok && !s.to.has(kindSequence, before.Name) {
			return nil // It is that one with another name.
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.to[kindColumn])) {
		column := s.to[kindColumn][name]
		before, ok := s.from.get(kindColumn, name)
		switch table, part := owner(name); {
		case !ok || s.to.feeds(column) != o.Name || !slices.Contains(integers, column.attr("type")) || !s.to.has(kindTable, table):
		case s.from.has(kindSequence, s.from.feeds(before)) && before.attr("identity") == "":
			all = append(all, "SELECT setval("+literal(o.Name)+", last_value, is_called) FROM "+s.from.feeds(before))
		default:
			furthest, beyond := "max("+part+")", ">="
			if strings.HasPrefix(o.attr("increment"), "-") {
				furthest, beyond = "min("+part+")", "<="
			}
			all = append(all, "SELECT setval("+literal(o.Name)+", "+furthest+") FROM "+table+" HAVING "+furthest+" "+beyond+" (SELECT last_value FROM "+o.Name+")")
		}
	}
	return all
}

var integers = []string{"smallint", "integer", "bigint"}

// feeds is the sequence that gives a column its values.
func (s set) feeds(column object) string {
	if column.attr("identity") != "" {
		sequence, _ := s.identitySequence(column.Name)
		return sequence.Name
	}
	for name := range s[kindSequence] {
		if column.attr("default") == "nextval("+literal(name)+"::regclass)" {
			return name
		}
	}
	return ""
}

func dropSequence(_ *schemas, o object) []string {
	if o.attr("identity of") == "" {
		return []string{"DROP SEQUENCE " + o.Name}
	}
	return nil // It goes with its column, or with DROP IDENTITY.
}

func alterSequence(_ *schemas, from, to object) Change {
	if (from.attr("identity of") == "") != (to.attr("identity of") == "") {
		return Change{Refused: refuse(kindSequence, to.Name, "it can't turn into an identity column's own sequence or back",
			"rename it, so that both can be there for a moment")}
	}
	var all []string
	if from.attr("persistence") != to.attr("persistence") {
		all = append(all, "ALTER SEQUENCE "+to.Name+" SET "+either(unlogged(to) == "", "LOGGED", "UNLOGGED"))
	}
	if sequenceOptions(from) != sequenceOptions(to) || from.attr("type") != to.attr("type") {
		all = append(all, "ALTER SEQUENCE "+join(to.Name, prefixed("AS ", to.attr("type")), sequenceOptions(to)))
	}
	if from.attr("owned by") != to.attr("owned by") {
		all = append(all, "ALTER SEQUENCE "+to.Name+" OWNED BY "+either(to.attr("owned by") == "", "NONE", to.attr("owned by")))
	}
	return Change{Alter: all}
}
