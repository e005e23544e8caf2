package objects

import (
	"maps"
	"slices"
	"strings"
)

// grants are privileges by role: whether each comes with the grant option.
type grants map[string]map[string]bool

const grantOption = " with grant option"

func grantsOf(definition string) grants {
	g := grants{}
	for line := range strings.SplitSeq(definition, "\n") {
		name, privileges, ok := cut(line, ": ")
		if !ok || name == "nobody" {
			continue
		}
		privileges, grantable := strings.CutSuffix(privileges, grantOption)
		g.add(name, grantable, split(privileges, ',')...)
	}
	return g
}

func (g grants) add(name string, grantable bool, privileges ...string) {
	if g[name] == nil {
		g[name] = map[string]bool{}
	}
	for _, p := range privileges {
		g[name][p] = grantable
	}
}

// The classes that GRANT has for objects.
const (
	classTable     = "TABLE"
	classSequence  = "SEQUENCE"
	classSchema    = "SCHEMA"
	classFunction  = "FUNCTION"
	classProcedure = "PROCEDURE"
	classType      = "TYPE"
	classDomain    = "DOMAIN"
)

const usage = "USAGE"

// whole is what owners have from the beginning. Newer versions of PostgreSQL know
// more of tables. What there is only one privilege of, everybody has.
var whole = map[string][]string{
	classTable:     {"DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"},
	classSequence:  {"SELECT", "UPDATE", usage},
	classSchema:    {"CREATE", usage},
	classFunction:  {"EXECUTE"},
	classProcedure: {"EXECUTE"},
	classType:      {usage},
	classDomain:    {usage},
}

// initial are the privileges that an object of a class is made with, when it is to
// have those of to.
func initial(class string, to grants) grants {
	const ownerRole = "$owner"
	g := grants{}
	if len(to[ownerRole]) > len(whole[class]) { // a newer version
		g[ownerRole] = to[ownerRole]
	} else {
		g.add(ownerRole, false, whole[class]...)
	}
	if len(whole[class]) == 1 {
		g.add("PUBLIC", false, whole[class]...)
	}
	return g
}

// granted is what GRANT says of a subject: its class, what follows ON, and the
// column of it.
func granted(s subject) (class, on, column string) {
	switch s.kind {
	case kindSchema:
		return classSchema, classSchema + " " + schemaName, ""
	case kindColumn:
		table, name := owner(s.name)
		return "", classTable + " " + table, name
	case kindSequence:
		class = classSequence
	case kindFunction, kindAggregate:
		class = classFunction
	case kindProcedure:
		class = classProcedure
	case kindEnum, kindType, kindRange:
		class = classType
	case kindDomain:
		class = classDomain
	default:
		class = classTable
	}
	return class, class + " " + s.name, ""
}

// createPrivilege gives a new object the privileges that it isn't made with.
func createPrivilege(_ *schemas, o object) []string {
	class, _, _ := granted(subjectOf(o.Name))
	to := grantsOf(o.Definition)
	return regrant(o, initial(class, to), to)
}

func alterPrivilege(_ *schemas, from, to object) Change {
	return Change{Alter: regrant(to, grantsOf(from.Definition), grantsOf(to.Definition))}
}

// dropPrivilege is for columns; everything else always has some.
func dropPrivilege(_ *schemas, o object) []string {
	return regrant(o, grantsOf(o.Definition), grants{})
}

func regrant(o object, from, to grants) []string {
	_, on, column := granted(subjectOf(o.Name))
	return changeGrants(from, to, "", on, column)
}

// Default privileges are named "tables of ROLE".

func createDefaults(_ *schemas, o object) []string {
	return redefault(o, grants{}, grantsOf(o.Definition))
}

func dropDefaults(_ *schemas, o object) []string {
	return redefault(o, grantsOf(o.Definition), grants{})
}

func alterDefaults(_ *schemas, from, to object) Change {
	return Change{Alter: redefault(to, grantsOf(from.Definition), grantsOf(to.Definition))}
}

func redefault(o object, from, to grants) []string {
	things, of, _ := strings.Cut(o.Name, " of ")
	return changeGrants(from, to, "ALTER DEFAULT PRIVILEGES FOR ROLE "+role(of)+" IN SCHEMA "+schemaName, strings.ToUpper(things), "")
}

// changeGrants writes the statements that lead from some privileges to others.
func changeGrants(from, to grants, head, on, column string) []string {
	names := maps.Clone(from)
	maps.Copy(names, to)
	var all []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		write := func(privileges []string, verb, option, word, after string) {
			if len(privileges) == 0 {
				return
			}
			if column != "" {
				for i := range privileges {
					privileges[i] += " (" + column + ")"
				}
			}
			all = append(all, join(head, verb, option, strings.Join(privileges, ", "), "ON", on, word, role(name), after))
		}
		before, after := from[name], to[name]
		write(where(before, func(p string, _ bool) bool { return !contains(after, p) }), "REVOKE", "", "FROM", "")
		write(where(before, func(p string, option bool) bool { return option && contains(after, p) && !after[p] }), "REVOKE", "GRANT OPTION FOR", "FROM", "")
		write(where(after, func(p string, option bool) bool { return !option && !contains(before, p) }), "GRANT", "", "TO", "")
		write(where(after, func(p string, option bool) bool { return option && !before[p] }), "GRANT", "", "TO", "WITH GRANT OPTION")
	}
	return all
}

func contains(privileges map[string]bool, p string) bool {
	_, ok := privileges[p]
	return ok
}

// where lists the privileges for which a condition holds, sorted.
func where(privileges map[string]bool, holds func(privilege string, option bool) bool) []string {
	var all []string
	for p, option := range privileges {
		if holds(p, option) {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return all
}
