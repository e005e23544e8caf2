package vet

import (
	"fmt"
	"go/ast"
	"go/types"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/types/typeutil"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// flow is where a function's arguments go whose types don't tell that they have a
// querier in them, such as an any, a func or a type parameter. They are counted
// from 0, a method's receiver first. It is a fact, so that it is known of functions
// of other packages as well.
type flow struct {
	Kept, Started, Given []int
	// Own is for functions whose results have a querier in them anyhow.
	Own bool
}

// AFact makes it one.
func (*flow) AFact() {}

func (f *flow) String() string {
	var said []string
	for _, part := range []struct {
		name    string
		numbers []int
	}{{"keeps", f.Kept}, {"starts", f.Started}, {"gives", f.Given}} {
		if len(part.numbers) > 0 {
			said = append(said, fmt.Sprint(part.name, part.numbers))
		}
	}
	if f.Own {
		said = append(said, "gives its own")
	}
	return strings.Join(said, " ")
}

// flows are what is known of functions, in this package and those it imports.
type flows struct {
	pass *analysis.Pass
	here map[*types.Func]*flow
}

// flowsOf learns of the functions in files. What the runtime does with a querier it
// ends itself, and of what is in no project nothing is known.
func flowsOf(pass *analysis.Pass, list []*ast.File) (*flows, error) {
	f := &flows{pass: pass, here: map[*types.Func]*flow{}}
	p, err := projectOf(pass)
	if err == nil && p.Project != nil && pass.Pkg.Path() != runtimePath && !strings.HasPrefix(pass.Pkg.Path(), runtimePath+"/") {
		f.learn(list)
	}
	return f, err
}

// of is what is known of a function; nil if nothing is.
func (f *flows) of(fn *types.Func) *flow {
	fn = fn.Origin()
	if fn.Pkg() == f.pass.Pkg {
		return f.here[fn]
	}
	known := &flow{}
	if fn.Pkg() == nil || !f.pass.ImportObjectFact(fn, known) {
		return nil
	}
	return known
}

// learn looks at the functions of files until nothing is new, as one may call the
// other, and makes what it has learned known to the packages that import this one.
func (f *flows) learn(list []*ast.File) {
	for again := true; again; {
		again = false
		for _, file := range list {
			for _, d := range file.Decls {
				again = f.function(d) || again
			}
		}
	}
	for fn, known := range f.here {
		f.pass.ExportObjectFact(fn, known)
	}
}

// function tells whether something new was learned of a declared function.
func (f *flows) function(d ast.Decl) bool {
	decl, ok := d.(*ast.FuncDecl)
	if !ok || decl.Body == nil {
		return false
	}
	fn, ok := f.pass.TypesInfo.Defs[decl.Name].(*types.Func)
	if !ok {
		return false
	}
	now := &flow{}
	own := f.carriers()
	own.learn(decl)
	for _, result := range own.results(decl) {
		now.Own = now.Own || own.holds(result) || !isStruct(result) // A struct is told of where it is made.
	}
	for i, v := range parameters(fn.Signature()) {
		if !own.typ(v.Type()) && mayHold(v.Type(), nil) {
			f.argument(decl, i, v, now)
		}
	}
	if before := f.here[fn]; reflect.DeepEqual(now, &flow{}) || reflect.DeepEqual(now, before) {
		return false
	}
	f.here[fn] = now
	return true
}

// argument follows one argument, as if it had a querier in it and nothing else had.
func (f *flows) argument(decl *ast.FuncDecl, i int, v *types.Var, now *flow) {
	c := f.carriers()
	c.untyped, c.holding[v] = true, true
	c.learn(decl)
	k := &keeper{carriers: c}
	ast.Inspect(decl.Body, k.visit)
	for _, found := range k.found {
		if found.rule == lint.RuleGoGoroutine {
			now.Started = append(now.Started, i)
		} else {
			now.Kept = append(now.Kept, i)
		}
	}
	for _, result := range c.results(decl) {
		if isStruct(result) {
			now.Kept = append(now.Kept, i) // A field of it holds.
		} else {
			now.Given = append(now.Given, i)
		}
	}
	now.Kept, now.Started, now.Given = slices.Compact(now.Kept), slices.Compact(now.Started), slices.Compact(now.Given)
}

func (f *flows) carriers() *carriers {
	return &carriers{
		info: f.pass.TypesInfo, flows: f,
		named: map[types.Type]bool{}, holding: map[types.Object]bool{}, outside: map[types.Object]bool{}, funcs: map[types.Object][]*ast.FuncLit{},
	}
}

func isStruct(t types.Type) bool {
	_, ok := types.Unalias(deref(t)).Underlying().(*types.Struct)
	return ok
}

// results are the types, before they become the function's, of what it returns
// that holds, where the function's own do not tell.
func (c *carriers) results(decl *ast.FuncDecl) (list []types.Type) {
	fn, ok := c.info.Defs[decl.Name].(*types.Func)
	if !ok {
		return nil
	}
	declared := fn.Signature().Results()
	var named []ast.Expr
	if decl.Type.Results != nil {
		for _, field := range decl.Type.Results.List {
			for _, name := range field.Names {
				named = append(named, name)
			}
		}
	}
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		ret, ok := n.(*ast.ReturnStmt)
		if !ok {
			_, isFunc := n.(*ast.FuncLit)
			return !isFunc // That returns to somebody else.
		}
		returned := ret.Results
		if len(returned) == 0 {
			returned = named
		}
		for i := range declared.Len() {
			if !c.typ(declared.At(i).Type()) && c.nth(returned, declared.Len(), i) {
				list = append(list, c.typeOf(returned, i))
			}
		}
		return true
	})
	return list
}

