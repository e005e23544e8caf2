package objects

import (
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

// ofUnplanned tells a comment, an owner or privileges of an object whose kind isn't
// planned: that is refused already.
func ofUnplanned(d fingerprint.Difference) bool {
	switch d.Kind {
	case kindComment, kindLabel, kindOwner, kindPrivilege:
		kind := subjectOf(d.Name).kind
		_, planned := ways[kind]
		return !planned && kind != kindSchema && kind != kindDomainConstraint
	}
	return false
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
