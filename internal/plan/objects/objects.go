// Package objects writes DDL from the fingerprint's objects: what makes a
// schema that has them, and what leads from those of one schema to those of
// another. What no statement can do is refused by name, with the way round.
//
// Statements name the schema and Bailiwick's roles by placeholders in quotes,
// "$schema", "$tenant", "$owner" and "$runtime", and nothing else of the schema
// with its name before.
//
// It knows no database: whether a statement works is tried by package plan, in
// a savepoint on a clone, until nothing more succeeds.
//
// It may import the standard library and tenant/fingerprint.
package objects

import (
	"cmp"
	"slices"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// Change is what brings about one difference. Alter is tried first where it is
// not empty; where it fails or is empty, Drop and then Create. The statements of
// each are done together or not at all. Where something else hangs on the object,
// Drop can be done long before Create: the objects that it takes along are seen
// when the schema is read again.
type Change struct {
	fingerprint.Difference

	Drop   []string
	Create []string
	Alter  []string
	// Refused says why no statement can, and what to do.
	Refused string
}

func (c Change) empty() bool {
	return len(c.Drop)+len(c.Create)+len(c.Alter) == 0 && c.Refused == ""
}

// Create makes all of the objects in an empty schema.
func Create(objects []fingerprint.Object) []Change {
	diff := make([]fingerprint.Difference, len(objects))
	for i, o := range objects {
		diff[i] = fingerprint.Difference{Kind: o.Kind, Name: o.Name, To: o.Definition}
	}
	return Changes(diff, nil, objects)
}

// Drop are the statements that take an object out of its schema.
func Drop(o fingerprint.Object) []string {
	w, ok := ways[o.Kind]
	if !ok {
		return nil
	}
	return w.drop(newSchemas([]fingerprint.Object{o}, nil), newObject(o))
}

// Changes gives what brings about the differences between two schemas, whose
// objects are from and to, in an order in which most succeed at once. A
// difference that another change brings about, such as a column of a new table,
// has no change of its own.
func Changes(diff []fingerprint.Difference, from, to []fingerprint.Object) []Change {
	s := newSchemas(from, to)
	var drops, makes, finishes []Change
	for _, d := range diff {
		now, later := s.change(d)
		if s.to.has(d.Kind, d.Name) {
			makes = append(makes, now...)
		} else {
			drops = append(drops, now...)
		}
		finishes = append(finishes, later...)
	}
	slices.SortStableFunc(drops, func(a, b Change) int { return s.compare(b, a) })
	slices.SortStableFunc(makes, s.compare)
	slices.SortStableFunc(finishes, s.compare)
	return slices.Concat(drops, makes, finishes)
}

// change gives the change for a difference, and what is to be done once all
// other objects are there. Either may be missing.
func (s *schemas) change(d fingerprint.Difference) (now, later []Change) {
	if ofUnplanned(d) {
		return nil, nil
	}
	w, ok := ways[d.Kind]
	if !ok {
		return []Change{{Difference: d, Refused: refuse(d.Kind, d.Name, "objects of this kind aren't planned",
			"make the change by hand as a superuser where it is needed, or leave the object out of the schema")}}, nil
	}
	from, before := s.from.get(d.Kind, d.Name)
	to, after := s.to.get(d.Kind, d.Name)
	var c Change
	if after && w.refuse != nil {
		c.Refused = w.refuse(s, to)
	}
	remade := !before
	switch {
	case c.Refused != "":
	case before && after:
		if w.alter != nil {
			c = w.alter(s, from, to)
		}
		if remade = c.empty() && !w.holds; remade {
			c.Drop, c.Create = w.drop(s, from), w.create(s, to)
		}
	case after:
		c.Create = w.create(s, to)
	case !s.goesAlong(from):
		c.Drop = w.drop(s, from)
	}
	c.Difference = d
	if !c.empty() {
		now = []Change{c}
	}
	if after && remade && w.finish != nil && c.Refused == "" {
		if statements := w.finish(s, to); len(statements) > 0 {
			later = []Change{{Difference: d, Create: statements}}
		}
	}
	return now, later
}

// compare orders changes as objects are made.
func (s *schemas) compare(a, b Change) int {
	return cmp.Or(
		cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)),
		cmp.Compare(s.weight(a), s.weight(b)),
		cmp.Compare(a.Name, b.Name))
}

// refuse is the sentence that says why something is not planned.
func refuse(kind fingerprint.Kind, name, why, mend string) string {
	return string(kind) + " " + name + ": " + why + "; " + mend
}
