package objects

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// schemaName stands for the schema's name, which the statements of a plan for
// many schemas can't have.
const schemaName = `"$schema"`

// role is a role's name in DDL: those of Bailiwick are placeholders in quotes.
func role(name string) string {
	if strings.HasPrefix(name, "$") {
		return `"` + name + `"`
	}
	return name
}

// subject is what a comment, owner or privilege is about.
type subject struct {
	kind fingerprint.Kind
	name string
}

// subjectOf takes the name of a comment, owner or privilege apart.
func subjectOf(name string) subject {
	best := subject{kind: fingerprint.Kind(name)}
	for _, kind := range append(order, kindDomainConstraint) {
		if rest, ok := strings.CutPrefix(name, string(kind)+" "); ok && (best.name == "" || len(kind) > len(best.kind)) {
			best = subject{kind, rest}
		}
	}
	return best
}

// ddl is how the subject is called after COMMENT ON and in ALTER.
func (s subject) ddl() string {
	switch s.kind {
	case kindSchema:
		return "SCHEMA " + schemaName
	case kindEnum, kindType, kindRange:
		return "TYPE " + s.name
	case kindAggregate:
		return "AGGREGATE " + aggregateName(s.name)
	case kindConstraint, kindTrigger, kindPolicy, kindRule:
		table, name := owner(s.name)
		return strings.ToUpper(string(s.kind)) + " " + name + " ON " + table
	case kindDomainConstraint:
		domain, name := owner(s.name)
		return "CONSTRAINT " + name + " ON DOMAIN " + domain
	default:
		return strings.ToUpper(string(s.kind)) + " " + s.name
	}
}

func createComment(_ *schemas, o object) []string {
	return one("COMMENT ON", subjectOf(o.Name).ddl(), "IS", literal(o.Definition))
}

func dropComment(_ *schemas, o object) []string {
	return one("COMMENT ON", subjectOf(o.Name).ddl(), "IS NULL")
}

func alterComment(s *schemas, _, to object) Change { return Change{Alter: createComment(s, to)} }

func createOwner(_ *schemas, o object) []string {
	return one("ALTER", subjectOf(o.Name).ddl(), "OWNER TO", role(o.Definition))
}

func dropOwner(_ *schemas, o object) []string {
	return one("ALTER", subjectOf(o.Name).ddl(), "OWNER TO", role("$owner"))
}

func alterOwner(s *schemas, _, to object) Change { return Change{Alter: createOwner(s, to)} }

func createLabel(_ *schemas, o object) []string { return one(labelOn(o), "IS", literal(o.Definition)) }

func dropLabel(_ *schemas, o object) []string { return one(labelOn(o), "IS NULL") }

func alterLabel(s *schemas, _, to object) Change { return Change{Alter: createLabel(s, to)} }

// labelOn is the head of SECURITY LABEL. The provider stands last in the name.
func labelOn(o object) string {
	i := strings.LastIndex(o.Name, " for ")
	return "SECURITY LABEL FOR " + o.Name[i+len(" for "):] + " ON " + subjectOf(o.Name[:i]).ddl()
}

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
		if g[name] == nil {
			g[name] = map[string]bool{}
		}
		for _, p := range split(privileges, ',') {
			g[name][p] = grantable
		}
	}
	return g
}

// all are privileges that an owner has from the beginning. Newer versions of
// PostgreSQL know more of tables.
var all = map[string][]string{
	"TABLE":    {"DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"},
	"SEQUENCE": {"SELECT", "UPDATE", "USAGE"}, "SCHEMA": {"CREATE", "USAGE"},
	"FUNCTION": {"EXECUTE"}, "PROCEDURE": {"EXECUTE"}, "TYPE": {"USAGE"}, "DOMAIN": {"USAGE"},
}

// initial are the privileges that an object is made with.
func initial(class string, to grants) grants {
	g := grants{}
	const ownerRole = "$owner"
	had := func(name string, privileges []string) {
		g[name] = map[string]bool{}
		for _, p := range privileges {
			g[name][p] = false
		}
	}
	if len(to[ownerRole]) > len(all[class]) { // a newer version
		g[ownerRole] = to[ownerRole]
	} else {
		had(ownerRole, all[class])
	}
	if privileges := all[class]; len(privileges) == 1 {
		had("PUBLIC", privileges)
	}
	return g
}

