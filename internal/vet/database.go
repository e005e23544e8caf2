package vet

import (
	"fmt"
	"go/ast"
	"go/types"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// drivers are the packages by which Go reaches PostgreSQL, each with what may be
// taken from it anywhere: what reads rows and errors, or only describes.
// Whatever else there is opens a connection or holds one, and a connection that
// nobody bound belongs to no tenant.
var drivers = map[string][]string{
	"github.com/jackc/pgx/v5": {
		"Rows", "Row", "CollectableRow", "BatchResults", "Tx", "TxOptions", "TxIsoLevel", "TxAccessMode", "TxDeferrableMode",
		"Serializable", "RepeatableRead", "ReadCommitted", "ReadUncommitted", "ReadWrite", "ReadOnly", "Deferrable", "NotDeferrable",
		"ErrNoRows", "ErrTooManyRows", "ErrTxClosed", "ErrTxCommitRollback",
		"CollectRows", "CollectOneRow", "CollectExactlyOneRow", "AppendRows", "ForEachRow", "ScanRow", "RowScanner",
		"RowTo", "RowToFunc", "RowToAddrOf", "RowToMap", "RowToStructByPos", "RowToAddrOfStructByPos",
		"RowToStructByName", "RowToAddrOfStructByName", "RowToStructByNameLax", "RowToAddrOfStructByNameLax",
		"NamedArgs", "StrictNamedArgs", "QueryRewriter", "Identifier", "Batch", "QueuedQuery",
		"CopyFromSource", "CopyFromRows", "CopyFromSlice", "CopyFromFunc",
	},
	"github.com/jackc/pgx/v5/pgconn": {
		"CommandTag", "NewCommandTag", "PgError", "FieldDescription", "Notice", "Timeout", "SafeToRetry", "ConnectError", "ParseConfigError",
	},
	"github.com/jackc/pgx/v5/pgxpool":         nil,
	"github.com/jackc/pgx/v5/stdlib":          nil,
	"github.com/jackc/pgx/v5/pgproto3":        nil,
	"github.com/jackc/pgx/v5/pgconn/ctxwatch": nil,
	"github.com/lib/pq":                       nil,
	"github.com/jmoiron/sqlx":                 nil,
	"github.com/uptrace/bun/driver/pgdriver":  nil,
	"gorm.io/driver/postgres":                 nil,
	"gorm.io/gorm":                            nil,
	"database/sql/driver":                     {"Value", "Valuer", "NamedValue", "ErrSkip", "ErrBadConn", "IsValue", "DefaultParameterConverter"},
	"database/sql": {
		"ErrNoRows", "ErrTxDone", "ErrConnDone", "Scanner", "Null", "NullBool", "NullByte", "NullFloat64", "NullInt16", "NullInt32", "NullInt64",
		"NullString", "NullTime", "RawBytes", "NamedArg", "Named", "Out", "Result", "IsolationLevel", "TxOptions",
		"LevelDefault", "LevelReadUncommitted", "LevelReadCommitted", "LevelWriteCommitted", "LevelRepeatableRead", "LevelSnapshot", "LevelSerializable", "LevelLinearizable",
	},
}

// older versions of pgx are drivers as a whole, with their packages.
var olderDrivers = []string{"github.com/jackc/pgx", "github.com/jackc/pgconn", "github.com/jackc/pgproto3", "github.com/go-pg/pg"}

const mendDatabase = "use the queries of the generated facade, or Querier() of them; a package that must connect by itself is listed under `vet: {database: [...]}` in bailiwick.yaml"

func database() *analysis.Analyzer {
	a := analyzer("database", "refuse connections of one's own, which no tenant is bound to\n\n"+
		"Packages listed under `vet: {database: [...]}` in bailiwick.yaml or by -database.allow may have them, tests and generated code too.", nil)
	more := a.Flags.String("allow", "", "more folders, relative to the project and separated by commas, whose packages may open connections")
	a.Run = func(pass *analysis.Pass) (any, error) { return runDatabase(pass, strings.Split(*more, ",")) }
	return a
}

func runDatabase(pass *analysis.Pass, more []string) (any, error) {
	p, err := projectOf(pass)
	if err != nil {
		return nil, err
	}
	list, err := shipped(pass)
	if err != nil {
		return nil, err
	}
	others, err := otherBuilds(pass, p)
	if err != nil {
		return nil, err
	}
	patterns := more
	if p.Project != nil {
		patterns = slices.Concat(p.Database, more)
	}
	var found []finding
	unlisted := func(files []*ast.File) []*ast.File {
		return slices.DeleteFunc(slices.Clone(files), func(file *ast.File) bool {
			return p.listed(filepath.Dir(pass.Fset.Position(file.Package).Filename), patterns)
		})
	}
	look := func(files []*ast.File, refused func(*ast.File, *ast.ImportSpec) string) {
		for _, file := range unlisted(files) {
			for _, spec := range file.Imports {
				if message := refused(file, spec); message != "" {
					found = append(found, finding{spec.Pos(), lint.RuleGoDatabase, message, mendDatabase})
				}
			}
		}
	}
	typed := func(file *ast.File, spec *ast.ImportSpec) string {
		return refusedImport(file, spec, func(id *ast.Ident, path string) bool { return taken(pass.TypesInfo.Uses[id], path) })
	}
	look(list, typed)
	look(others, refusedUntyped)
	for _, file := range unlisted(list) {
		found = append(found, reached(pass, file, typed)...)
	}
	return settle(pass, found, slices.Concat(pass.Files, others), lint.RuleGoDatabase), nil
}

// refusedUntyped is refusedImport for a file whose types are not known: whatever is
// selected from a name that an import has is taken for its own.
func refusedUntyped(file *ast.File, spec *ast.ImportSpec) string {
	selected := map[*ast.Ident]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				selected[s.Sel] = x.Name
			}
		}
		return true
	})
	return refusedImport(file, spec, func(id *ast.Ident, path string) bool {
		name := packageName(path)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		return selected[id] == name
	})
}

