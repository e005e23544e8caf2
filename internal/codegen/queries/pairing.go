package queries

import (
	"fmt"
	"go/ast"
	"slices"
	"strconv"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

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

// checkName refuses names from which sqlc makes Go that cannot be used.
func (l *pairing) checkName(q *Query) {
	refuse := func(format string, args ...any) {
		l.found = append(l.found, diag.Diagnostic{
			File: q.File, Line: q.Line, Rule: "query-name", Subject: q.Name,
			Message: fmt.Sprintf(format, args...), Mend: "give it another name",
		})
	}
	if !ast.IsExported(q.Name) {
		refuse("the query's name does not begin with an upper-case letter, so that no other package could call it")
		return
	}
	constant := strings.ToLower(q.Name[:1]) + q.Name[1:]
	if l.pkg.Go.Imports[constant] != "" {
		refuse("sqlc writes a constant %s for it, which hides the package of that name", constant)
		return
	}
	if q.Method == nil {
		return
	}
	seen := map[string]bool{}
	if constant == "q" {
		refuse("sqlc writes a constant q for it, which the methods' receiver hides")
		return
	}
	for _, f := range q.Method.Type.Params.List {
		for _, name := range f.Names {
			if name.Name == constant {
				refuse("sqlc writes a constant %s for it, which an argument hides", constant)
				return
			}
			if seen[name.Name] {
				refuse("its parameter %s has the name of another argument", name.Name)
				return
			}
			seen[name.Name] = true
		}
	}
}

func (l *pairing) pair(q *Query, jq *jsonQuery) {
	if q.Method == nil {
		l.mismatchf(q, "there is no method %s", q.Name)
		return
	}
	for i := range jq.Params {
		v := l.value(&jq.Params[i].Column, "dollar_"+strconv.Itoa(jq.Params[i].Number))
		q.place(jq.Params[i].Number, v)
		if !slices.ContainsFunc(q.Params, func(o Value) bool { return v.Name == o.Name && jq.Params[i].Column.Named }) {
			q.Params = append(q.Params, v)
		}
	}
	for i := range jq.Columns {
		q.Columns = append(q.Columns, l.value(&jq.Columns[i], fmt.Sprintf("column_%d", i+1)))
	}
	if q.Cmd == CopyFrom {
		q.Text = copied(q.Method)
	}
	if q.Text == "" {
		l.mismatchf(q, "there is no statement for %s", q.Name)
		return
	}
	l.pairArgs(q)
	if q.Cmd == One || q.Cmd == Many {
		l.pairRow(q)
	}
}

// place notes what stands for the placeholder of a number.
func (q *Query) place(number int, v Value) {
	for len(q.Placeholders) < number {
		q.Placeholders = append(q.Placeholders, Value{})
	}
	if number > 0 {
		q.Placeholders[number-1] = v
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
		named := strict && v.Embedded == nil && !v.Unnamed
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