// grantable is the class and the name that GRANT has for an object, and the
// column within it.
func grantable(s subject) (class, on, column string) {
	switch s.kind {
	case kindSchema:
		return "SCHEMA", schemaName, ""
	case kindColumn:
		table, name := owner(s.name)
		return "COLUMN", "TABLE " + table, name
	case kindSequence:
		class = "SEQUENCE"
	case kindFunction:
		class = "FUNCTION"
	case kindAggregate:
		return "FUNCTION", "FUNCTION " + s.name, ""
	case kindProcedure:
		class = "PROCEDURE"
	case kindEnum, kindType, kindRange:
		class = "TYPE"
	case kindDomain:
		class = "DOMAIN"
	default:
		class = "TABLE"
	}
	return class, class + " " + s.name, ""
}

// createPrivilege gives a new object the privileges that it isn't made with.
func createPrivilege(_ *schemas, o object) []string {
	class, _, _ := grantable(subjectOf(o.Name))
	to := grantsOf(o.Definition)
	return regrant(o, initial(class, to), to)
}

func alterPrivilege(_ *schemas, from, to object) Change {
	return Change{Alter: regrant(to, grantsOf(from.Definition), grantsOf(to.Definition))}
}

// dropPrivilege is only for columns; everything else always has a row.
func dropPrivilege(_ *schemas, o object) []string {
	return regrant(o, grantsOf(o.Definition), grants{})
}

func regrant(o object, from, to grants) []string {
	class, on, column := grantable(subjectOf(o.Name))
	if class == "SCHEMA" {
		on = "SCHEMA " + on
	}
	return changeGrants(from, to, func(verb, option, privileges, word, grantee string) string {
		if column != "" {
			privileges = strings.ReplaceAll(privileges, ", ", " ("+column+"), ") + " (" + column + ")"
		}
		return join(verb, either(verb == "REVOKE", option, ""), privileges, "ON", on, word, grantee, either(verb == "GRANT", option, ""))
	})
}

// changeGrants writes the statements from one set of privileges to another.
func changeGrants(from, to grants, write func(verb, option, privileges, word, grantee string) string) []string {
	var statements []string
	names := slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for name := range maps.Keys(from) {
			if !yield(name) {
				return
			}
		}
		for name := range maps.Keys(to) {
			if !yield(name) {
				return
			}
		}
	}))
	for _, name := range names {
		var revoke, revokeOption, grant, grantWith []string
		for p, before := range from[name] {
			switch after, ok := to[name][p]; {
			case !ok:
				revoke = append(revoke, p)
			case before && !after:
				revokeOption = append(revokeOption, p)
			}
		}
		for p, after := range to[name] {
			switch before, ok := from[name][p]; {
			case after && !before:
				grantWith = append(grantWith, p)
			case !ok:
				grant = append(grant, p)
			}
		}
		for _, w := range []struct {
			privileges         []string
			verb, option, word string
		}{
			{revoke, "REVOKE", "", "FROM"},
			{revokeOption, "REVOKE", "GRANT OPTION FOR", "FROM"},
			{grant, "GRANT", "", "TO"},
			{grantWith, "GRANT", "WITH GRANT OPTION", "TO"},
		} {
			if len(w.privileges) > 0 {
				slices.Sort(w.privileges)
				statements = append(statements, write(w.verb, w.option, strings.Join(w.privileges, ", "), w.word, role(name)))
			}
		}
	}
	return statements
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
	objects, of, _ := strings.Cut(o.Name, " of ")
	head := "ALTER DEFAULT PRIVILEGES FOR ROLE " + role(cmp.Or(of, "$owner")) + " IN SCHEMA " + schemaName
	return changeGrants(from, to, func(verb, option, privileges, word, grantee string) string {
		return join(head, verb, either(verb == "REVOKE", option, ""), privileges, "ON", strings.ToUpper(objects), word, grantee, either(verb == "GRANT", option, ""))
	})
}
