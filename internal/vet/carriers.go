package vet

import (
	"go/ast"
	"go/types"
	"slices"
)

// carriers tells what has a querier in it.
type carriers struct {
	info  *types.Info
	flows *flows
	// untyped: types tell nothing, only what is in holding from the start has a querier.
	untyped bool
	// named remembers named types; one that is being looked at counts as none.
	named map[types.Type]bool
	// holding are local variables whose type does not tell that they were given
	// a querier: a func or an interface.
	holding map[types.Object]bool
	// outside are local variables by which others' things can be reached.
	outside map[types.Object]bool
	// funcs are the funcs that local variables were given.
	funcs map[types.Object][]*ast.FuncLit
}

// expr tells whether a value has a querier in it: by its type, as a method value,
// as a func that uses one from outside, or as a variable that was given one.
func (c *carriers) expr(e ast.Expr) bool {
	e = ast.Unparen(e)
	if tv, ok := c.info.Types[e]; ok && tv.IsNil() {
		return false
	}
	if t := c.info.TypeOf(e); t != nil && c.typ(t) {
		return true
	}
	switch e := e.(type) {
	case *ast.Ident:
		return c.holding[c.info.ObjectOf(e)]
	case *ast.FuncLit:
		return c.captures(e)
	case *ast.SelectorExpr:
		s := c.info.Selections[e]
		return s != nil && s.Kind() == types.MethodVal && (c.typ(s.Recv()) || c.expr(e.X))
	case *ast.CallExpr:
		return c.called(e)
	case *ast.TypeAssertExpr:
		return c.asserted(e)
	case *ast.CompositeLit:
		return slices.ContainsFunc(e.Elts, func(element ast.Expr) bool {
			if pair, ok := element.(*ast.KeyValueExpr); ok {
				element = pair.Value
			}
			return c.expr(element)
		})
	case *ast.UnaryExpr:
		return c.expr(e.X)
	case *ast.SliceExpr:
		return c.expr(e.X)
	case *ast.IndexExpr:
		t := single(c.info.TypeOf(e))
		return t != nil && hides(t) && c.expr(e.X)
	case *ast.StarExpr:
		return c.expr(e.X)
	}
	return false
}

// captures tells whether a func uses a querier that was declared outside of it.
func (c *carriers) captures(f *ast.FuncLit) bool {
	found := false
	ast.Inspect(f.Body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok || found {
			return !found
		}
		v, ok := c.info.Uses[id].(*types.Var)
		if ok && !v.IsField() && (v.Pos() < f.Pos() || v.Pos() > f.End()) {
			found = c.typ(v.Type()) || c.holding[v]
		}
		return !found
	})
	return found
}

// typ tells whether values of a type have a querier in them, however deep.
func (c *carriers) typ(t types.Type) bool {
	if c.untyped {
		return false
	}
	t = types.Unalias(t)
	if isQuerier(t) {
		return true
	}
	switch t := t.(type) {
	case *types.Named:
		if known, ok := c.named[t]; ok {
			return known
		}
		c.named[t] = false
		c.named[t] = c.arguments(t) || !ofRuntime(t) && c.typ(t.Underlying())
		return c.named[t]
	case *types.Struct:
		for field := range t.Fields() {
			if c.typ(field.Type()) {
				return true
			}
		}
	default:
		return element(t, c.typ)
	}
	return false
}

// holds is typ without the fields of structs that are declared elsewhere.
func (c *carriers) holds(t types.Type) bool {
	if c.untyped {
		return false
	}
	t = types.Unalias(t)
	if isQuerier(t) {
		return true
	}
	if named, ok := t.(*types.Named); ok {
		if _, isStruct := named.Underlying().(*types.Struct); isStruct || ofRuntime(named) {
			return c.arguments(named)
		}
		if _, isInterface := named.Underlying().(*types.Interface); isInterface {
			return false
		}
		return c.typ(named)
	}
	return element(t, c.holds)
}

func (c *carriers) arguments(t *types.Named) bool {
	for arg := range t.TypeArgs().Types() {
		if c.typ(arg) {
			return true
		}
	}
	return false
}

// element asks about what a type is of.
func element(t types.Type, ask func(types.Type) bool) bool {
	switch t := t.(type) {
	case *types.Pointer:
		return ask(t.Elem())
	case *types.Slice:
		return ask(t.Elem())
	case *types.Array:
		return ask(t.Elem())
	case *types.Chan:
		return ask(t.Elem())
	case *types.Map:
		return ask(t.Key()) || ask(t.Elem())
	}
	return false
}

// isQuerier is true for the runtime's Querier and for whatever hands one out by a
// method Querier, as generated Queries do, with or without a pointer.
func isQuerier(t types.Type) bool {
	t = types.Unalias(deref(t))
	if isRuntimeQuerier(t) {
		return true
	}
	named, ok := t.(*types.Named)
	if !ok {
		return false
	}
	obj, _, _ := types.LookupFieldOrMethod(types.NewPointer(named), true, named.Obj().Pkg(), "Querier")
	if types.IsInterface(named) {
		obj, _, _ = types.LookupFieldOrMethod(named, true, named.Obj().Pkg(), "Querier")
	}
	method, ok := obj.(*types.Func)
	if !ok {
		return false
	}
	results := method.Signature().Results()
	return results.Len() == 1 && isRuntimeQuerier(types.Unalias(deref(results.At(0).Type())))
}

func isRuntimeQuerier(t types.Type) bool {
	named, ok := t.(*types.Named)
	return ok && named.Obj().Name() == "Querier" && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == runtimePath
}

// ofRuntime tells whether a type is the runtime's own, which ends the queriers
// that it holds.
func ofRuntime(t *types.Named) bool {
	return runtimes(t.Obj().Pkg())
}

// runtimes tells whether a package is one of the runtime's.
func runtimes(pkg *types.Package) bool { return pkg != nil && below(pkg.Path(), runtimePath) }

func deref(t types.Type) types.Type {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}
