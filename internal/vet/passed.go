package vet

import (
	"go/ast"
	"go/types"
	"slices"

	"golang.org/x/tools/go/types/typeutil"
)

// nth tells whether the nth of some variables, or of what else is assigned to, is
// given a querier: by its own value, or by one of a call, an assertion or the like.
func (c *carriers) nth(values []ast.Expr, variables, n int) bool {
	if len(values) == variables {
		return c.expr(values[n])
	}
	return len(values) == 1 && c.part(values[0], n)
}

// part is expr for the nth of several values.
func (c *carriers) part(value ast.Expr, n int) bool {
	tuple, ok := c.info.TypeOf(value).(*types.Tuple)
	return ok && n < tuple.Len() && c.among(tuple.At(n).Type(), value)
}

// among tells whether what is of a type, and comes from a value, has a querier in it.
func (c *carriers) among(t types.Type, from ast.Expr) bool {
	return c.typ(t) || hides(t) && c.expr(from)
}

// yields tells whether the key, 0, or the value, 1, of a loop has a querier in it.
func (c *carriers) yields(from ast.Expr, n int) bool {
	t := c.info.TypeOf(from)
	if t == nil {
		return false
	}
	switch t := types.Unalias(deref(t)).Underlying().(type) {
	case *types.Slice:
		return n == 1 && c.among(t.Elem(), from)
	case *types.Array:
		return n == 1 && c.among(t.Elem(), from)
	case *types.Map:
		return c.among([]types.Type{t.Key(), t.Elem()}[n], from)
	case *types.Chan:
		return n == 0 && c.among(t.Elem(), from)
	case *types.Signature: // What a func yields is not what it uses.
		yield, ok := t.Params().At(0).Type().Underlying().(*types.Signature)
		return ok && n < yield.Params().Len() && c.typ(yield.Params().At(n).Type())
	}
	return false
}

// ranged looks at the variables of a loop over what holds.
func (c *carriers) ranged(r *ast.RangeStmt) {
	for n, e := range []ast.Expr{r.Key, r.Value} {
		if id, ok := e.(*ast.Ident); ok && c.yields(r.X, n) {
			c.hold(c.info.ObjectOf(id))
		}
	}
}

// switched looks at the variables that a type switch declares, one for each clause.
func (c *carriers) switched(s *ast.TypeSwitchStmt) {
	assign, ok := s.Assign.(*ast.AssignStmt)
	if !ok || len(assign.Rhs) != 1 {
		return
	}
	assert, ok := ast.Unparen(assign.Rhs[0]).(*ast.TypeAssertExpr)
	if !ok || !c.expr(assert.X) {
		return
	}
	for _, clause := range s.Body.List {
		c.hold(c.info.Implicits[clause])
	}
}

// asserted tells whether what a type assertion gives has a querier in it.
func (c *carriers) asserted(e *ast.TypeAssertExpr) bool {
	t := single(c.info.TypeOf(e))
	return t != nil && hides(t) && c.expr(e.X)
}

// single is the type of a value that may have ok beside it.
func single(t types.Type) types.Type {
	if tuple, ok := t.(*types.Tuple); ok && tuple.Len() > 0 {
		return tuple.At(0).Type()
	}
	return t
}

// hold notes a variable that was given a querier, if its type can have one in it
// and does not tell.
func (c *carriers) hold(obj types.Object) {
	if obj != nil && !c.typ(obj.Type()) && hides(obj.Type()) {
		c.holding[obj] = true
	}
}

// hides tells whether a value of a type can be a querier, or use one, without the
// type telling.
func hides(t types.Type) bool {
	switch t := types.Unalias(t).Underlying().(type) {
	case *types.Interface:
		return !types.Implements(t, errorType)
	case *types.Signature:
		return true
	}
	return false
}

var errorType, _ = types.Universe.Lookup("error").Type().Underlying().(*types.Interface)

// passers give back what they are given, or something that has it.
var passers = []string{
	"context.WithValue", "sync.OnceFunc", "sync.OnceValue", "sync.OnceValues",
	"slices.Clone", "slices.Concat", "slices.Insert", "maps.Clone",
}

// called tells whether what a call gives has a querier in it: a conversion, append,
// and functions of which it is known.
func (c *carriers) called(call *ast.CallExpr) bool {
	fun := c.info.Types[call.Fun]
	if fun.IsType() {
		return len(call.Args) == 1 && c.expr(call.Args[0])
	}
	if !c.isBuiltin(call, "append") {
		f, ok := typeutil.Callee(c.info, call).(*types.Func)
		if !ok || !slices.Contains(passers, f.Origin().FullName()) {
			return c.handedBack(call)
		}
	}
	return slices.ContainsFunc(call.Args, c.expr)
}

func (c *carriers) isBuiltin(call *ast.CallExpr, name string) bool {
	b, ok := typeutil.Callee(c.info, call).(*types.Builtin)
	return ok && b.Name() == name
}
