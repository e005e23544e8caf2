// Package fingerprint tells what a schema is made of, from PostgreSQL's own
// catalogs: one hash for each schema of a fleet, and for one schema the objects
// behind the hash, so that a difference can be explained.
//
// It reads and takes no lock for longer than its own short transactions. It may
// import the standard library, pgx and package tenant.
package fingerprint

// Kind is the kind of an [Object], in the words of people: "column", "view".
type Kind string

// Object is one thing that a schema holds, in a form that is equal for equal
// things in any schema: the schema's own name and its roles' are left out.
type Object struct {
	Kind Kind `json:"kind"`
	// Name is the object's name within its schema; parts are joined by dots, as
	// in "users.email" for a column and "touch(uuid)" for a function.
	Name string `json:"name"`
	// Definition is PostgreSQL's own DDL where it has a function that gives it
	// (views, functions, triggers, indexes, constraints, rules, statistics),
	// and else lines of the form "key: value".
	Definition string `json:"definition"`
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
