// Package queries reads what sqlc made of one scope: its JSON for SQL types and
// nullability, its Go for exact names and types, paired query by query. It
// imports the standard library, internal/diag, internal/project and gosrc.
package queries

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// Package is everything sqlc generated for one scope.
type Package struct {
	Scope *project.Scope
	Go    *gosrc.Package
	// Queries is sorted by name.
	Queries []*Query
	// Enums maps the SQL name of an enum, qualified when it is not in the
	// default schema, to its values.
	Enums map[string][]string
	// Composites holds the names of composite types.
	Composites map[string]bool
	// Tables maps the tables and views of the default schema to their columns.
	Tables map[string][]Value
}

// Query is one named query.
type Query struct {
	Name string
	// Cmd is sqlc's command with its colon, such as ":one".
	Cmd string
	// File and Line say where the query's name stands.
	File string
	Line int
	// Method is the generated method; its doc comment is the query's.
	Method *ast.FuncDecl
	// Params are the values that the query takes, Args how the method takes them.
	Params []Value
	Args   ArgStyle
	// ArgType is the type of the argument struct, without its pointer.
	ArgType ast.Expr
	// Columns is what the query returns. Row is the Go type of one row; it is
	// a struct when RowStruct is true, else the type of the only column.
	Columns    []Value
	Row        ast.Expr
	RowStruct  bool
	RowPointer bool
	// Text is the statement as it is sent; for :copyfrom an INSERT of the same.
	Text string
	// Placeholders are the parameters by their number in Text, the first one is
	// $1. One that sqlc leaves out has no name.
	Placeholders []Value

	allowed []string
}

// The commands that a query can have.
const (
	One      = ":one"
	Many     = ":many"
	Exec     = ":exec"
	ExecRows = ":execrows"
	CopyFrom = ":copyfrom"
	batch    = ":batch"
)

// ArgStyle is how a generated method takes its parameters.
type ArgStyle int

// The ways to take parameters.
const (
	ArgsPositional ArgStyle = iota
	ArgsStruct
	ArgsStructPointer
)

// Value is a parameter or a column of a query.
type Value struct {
	// Name is the SQL name. Unnamed is true when SQL gives none, so that it is
	// made up.
	Name    string
	Unnamed bool
	// GoName is the field of the struct, or the parameter of the method.
	GoName string
	Go     ast.Expr
	// SQL is the type's SQL name, qualified when it is not a built-in one.
	SQL     string
	NotNull bool
	// Dims counts array dimensions; zero means a scalar.
	Dims int
	// Slice is true for sqlc.slice, which pgx cannot serve.
	Slice bool
	// Embedded holds the columns of the table that sqlc.embed names.
	Embedded []Value
	// Table is the name of the table that the column belongs to, or that is embedded.
	Table string
}

// Find returns the query of that name.
func (p *Package) Find(name string) *Query {
	for _, q := range p.Queries {
		if q.Name == name {
			return q
		}
	}
	return nil
}

// Names lists the names of all queries.
func (p *Package) Names() []string {
	names := make([]string, len(p.Queries))
	for i, q := range p.Queries {
		names[i] = q.Name
	}
	return names
}

// Load pairs sqlc's JSON with the Go files that it wrote. The places of the
// queries come from the query files, those of columns and enums from the schema
// files, both given by their path in the project.
func Load(scope *project.Scope, jsonOutput []byte, goFiles, queryFiles, schemaFiles map[string][]byte) (*Package, error) {
	request, err := decode(jsonOutput)
	if err != nil {
		return nil, err
	}
	src, err := gosrc.Parse(goFiles)
	if err != nil {
		return nil, fmt.Errorf("read sqlc's output: %w", err)
	}
	p := &Package{Scope: scope, Go: src, Enums: request.enums(), Composites: request.composites()}
	methods := map[string]*ast.FuncDecl{}
	for _, m := range src.Methods("Queries") {
		if m.Name.Name != "WithTx" {
			methods[m.Name.Name] = m
		}
	}
	places, statements, allows := Places(queryFiles), texts(src), allowed(queryFiles)
	loader := &pairing{pkg: p, request: request}
	p.Tables = loader.tables()
	var described []*jsonQuery
	for i := range request.Queries {
		jq := &request.Queries[i]
		if jq.Name == "" || jq.Cmd == "" {
			continue
		}
		q := &Query{Name: jq.Name, Cmd: jq.Cmd, Method: methods[jq.Name], Text: statements[jq.Name], allowed: allows[jq.Name]}
		if place, ok := places[jq.Name]; ok {
			q.File, q.Line = place.File, place.Line
		}
		delete(methods, jq.Name)
		loader.checkName(q)
		p.Queries = append(p.Queries, q)
		described = append(described, jq)
	}
	if loader.found == nil {
		loader.found = conflicts(scope, request, goFiles, places, schemaFiles)
	}
	if err := loader.found.Err(); err != nil {
		return nil, err
	}
	for i, q := range p.Queries {
		loader.pair(q, described[i])
	}
	for _, name := range slices.Sorted(maps.Keys(methods)) {
		loader.mismatchf(&Query{Name: name}, "the method %s belongs to no query", name)
	}
	slices.SortFunc(p.Queries, func(a, b *Query) int { return strings.Compare(a.Name, b.Name) })
	if err := loader.found.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// Normalize reduces a name to what is common to snake_case, lowerCamel and
// UpperCamel spellings of it: lower-case letters and digits.
func Normalize(name string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || r == '$' || r == ' ' {
			return -1
		}
		return r
	}, name))
}
