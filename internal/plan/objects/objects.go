// Package objects writes DDL from the fingerprint's objects: what makes a
// schema that has them, and what leads from those of one schema to those of
// another. What no statement can do is refused by name, with the way round.
//
// It knows no database: whether a statement works is tried by package plan, in
// a savepoint on a clone, until nothing more succeeds.
//
// # What it reads of an object
//
// Parts of a name are quoted where SQL needs it (quote_ident) and joined by
// dots, so they can stand in DDL as they are. A definition is lines of
// "key: value"; a line that begins with a tab goes on with the value before it;
// a key that is not there has PostgreSQL's default. Own-schema prefixes are left
// out, roles are $tenant, $owner, $runtime, PUBLIC or quoted names.
//
//	table              persistence: unlogged; row security: true; force row security: true;
//	                   options, toast options: as in WITH (...); replica identity: nothing, full;
//	                   access method; inherits: parents; partition key; partition of; partition bound;
//	                   server, server options (foreign table)
//	column (users.email, also of views: only type, default)
//	                   type; collation; not null: true; default; generated; identity: always, by default;
//	                   storage, compression, statistics where not the type's; options; inherited: true
//	sequence           type; start; increment; min; max; cache; cycle: true; owned by: t.c; identity of: t.c; persistence
//	index (by itself)  table; definition; invalid: true; replica identity: true; clustered: true; constraint: name; attached to: parent's
//	constraint (t.c)   table or domain; definition; inherited: true
//	view               definition; options
//	materialized view  definition; options; access method; unpopulated: true
//	function, procedure (touch(uuid))  definition
//	aggregate          kind; and the options of CREATE AGGREGATE: sfunc, stype, finalfunc ...
//	trigger (t.name)   definition; enabled: disabled, replica, always
//	rule (t.name)      definition; enabled
//	policy (t.name)    permissive or restrictive; command; roles; using; check
//	enum               labels: one on each line
//	domain             type; collation; default; not null: true
//	type               attributes: one on each line
//	range              subtype and the other options of CREATE TYPE AS RANGE
//	statistics         definition; target
//	collation          options of CREATE COLLATION
//	operator           options of CREATE OPERATOR
//	operator family, operator class, text search ..., conversion
//	extension          version
//	comment, owner, privilege ("table users", "column users.email", "schema")
//	default privilege  ("tables of $owner to $runtime")
//
// It may import the standard library and tenant/fingerprint.
package objects

import "github.com/bailiwick-dev/bailiwick/tenant/fingerprint"

// Change is what brings about one difference. Alter is tried first where it is
// not empty; where it fails or is empty, Drop and then Create. The statements of
// each are done together or not at all.
type Change struct {
	fingerprint.Difference

	Drop   []string
	Create []string
	Alter  []string
	// Refused says why no statement can, and what to do.
	Refused string
}

// Create makes all of the objects in an empty schema.
func Create(objects []fingerprint.Object) []Change {
	diff := make([]fingerprint.Difference, len(objects))
	for i, o := range objects {
		diff[i] = fingerprint.Difference{Kind: o.Kind, Name: o.Name, To: o.Definition}
	}
	return Changes(diff, nil, objects)
}

// Changes gives the change for each difference between two schemas, whose
// objects are from and to, in an order in which most succeed at once.
func Changes(diff []fingerprint.Difference, from, to []fingerprint.Object) []Change {
	_, _ = from, to
	changes := make([]Change, len(diff))
	for i, d := range diff {
		changes[i] = Change{Difference: d, Refused: string(d.Kind) + " " + d.Name + " can't be changed; write a plan file in schema/plans"}
	}
	return changes
}
