package objects

import (
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// set is a schema's objects, by kind and name.
type set map[fingerprint.Kind]map[string]object

func newSet(objects []fingerprint.Object) set {
	s := set{}
	for _, o := range objects {
		if s[o.Kind] == nil {
			s[o.Kind] = map[string]object{}
		}
		s[o.Kind][o.Name] = newObject(o)
	}
	return s
}

func (s set) get(kind fingerprint.Kind, name string) (object, bool) {
	o, ok := s[kind][name]
	return o, ok
}

func (s set) has(kind fingerprint.Kind, name string) bool {
	_, ok := s[kind][name]
	return ok
}

// relation is the table, view or other thing with columns that has a name.
func (s set) relation(name string) (object, bool) {
	for _, kind := range []fingerprint.Kind{kindTable, kindForeign, kindView, kindMatView, kindType} {
		if o, ok := s.get(kind, name); ok {
			return o, true
		}
	}
	return object{}, false
}

// of gives the objects of a kind whose names begin with a table's, sorted.
func (s set) of(kind fingerprint.Kind, table string) []object {
	var found []object
	for name, o := range s[kind] {
		if strings.HasPrefix(name, table+".") {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b object) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// schemas are the two that a change leads between. from is empty for an empty
// schema.
type schemas struct {
	from, to set
}

func newSchemas(from, to []fingerprint.Object) *schemas {
	return &schemas{from: newSet(from), to: newSet(to)}
}

// fresh tells that a relation is in the second schema only.
func (s *schemas) fresh(table string) bool {
	before, was := s.from.relation(table)
	after, is := s.to.relation(table)
	return is && (!was || before.Kind != after.Kind)
}

// gone tells that a relation is in the first schema only.
func (s *schemas) gone(table string) bool {
	before, was := s.from.relation(table)
	after, is := s.to.relation(table)
	return was && (!is || before.Kind != after.Kind)
}

// goesAlong tells that an object goes with another that is dropped.
func (s *schemas) goesAlong(o object) bool {
	switch o.Kind {
	case kindColumn, kindTrigger, kindPolicy, kindRule:
		table, _ := owner(o.Name)
		return s.gone(table)
	case kindConstraint:
		table, _ := owner(o.Name)
		if isDomain(o) {
			return !s.to.has(kindDomain, table)
		}
		return s.gone(table)
	case kindIndex:
		return s.gone(indexTable(o))
	case kindSequence:
		column := o.attr("owned by") + o.attr("identity of")
		return column != "" && !s.to.has(kindColumn, column)
	case kindComment, kindLabel, kindOwner, kindPrivilege:
		return s.subjectGone(o)
	default:
		return false
	}
}

// subjectGone tells that what a comment or the like is about is no longer there.
func (s *schemas) subjectGone(o object) bool {
	about := subjectOf(o.Name)
	switch about.kind {
	case kindSchema:
		return false
	case kindColumn:
		table, _ := owner(about.name)
		return s.gone(table) || s.from.has(kindColumn, about.name) && !s.to.has(kindColumn, about.name)
	case kindDomainConstraint:
		return !s.to.has(kindConstraint, about.name)
	case kindIndex:
		return !s.to.hasIndex(about.name)
	default:
		return !s.to.has(about.kind, about.name)
	}
}

// hasIndex tells that there is an index, perhaps that of a key, which has its name.
func (s set) hasIndex(name string) bool {
	if s.has(kindIndex, name) {
		return true
	}
	for constraint := range s[kindConstraint] {
		if _, last := owner(constraint); last == name {
			return true
		}
	}
	return false
}

// weight orders the objects of one kind: keys before what refers to them, tables
// before those that inherit from them, and what partitions have before what the
// partitioned table has, so that the names of theirs are kept.
func (s *schemas) weight(c Change) int {
	o, ok := s.to.get(c.Kind, c.Name)
	if !ok {
		o, _ = s.from.get(c.Kind, c.Name)
	}
	switch c.Kind {
	case kindTable:
		return len(split(o.attr("inherits"), ',')) + len(o.attr("partition of"))
	case kindIndex:
		return s.partitioned(indexTable(o))
	case kindConstraint:
		table, _ := owner(c.Name)
		_, rule, _ := cut(o.Definition, " ADD CONSTRAINT ")
		switch {
		case strings.Contains(rule, " FOREIGN KEY ("):
			return 4 + s.partitioned(table)
		case strings.Contains(rule, " PRIMARY KEY ("), strings.Contains(rule, " UNIQUE "):
			return s.partitioned(table)
		}
		return 2 + s.partitioned(table)
	default:
		return 0
	}
}

// partitioned is 1 for a table that is, and else 0.
func (s *schemas) partitioned(table string) int {
	if t, _ := s.to.get(kindTable, table); t.attr("partition by") != "" {
		return 1
	}
	return 0
}
