package tenant

import "slices"

// Statement is a query of generated code and what the code relies on.
type Statement struct {
	// Name is the query's name.
	Name string `json:"name"`
	// SQL is the text as it is sent, without the tenant's comment in front. For
	// rows that are sent by COPY it is an INSERT of the same columns.
	SQL string `json:"sql"`
	// Params and Columns are the types that the code was generated for: those of
	// pg_catalog by their own names, such as int8, others as they are declared,
	// with [] for an array and " NOT NULL" for what is never null. An empty type
	// may be anything. Columns is nil when the code reads none.
	Params  []string `json:"params,omitempty"`
	Columns []string `json:"columns,omitempty"`
}

// Statements are what a release sends, to the tenants' schemas and to public.
type Statements struct {
	Tenant []Statement `json:"tenant,omitempty"`
	Public []Statement `json:"public,omitempty"`
}

// Require adds to the statements that a schema has to bear before it is queried.
// Generated handlers call it with those of their queries. It is safe for
// concurrent use.
func (db *DB) Require(s Statements) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.required.Tenant = slices.Concat(db.required.Tenant, s.Tenant)
	db.required.Public = slices.Concat(db.required.Public, s.Public)
	db.fits = newLRU[fitKey, *fit](fitsSize, nil) // What is known was asked of fewer.
}

// Statements returns what schemas have to bear.
func (db *DB) Statements() Statements {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.required
}
