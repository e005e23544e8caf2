// Package queries reads what sqlc made of one scope: its JSON for SQL types and
// nullability, its Go for exact names and types, paired query by query. It
// imports the standard library, internal/diag, internal/project and gosrc.
package queries

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
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
	// Name is the SQL name.
	Name string
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
// queries come from the query files, given by their path in the project.
func Load(scope *project.Scope, jsonOutput []byte, goFiles, queryFiles map[string][]byte) (*Package, error) {
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
	places := Places(queryFiles)
	loader := &pairing{pkg: p, request: request}
	for i := range request.Queries {
		jq := &request.Queries[i]
		if jq.Name == "" || jq.Cmd == "" {
			continue
		}
		q := &Query{Name: jq.Name, Cmd: jq.Cmd, Method: methods[jq.Name]}
		if place, ok := places[jq.Name]; ok {
			q.File, q.Line = place.File, place.Line
		}
		delete(methods, jq.Name)
		if loader.nameable(q) {
			loader.pair(q, jq)
		}
		p.Queries = append(p.Queries, q)
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

// pairing joins the two descriptions of each query and insists that they agree.
type pairing struct {
	pkg     *Package
	request *request
	found   diag.List
}

func (l *pairing) mismatchf(q *Query, format string, args ...any) {
	file := q.File
	if file == "" {
		file = project.SQLCFile
	}
	l.found = append(l.found, diag.Diagnostic{
		File: file, Line: q.Line, Rule: "sqlc-output", Subject: q.Name,
		Message: "sqlc's JSON and Go do not agree: " + fmt.Sprintf(format, args...),
		Mend:    "report this as a bug of bailiwick, with the query",
	})
}

// nameable refuses names from which sqlc makes Go that cannot be used.
func (l *pairing) nameable(q *Query) bool {
	refuse := func(format string, args ...any) bool {
		l.found = append(l.found, diag.Diagnostic{
			File: q.File, Line: q.Line, Rule: "query-name", Subject: q.Name,
			Message: fmt.Sprintf(format, args...), Mend: "give it another name",
		})
		return false
	}
	if !ast.IsExported(q.Name) {
		return refuse("the query's name does not begin with an upper-case letter, so that no other package could call it")
	}
	constant := strings.ToLower(q.Name[:1]) + q.Name[1:]
	if l.pkg.Go.Imports[constant] != "" {
		return refuse("sqlc writes a constant %s for it, which hides the package of that name", constant)
	}
	if q.Method == nil {
		return true
	}
	seen := map[string]bool{}
	if constant == "q" {
		return refuse("sqlc writes a constant q for it, which the methods' receiver hides")
	}
	for _, f := range q.Method.Type.Params.List {
		for _, name := range f.Names {
			if name.Name == constant {
				return refuse("sqlc writes a constant %s for it, which an argument hides", constant)
			}
			if seen[name.Name] {
				return refuse("its parameter %s has the name of another argument", name.Name)
			}
			seen[name.Name] = true
		}
	}
	return true
}

func (l *pairing) pair(q *Query, jq *jsonQuery) {
	if q.Method == nil {
		l.mismatchf(q, "there is no method %s", q.Name)
		return
	}
	for i := range jq.Params {
		v := l.value(&jq.Params[i].Column, "dollar_"+strconv.Itoa(jq.Params[i].Number))
		if !slices.ContainsFunc(q.Params, func(o Value) bool { return v.Name == o.Name && jq.Params[i].Column.Named }) {
			q.Params = append(q.Params, v)
		}
	}
	for i := range jq.Columns {
		q.Columns = append(q.Columns, l.value(&jq.Columns[i], fmt.Sprintf("column_%d", i+1)))
	}
	l.pairArgs(q)
	if q.Cmd == One || q.Cmd == Many {
		l.pairRow(q)
	}
}

// pairArgs gives each parameter its Go name and type.
func (l *pairing) pairArgs(q *Query) {
	params := q.Method.Type.Params.List
	if len(params) == 0 {
		l.mismatchf(q, "the method takes no context")
		return
	}
	var args []gosrc.Field
	for _, f := range params[1:] {
		for _, name := range f.Names {
			args = append(args, gosrc.Field{Name: name.Name, Type: f.Type})
		}
	}
	if q.Cmd == CopyFrom || strings.HasPrefix(q.Cmd, batch) {
		return // written by hand only: the facade copies the signature
	}
	if len(args) == 1 {
		if st := l.argStruct(q, args[0].Type); st != nil {
			args = l.pkg.Go.Fields(st)
		}
	}
	l.assign(q, q.Params, args, q.Args != ArgsPositional)
}

// argStruct recognises the struct that holds all parameters.
func (l *pairing) argStruct(q *Query, t ast.Expr) *ast.StructType {
	star, pointer := t.(*ast.StarExpr)
	if pointer {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); !ok || id.Name != q.Name+"Params" {
		return nil
	}
	st, ok := l.pkg.Go.StructOf(t)
	if !ok {
		return nil
	}
	q.Args, q.ArgType = ArgsStruct, t
	if pointer {
		q.Args = ArgsStructPointer
	}
	return st
}

// pairRow gives each column its Go name and type.
func (l *pairing) pairRow(q *Query) {
	results := q.Method.Type.Results
	if results == nil || len(results.List) != 2 {
		l.mismatchf(q, "a %s query returns no row", q.Cmd)
		return
	}
	row := results.List[0].Type
	if q.Cmd == Many {
		list, ok := row.(*ast.ArrayType)
		if !ok {
			l.mismatchf(q, "a :many query returns no slice")
			return
		}
		row = list.Elt
	}
	if len(q.Columns) == 1 && q.Columns[0].Embedded == nil {
		q.Row, q.Columns[0].Go = row, row
		return
	}
	if star, ok := row.(*ast.StarExpr); ok {
		q.RowPointer, row = true, star.X
	}
	st, ok := l.pkg.Go.StructOf(row)
	if !ok {
		l.mismatchf(q, "a row is no struct")
		return
	}
	q.Row, q.RowStruct = row, true
	l.assign(q, q.Columns, l.pkg.Go.Fields(st), true)
	for i := range q.Columns {
		if q.Columns[i].Embedded == nil {
			continue
		}
		model, ok := l.pkg.Go.StructOf(q.Columns[i].Go)
		if !ok {
			l.mismatchf(q, "%s is embedded, but no struct", q.Columns[i].Name)
			continue
		}
		l.assign(q, q.Columns[i].Embedded, l.pkg.Go.Fields(model), true)
	}
}

// assign pairs by position. strict insists on the names of fields as well;
// those of a method's own parameters are sqlc's to choose.
func (l *pairing) assign(q *Query, values []Value, fields []gosrc.Field, strict bool) {
	if len(values) != len(fields) {
		l.mismatchf(q, "%d values in JSON, %d in Go", len(values), len(fields))
		return
	}
	for i := range values {
		v := &values[i]
		v.GoName, v.Go = fields[i].Name, fields[i].Type
		if strings.HasPrefix(v.GoName, "_") {
			l.found = append(l.found, diag.Diagnostic{
				File: q.File, Line: q.Line, Rule: "column-name", Subject: q.Name,
				Message: fmt.Sprintf("sqlc calls %s %s in Go, which no other package can use", v.Name, v.GoName),
				Mend:    "rename it in sqlc.yaml: `rename: {" + v.Name + ": OtherName}`, or with AS",
			})
		}
		named := strict && v.Embedded == nil
		if named && !l.sameName(v.Name, v.GoName) {
			l.mismatchf(q, "%s is called %s in Go", v.Name, v.GoName)
		}
	}
}

// sameName is true when a Go name was made from an SQL name: case, separators
// and sqlc's numbering of duplicates aside, or by a rename of sqlc.yaml.
func (l *pairing) sameName(sql, goName string) bool {
	if l.pkg.Scope.Rename[sql] != "" {
		return true
	}
	for part := range strings.SplitSeq(sql, "_") {
		if l.pkg.Scope.Rename[part] != "" {
			return true
		}
	}
	return strings.HasPrefix(Normalize(goName), Normalize(sql)) || strings.HasPrefix(Normalize(goName), Normalize("_"+sql))
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
