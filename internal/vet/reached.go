package vet

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/types/typeutil"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// reached looks for what a file has of a driver's by way of other packages: values
// whose types open or hold connections, and methods of these that a struct has from
// what is embedded in it. Of each driver the first is told, as an import is, and
// none where its import is. What goes straight into something of the runtime's is
// what that is made for.
func reached(pass *analysis.Pass, file *ast.File, refused func(*ast.File, *ast.ImportSpec) string) []finding {
	r := &reacher{info: pass.TypesInfo, known: map[string]bool{}, given: map[ast.Expr]bool{}}
	for _, spec := range file.Imports {
		if refused(file, spec) != "" {
			r.known[driverOf(importPath(spec))] = true
		}
	}
	var within []ast.Node
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			r.call(n)
		case *ast.CompositeLit:
			r.literal(n)
		case nil: // The parts come before the whole.
			last := len(within) - 1
			if e, ok := within[last].(ast.Expr); ok {
				r.look(e)
			}
			within = within[:last]
			return true
		}
		within = append(within, n)
		return true
	})
	return r.found
}

// reacher goes through one file.
type reacher struct {
	info *types.Info
	// known are the drivers that were told of.
	known map[string]bool
	// given are values that the runtime is given.
	given map[ast.Expr]bool
	found []finding
}

func (r *reacher) look(e ast.Expr) {
	path, name := r.driver(e)
	if path == "" || r.known[driverOf(path)] || r.given[e] {
		return
	}
	r.known[driverOf(path)] = true
	r.found = append(r.found, finding{
		e.Pos(), lint.RuleGoDatabase,
		fmt.Sprintf("%s is of %q: %s opens or holds a connection that no tenant is bound to", types.ExprString(e), path, name), mendDatabase,
	})
}

// call notes what a call gives to a function of the runtime's.
func (r *reacher) call(call *ast.CallExpr) {
	f := typeutil.Callee(r.info, call)
	if _, ok := f.(*types.Func); ok && runtimes(f.Pkg()) {
		for _, arg := range call.Args {
			r.given[arg] = true
		}
	}
}

// literal notes the fields of a struct of the runtime's.
func (r *reacher) literal(l *ast.CompositeLit) {
	named, ok := types.Unalias(deref(r.info.TypeOf(l))).(*types.Named)
	if !ok || !ofRuntime(named) {
		return
	}
	for _, value := range l.Elts {
		if pair, ok := value.(*ast.KeyValueExpr); ok {
			value = pair.Value
		}
		r.given[value] = true
	}
}

// driver is the package of a driver whose connections an expression leads to, and
// which of its names; it is empty where there is none.
func (r *reacher) driver(e ast.Expr) (path, name string) {
	if path, name := r.method(e); path != "" {
		return path, name
	}
	tv, ok := r.info.Types[e]
	if !ok || tv.IsNil() {
		return "", ""
	}
	tuple, ok := tv.Type.(*types.Tuple)
	if !ok {
		return refusedType(tv.Type)
	}
	for v := range tuple.Variables() {
		if path, name := refusedType(v.Type()); path != "" {
			return path, name
		}
	}
	return "", ""
}

// method is driver for what a method is of, be it embedded in something else.
func (r *reacher) method(e ast.Expr) (path, name string) {
	selector, ok := e.(*ast.SelectorExpr)
	if !ok || r.info.Selections[selector] == nil {
		return "", ""
	}
	f, ok := r.info.Selections[selector].Obj().(*types.Func)
	if !ok || f.Signature().Recv() == nil {
		return "", ""
	}
	return refusedType(f.Signature().Recv().Type())
}

// driverOf is the driver that a package belongs to: pgx has several.
func driverOf(path string) string {
	if below(path, pgx) {
		return pgx
	}
	return path
}

const pgx = "github.com/jackc/pgx/v5"

// refusedType is refusedImport for a type of a driver's, or a pointer to one.
func refusedType(t types.Type) (path, name string) {
	named, ok := types.Unalias(deref(t)).(*types.Named)
	if !ok || named.Obj().Pkg() == nil {
		return "", ""
	}
	path, name = named.Obj().Pkg().Path(), named.Obj().Name()
	harmless, known := drivers[path]
	if !known && !older(path) || slices.Contains(harmless, name) {
		return "", ""
	}
	return path, name
}