// packageName is what a package of this path is called, as those of drivers are.
func packageName(importPath string) string {
	parts := strings.Split(importPath, "/")
	last := len(parts) - 1
	if version, ok := strings.CutPrefix(parts[last], "v"); ok && last > 0 && strings.Trim(version, "0123456789") == "" {
		last--
	}
	return parts[last]
}

// refusedImport says what is wrong with an import; it is empty when nothing is. from
// tells whether an identifier is one that a package exports.
func refusedImport(file *ast.File, spec *ast.ImportSpec, from func(id *ast.Ident, path string) bool) string {
	path := importPath(spec)
	harmless, known := drivers[path]
	switch {
	case !known && !older(path):
		return ""
	case len(harmless) == 0:
		return fmt.Sprintf("import %q opens connections that no tenant is bound to", path)
	case spec.Name != nil && (spec.Name.Name == "." || spec.Name.Name == "_"):
		return fmt.Sprintf("import %s %q: what is taken from it can't be told", spec.Name.Name, path)
	}
	var refused string
	ast.Inspect(file, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && refused == "" && from(id, path) && !slices.Contains(harmless, id.Name) {
			refused = id.Name
		}
		return true
	})
	if refused == "" {
		return ""
	}
	return fmt.Sprintf("import %q for %s, which opens or holds a connection that no tenant is bound to", path, refused)
}

// importPath is what an import names; empty where the compiler refuses it.
func importPath(spec *ast.ImportSpec) string {
	path, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return ""
	}
	return path
}

// taken tells whether obj is one of the names that a package exports.
func taken(obj types.Object, path string) bool {
	return obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == path && obj.Parent() == obj.Pkg().Scope()
}

func older(path string) bool {
	return !strings.HasPrefix(path, "github.com/jackc/pgx/v5") &&
		slices.ContainsFunc(olderDrivers, func(driver string) bool { return below(path, driver) })
}
