package objects

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

func finishSequence(_ *schemas, o object) []string {
	if o.attr("owned by") == "" {
		return nil
	}
	return []string{"ALTER SEQUENCE " + o.Name + " OWNED BY " + o.attr("owned by")}
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
