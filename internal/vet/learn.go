package vet

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/types/typeutil"
)

// learn finds the variables that hold. One may be given to another, so that it is
// asked again until nothing is new.
func (c *carriers) learn(nodes ...ast.Node) {
	known := func() int { return len(c.holding) + len(c.outside) + len(c.funcs) }
	for before := -1; before != known(); {
		before = known()
		for _, n := range nodes {
			ast.Inspect(n, c.declared)
		}
	}
}

func (c *carriers) declared(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		c.several(n.Lhs, n.Rhs)
	case *ast.RangeStmt:
		c.ranged(n)
	case *ast.TypeSwitchStmt:
		c.switched(n)
	case *ast.CallExpr:
		c.entered(n)
	case *ast.ValueSpec:
		names := make([]ast.Expr, 0, len(n.Names))
		for _, name := range n.Names {
			names = append(names, name)
		}
		c.several(names, n.Values)
	}
	return true
}

// several looks at what is given values: each its own, or all those of one call,
// assertion or the like.
func (c *carriers) several(to, values []ast.Expr) {
	for i, e := range to {
		switch len(values) {
		case 0: // It has its zero value.
		case len(to):
			c.given(e, values[i], c.expr(values[i]))
		default:
			c.given(e, nil, c.nth(values, len(to), i))
		}
	}
}

// given looks at a local variable that is given a value, or an element of it. A nil
// value is one of several.
func (c *carriers) given(to, value ast.Expr, holds bool) {
	whole := true
	for base := ast.Unparen(to); ; base = ast.Unparen(base) {
		switch e := base.(type) {
		case *ast.IndexExpr:
			base, whole = e.X, false
		case *ast.StarExpr:
			base, whole = e.X, false
		case *ast.Ident:
			c.variable(e, value, holds, whole)
			return
		default:
			return
		}
	}
}

func (c *carriers) variable(id *ast.Ident, value ast.Expr, holds, whole bool) {
	obj := c.info.ObjectOf(id)
	if obj == nil || obj.Pkg() != nil && obj.Parent() == obj.Pkg().Scope() {
		return // That is told of where it is given one.
	}
	if holds && !c.typ(obj.Type()) {
		c.holding[obj] = true
	}
	if !whole {
		return
	}
	if value == nil || !c.own(value) {
		c.outside[obj] = true
	}
	if value == nil {
		return
	}
	if f, ok := ast.Unparen(value).(*ast.FuncLit); ok && !slices.Contains(c.funcs[obj], f) {
		c.funcs[obj] = append(c.funcs[obj], f)
	}
}

// entered looks at the parameters of a func that is called where it is written, or
// by a local variable.
func (c *carriers) entered(call *ast.CallExpr) {
	var funcs []*ast.FuncLit
	switch e := ast.Unparen(call.Fun).(type) {
	case *ast.FuncLit:
		funcs = []*ast.FuncLit{e}
	case *ast.Ident:
		funcs = c.funcs[c.info.ObjectOf(e)]
	}
	for _, f := range funcs {
		s, ok := c.info.TypeOf(f).(*types.Signature)
		if !ok {
			continue
		}
		for i, arg := range call.Args {
			if n := s.Params().Len(); n > 0 && c.expr(arg) {
				if p := s.Params().At(min(i, n-1)); !c.typ(p.Type()) && mayHold(p.Type(), nil) {
					c.holding[p] = true
				}
			}
		}
	}
}

// own tells whether nobody else has what a value refers to: it was made here, or
// there is nothing that it refers to.
func (c *carriers) own(e ast.Expr) bool {
	e = ast.Unparen(e)
	t := c.info.TypeOf(e)
	if t == nil {
		return false
	}
	switch types.Unalias(t).Underlying().(type) {
	case *types.Pointer, *types.Map, *types.Slice, *types.Chan:
	default:
		return true
	}
	if c.info.Types[e].IsNil() {
		return true
	}
	switch e := e.(type) {
	case *ast.CompositeLit:
		return true
	case *ast.Ident:
		return c.local(e)
	case *ast.SliceExpr:
		return c.local(e.X) || c.own(e.X)
	case *ast.UnaryExpr:
		if _, made := ast.Unparen(e.X).(*ast.CompositeLit); made {
			return true
		}
		return e.Op == token.AND && c.local(e.X)
	case *ast.CallExpr:
		return c.makes(e)
	}
	return false
}

// makes tells whether a call's result refers to nothing that was there before.
func (c *carriers) makes(call *ast.CallExpr) bool {
	if c.info.Types[call.Fun].IsType() {
		return len(call.Args) == 1 && c.own(call.Args[0])
	}
	switch f := typeutil.Callee(c.info, call).(type) {
	case *types.Builtin:
		return f.Name() == "make" || f.Name() == "new" || f.Name() == "append" && c.own(call.Args[0])
	case *types.Func:
		return slices.Contains(copiers, f.Origin().FullName())
	}
	return false
}

// copiers make something new of what they are given.
var copiers = []string{"slices.Clone", "slices.Concat", "slices.Collect", "slices.Sorted", "maps.Clone", "maps.Collect"}

// local tells whether what an index or a star is applied to is a variable that
// the function itself has declared, and that leads nowhere else.
func (c *carriers) local(x ast.Expr) bool {
	id, ok := ast.Unparen(x).(*ast.Ident)
	if !ok {
		return false
	}
	v, ok := c.info.Uses[id].(*types.Var)
	return ok && v.Kind() == types.LocalVar && !c.outside[v]
}