// typeOf is the type of the nth of some values, or of those of one call.
func (c *carriers) typeOf(values []ast.Expr, n int) types.Type {
	if n < len(values) && n > 0 {
		return c.info.TypeOf(values[n])
	}
	t := c.info.TypeOf(values[0])
	if tuple, ok := t.(*types.Tuple); ok {
		return tuple.At(n).Type()
	}
	return t
}

// parameters are a method's receiver, if it is one, and the parameters.
func parameters(s *types.Signature) (list []*types.Var) {
	if s.Recv() != nil {
		list = append(list, s.Recv())
	}
	for v := range s.Params().Variables() {
		list = append(list, v)
	}
	return list
}

// argumentsOf are what a call gives to a function's parameters, by their numbers.
func (c *carriers) argumentsOf(call *ast.CallExpr, fn *types.Func, numbers []int) (list []ast.Expr) {
	given := call.Args
	if selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
		if s := c.info.Selections[selector]; s != nil && s.Kind() == types.MethodVal {
			given = append([]ast.Expr{selector.X}, given...)
		}
	}
	last := len(parameters(fn.Signature())) - 1
	for i, e := range given {
		if slices.Contains(numbers, min(i, last)) { // The last one may be variadic.
			list = append(list, e)
		}
	}
	return list
}

// handed looks at what a call gives to a function that keeps it, or starts a
// goroutine with it.
func (k *keeper) handed(call *ast.CallExpr, fn *types.Func) {
	known := k.flows.of(fn)
	if known == nil {
		return
	}
	if slices.ContainsFunc(k.argumentsOf(call, fn, known.Kept), k.expr) {
		k.keptf(call.Pos(), "%s keeps the querier that it is given", types.ExprString(call.Fun))
	}
	if slices.ContainsFunc(k.argumentsOf(call, fn, known.Started), k.expr) {
		k.goroutine(call.Pos(), "a goroutine that "+types.ExprString(call.Fun)+" starts")
	}
}

// handedBack tells whether what a call of the project's functions gives has a querier in it.
func (c *carriers) handedBack(call *ast.CallExpr) bool {
	fn, ok := typeutil.Callee(c.info, call).(*types.Func)
	if !ok {
		return false
	}
	known := c.flows.of(fn)
	return known != nil && (known.Own && !c.untyped || slices.ContainsFunc(c.argumentsOf(call, fn, known.Given), c.expr))
}

// mayHold tells whether a value of a type can have a querier in it without the
// type telling. within are the named types that it is asked of already.
func mayHold(t types.Type, within []types.Type) bool {
	t = types.Unalias(t)
	if hides(t) {
		return true
	}
	if named, ok := t.(*types.Named); ok {
		return !slices.Contains(within, t) && !ofRuntime(named) && mayHold(named.Underlying(), append(within, t))
	}
	deeper := func(t types.Type) bool { return mayHold(t, within) }
	if s, ok := t.(*types.Struct); ok {
		for field := range s.Fields() {
			if deeper(field.Type()) {
				return true
			}
		}
	}
	return element(t, deeper)
}
