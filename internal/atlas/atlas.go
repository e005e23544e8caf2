// Package atlas is all that Bailiwick knows of Atlas: the project's atlas.hcl,
// the difference of two schemas as far as tables go, and Atlas's lint of it.
//
// It is the only package that may import ariga.io/atlas and, since atlas.hcl is
// HCL, hashicorp/hcl and zclconf/go-cty. Besides these it imports internal/diag,
// internal/project and pgx.
//
// # atlas.hcl
//
// The file is read by Atlas's own reader with the functions that Atlas's
// command line gives it (file, fileset, glob, getenv), so that what loads there
// loads here and the other way round: see [Load].
//
// # What Atlas sees
//
// [Diff] lets Atlas plan what it understands, and says in [Changes.Skipped] what
// is left to package internal/plan/objects, which works from the fingerprint's
// objects. testdata/diff has each of these cases, run on a real PostgreSQL.
//
//	Atlas's             columns (type, NOT NULL, default, DROP EXPRESSION), indexes, primary and foreign
//	                    keys, UNIQUE, CHECK, new enums and new values, comments of these, dropped tables
//	made good here      types that Atlas never finds changed (domains, composites, those of extensions),
//	                    USING, a default that doesn't follow its type, the table behind a foreign key,
//	                    comments in quotes, and by PostgreSQL's own definition: indexes with storage
//	                    parameters, collations, operator classes of other schemas or odd names
//	left, on purpose    identity (Atlas adds RESTART when it knows no last value, and a clone has none),
//	                    serial columns (their sequence would begin at 1), new tables (names of primary
//	                    keys and more would be lost), dropped enums (something may use them still)
//	left, it can't      generated expressions that change, values taken out of enums, deferrable or not
//	                    valid constraints, EXCLUDE, MATCH FULL, named primary keys, an index that becomes
//	                    a constraint, partition keys, inherited and typed tables, names with a double quote
//	left, it's blind    everything else: partitions, collations of columns, storage, row security, views,
//	                    functions, triggers, sequences, domains, privileges ...
package atlas

// File is the name of Atlas's project file, in the project's folder.
const File = "atlas.hcl"

// Names of the two environments of atlas.hcl that Bailiwick knows. Others are
// left alone.
const (
	EnvPublic = "public"
	EnvTenant = "tenant"
)

// Config is what a project says of its databases and of its rollouts.
type Config struct {
	// File is the path of atlas.hcl, or empty where there is none and everything
	// is the default.
	File string
	// Public is the shared schema, Tenant the schema of each tenant.
	Public, Tenant Env
	// Deployment says in which order tenants receive a change.
	Deployment Deployment
}

// Env is one env block.
type Env struct {
	Name string
	// Src lists the files of the desired state, relative to the project.
	Src []string
	// URL is the database, without a search_path; empty where atlas.hcl doesn't
	// say, and then it is the one that all commands use.
	URL string
	// Dev is a database on a server that may be worked on: scratch databases are
	// made beside it. Empty means the server of URL.
	Dev string
	// Schemas and Exclude are Atlas's own settings. Bailiwick's fingerprints
	// cover all of a schema and don't obey them.
	Schemas, Exclude []string
	// ForEach holds the values of for_each, if it was asked for: see
	// [Options.ForEach].
	ForEach []string
	// Diff is the policy of the env's diff block, or else of the file's.
	Diff Policy
}

// Policy says what the difference of two schemas leaves out, and which indexes
// are made while tables stay in use.
type Policy struct {
	ConcurrentIndex ConcurrentIndex
	// Skip lists the kinds of changes that are left out, by Atlas's names, such
	// as "drop_table", sorted.
	Skip []string
}

// ConcurrentIndex tells which statements get the word CONCURRENTLY, and so run
// outside any transaction.
type ConcurrentIndex struct{ Create, Drop bool }
