// Package fingerprint tells what a schema is made of, from PostgreSQL's own
// catalogs: one hash for each schema of a fleet, and for one schema the objects
// behind the hash, so that a difference can be explained.
//
// It reads and takes no lock for longer than its own short transactions. It may
// import the standard library, pgx, golang.org/x/sync and package tenant.
package fingerprint

// Kind is the kind of an [Object], in the words of people: "column", "view".
type Kind string

// Object is one thing that a schema holds, in a form that is equal for equal
// things in any schema: the schema's own name and its roles' are left out.
type Object struct {
	Kind Kind `json:"kind"`
	// Name is the object's name within its schema, each part quoted where SQL
	// wants that; parts are joined by dots, as in "users.email" for a column,
	// "users.touch" for a trigger and "touch(uuid)" for a function. An owner, a
	// privilege, a comment or a label has the name of what it is of, with that
	// one's kind in front: "column users.email", or "schema" for the schema.
	Name string `json:"name"`
	// Definition is never empty. For a kind that [Kind.Statements] tells, it is
	// statements, separated by ";\n", as PostgreSQL itself words them; lines
	// that begin with "--" say what no statement can. For a comment, a label or
	// an owner it is that. For the others it is lines of the form "key: value"
	// ([Object.Attr]); what isn't there has its default. Names in it have no
	// schema in front when the schema is the object's own, but in public.
	// $tenant stands for the tenant's role, $owner for the owner of the schema
	// (of Bailiwick's own, where there is one), $runtime for the role that
	// Bailiwick's own schema is granted to.
	Definition string `json:"definition"`
	// Position is the place of a column in its table, from 1 on; of anything
	// else it is 0. It is no part of the fingerprint, since no statement changes
	// it, but a table can be made with the same order.
	Position int `json:"-"`
}

// State is a schema as a whole.
type State struct {
	// Schema is the schema's name.
	Schema string `json:"schema"`
	// Fingerprint names the structure: equal for schemas with equal objects.
	Fingerprint string `json:"fingerprint"`
	// Order is a hash of the order of the tables' columns, which no statement
	// can change and no generated query depends on.
	Order string `json:"order"`
	// Objects is their number.
	Objects int `json:"objects"`
}

// Difference is an object that two schemas don't have in common. From is empty
// for one that is only in the second, To for one that is only in the first.
type Difference struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}
