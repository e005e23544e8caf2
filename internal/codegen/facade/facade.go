// Package facade writes the package through which a project reaches sqlc's
// queries: one constructor that takes a bound querier, explicit methods, and
// aliases of all types. It imports the standard library and the generator's
// own models of Go and SQL.
package facade

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

// Runtime is the import path of package tenant.
const Runtime = "github.com/bailiwick-dev/bailiwick/tenant"

// reserved are the names that the facade declares itself.
var reserved = []string{"InTx", "Querier", "WithTx"}

// hidden are declarations of sqlc that must not leave its package: through
// them a query could run on anything but a bound querier.
var hidden = map[string]bool{"Queries": true, "DBTX": true, "New": true}

// Check reports queries whose names the facade needs for itself.
func Check(pkg *queries.Package) diag.List {
	var found diag.List
	for _, q := range pkg.Queries {
		if slices.Contains(reserved, q.Name) {
			found = append(found, diag.Diagnostic{
				File: q.File, Line: q.Line, Rule: "reserved-name", Subject: q.Name,
				Message: "the generated package has a method of this name already",
				Mend:    "give the query another name",
			})
		}
	}
	return found
}

// Generate writes the facade's files. sqlcImport is the import path of sqlc's
// package.
func Generate(pkg *queries.Package, sqlcImport string) (map[string][]byte, error) {
	w := &writer{pkg: pkg, sqlc: pkg.Go.Name, sqlcImport: sqlcImport, querier: "Querier"}
	if pkg.Scope.Name == "public" {
		w.querier = "PublicQuerier"
	}
	files := map[string][]byte{}
	for name, write := range map[string]func() ([]byte, error){
		"queries.gen.go":    w.queries,
		"statements.gen.go": w.statements,
		"types.gen.go":      w.types,
	} {
		data, err := write()
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", path.Join(pkg.Scope.Facade, name), err)
		}
		files[name] = data
	}
	return files, nil
}

type writer struct {
	pkg              *queries.Package
	sqlc, sqlcImport string
	querier          string
}

func (w *writer) file(source string) *gosrc.File {
	f := &gosrc.File{Package: w.pkg.Scope.FacadePackage, Source: source}
	for name, importPath := range w.pkg.Go.Imports {
		f.Import(name, importPath)
	}
	f.Import("context", "context")
	f.Import("tenant", Runtime)
	f.Import(w.sqlc, w.sqlcImport)
	return f
}

func (w *writer) queries() ([]byte, error) {
	f := w.file(strings.Join(w.pkg.Scope.Queries, ", "))
	name := w.pkg.Scope.FacadePackage
	f.Doc = fmt.Sprintf("Package %s runs the queries of scope %s. Its only constructor takes a\n"+
		"querier that is bound already, so that no query can run anywhere else.", name, w.pkg.Scope.Name)
	f.Printf(`// This file fits the runtime's generation of generated code; a newer one needs
// a newer runtime, and does not compile with this one.
const _ = tenant.GeneratedV2

// Queries holds one method for each query.
type Queries struct {
	querier *tenant.%[1]s
	sqlc    *%[2]s.Queries
}

// unbound answers for a Queries that nobody bound: every call is an error.
var unbound = %[2]s.New((*tenant.%[1]s)(nil))

// New returns the queries that run through q.
func New(q *tenant.%[1]s) *Queries {
	return &Queries{querier: q, sqlc: %[2]s.New(q)}
}

// Querier returns what the queries run through, for SQL that is made at run time.
func (q *Queries) Querier() *tenant.%[1]s {
	if q == nil {
		return nil
	}
	return q.querier
}

// InTx runs fn in one transaction. The queries it gets are valid until fn returns.
func (q *Queries) InTx(ctx context.Context, opts tenant.TxOptions, fn func(ctx context.Context, tx *Queries) error) error {
	return q.Querier().InTx(ctx, opts, func(ctx context.Context, tx *tenant.%[1]s) error {
		return fn(ctx, New(tx))
	})
}

func (q *Queries) bound() *%[2]s.Queries {
	if q == nil || q.sqlc == nil {
		return unbound
	}
	return q.sqlc
}
`, w.querier, w.sqlc)
	for _, q := range w.pkg.Queries {
		w.method(f, q)
	}
	return f.Bytes()
}

// method copies one method's signature and comment.
func (w *writer) method(f *gosrc.File, q *queries.Query) {
	fn := q.Method
	doc := q.Name + " runs the query of this name.\n"
	if text := fn.Doc.Text(); text != "" {
		doc = text
	}
	f.Printf("\n%s//\n// Query %s (%s), %s:%d.\n", gosrc.Comment(doc), q.Name, q.Cmd, q.File, q.Line)
	receiver := "q"
	var args []string
	for _, p := range fn.Type.Params.List {
		for _, name := range p.Names {
			args = append(args, name.Name)
		}
	}
	if slices.Contains(args, receiver) {
		receiver = "queries"
	}
	results := w.pkg.Go.FormatFields(fn.Type.Results, "")
	if len(fn.Type.Results.List) > 1 {
		results = "(" + results + ")"
	}
	f.Printf("func (%s *Queries) %s(%s) %s {\n", receiver, q.Name, w.pkg.Go.FormatFields(fn.Type.Params, ""), results)
	f.Printf("\treturn %s.bound().%s(%s)\n}\n", receiver, q.Name, strings.Join(args, ", "))
}

// types aliases everything else that sqlc's package exports.
func (w *writer) types() ([]byte, error) {
	f := w.file(strings.Join(w.pkg.Scope.Schema, ", "))
	for _, name := range slices.Sorted(maps.Keys(w.pkg.Go.Types)) {
		if !ast.IsExported(name) || hidden[name] {
			continue
		}
		doc := w.pkg.Go.Types[name].Doc.Text()
		if doc == "" {
			doc = w.describe(name)
		}
		f.Printf("\n%stype %s = %s.%s\n", gosrc.Comment(doc), name, w.sqlc, name)
	}
	w.values(f, true, "const", "The values of enums, and other constants.")
	w.values(f, false, "var", "Errors of sqlc's generated code.")
	return f.Bytes()
}

// describe documents a type for which the SQL has no comment.
func (w *writer) describe(name string) string {
	for suffix, text := range map[string]string{
		"Params": "%s are the parameters of %s.", "Row": "%s is a row of %s.", "BatchResults": "%s are the results of %s.",
	} {
		if query, ok := strings.CutSuffix(name, suffix); ok && w.pkg.Find(query) != nil {
			return fmt.Sprintf(text, name, query)
		}
	}
	if rest, ok := strings.CutPrefix(name, "Null"); ok && w.pkg.Go.Types[rest] != nil {
		return name + " is a " + rest + " or NULL."
	}
	if _, ok := w.pkg.Go.Types[name].Type.(*ast.StructType); ok {
		return name + " is a row of the table or view of this name."
	}
	return name + " is the type of this name in the schema."
}

func (w *writer) values(f *gosrc.File, isConst bool, keyword, doc string) {
	var lines []string
	for _, v := range w.pkg.Go.Values {
		if v.Const == isConst {
			lines = append(lines, fmt.Sprintf("\t%s = %s.%s\n", v.Name, w.sqlc, v.Name))
		}
	}
	if len(lines) > 0 {
		f.Printf("\n// %s\n%s (\n%s)\n", doc, keyword, strings.Join(lines, ""))
	}
}
