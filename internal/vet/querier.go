package vet

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/analysis"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

const (
	mendKept      = "give the querier to each call that needs it; what has to outlive the request binds its own by tenant.DB"
	mendGoroutine = "run it within the request, or let the goroutine bind a querier of its own by tenant.DB"
)

func querier() *analysis.Analyzer {
	a := analyzer("querier", "refuse queriers that can outlive their request\n\n"+
		"A tenant.Querier, or a generated Queries, may not be kept in a struct, a package variable, a channel or a map, nor given to a goroutine.", runQuerier)
	a.FactTypes = []analysis.Fact{&flow{}}
	return a
}

func runQuerier(pass *analysis.Pass) (any, error) {
	if pass.Pkg.Path() == runtimePath {
		return settle(pass, nil, nil), nil // It makes queriers and ends them.
	}
	list, err := shipped(pass)
	if err != nil {
		return nil, err
	}
	f, err := flowsOf(pass, list)
	if err != nil {
		return nil, err
	}
	c := f.carriers()
	for _, file := range list {
		c.learn(file)
	}
	k := &keeper{carriers: c}
	for _, file := range list {
		ast.Inspect(file, k.visit)
	}
	return settle(pass, k.found, pass.Files, lint.RuleGoKept, lint.RuleGoGoroutine), nil
}

// keeper looks for places where a querier stays.
type keeper struct {
	*carriers

	found []finding
}

func (k *keeper) keptf(pos token.Pos, format string, args ...any) {
	k.found = append(k.found, finding{pos, lint.RuleGoKept, fmt.Sprintf(format, args...) + ": a querier ends with its request", mendKept})
}

func (k *keeper) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.StructType:
		k.structType(n)
	case *ast.GenDecl:
		k.packageVariables(n)
	case *ast.AssignStmt:
		for i, lhs := range n.Lhs {
			if k.nth(n.Rhs, len(n.Lhs), i) {
				k.assigned(lhs)
			}
		}
	case *ast.RangeStmt:
		for i, lhs := range []ast.Expr{n.Key, n.Value} {
			if lhs != nil && k.yields(n.X, i) {
				k.assigned(lhs)
			}
		}
	case *ast.CompositeLit:
		if !k.untyped { // What becomes of it is looked at.
			k.literal(n)
		}
	case *ast.SendStmt:
		if k.expr(n.Value) {
			k.keptf(n.Pos(), "a querier is sent to a channel")
		}
	case *ast.GoStmt:
		k.started(n.Call, n.Pos(), "a started goroutine")
	case *ast.CallExpr:
		k.call(n)
	}
	return true
}

// structType tells of fields that are queriers, or pointers, slices and the like
// of them. A field of another struct's type is told of where that is declared.
func (k *keeper) structType(s *ast.StructType) {
	for _, field := range s.Fields.List {
		if t := k.info.TypeOf(field.Type); t != nil && k.holds(t) {
			name := types.ExprString(field.Type)
			if len(field.Names) > 0 {
				name = field.Names[0].Name
			}
			k.keptf(field.Pos(), "the field %s of a struct holds a querier", name)
		}
	}
}

func (k *keeper) packageVariables(d *ast.GenDecl) {
	if d.Tok != token.VAR {
		return
	}
	for _, spec := range d.Specs {
		values, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for i, name := range values.Names {
			if !k.global(k.info.Defs[name]) {
				continue
			}
			if k.typ(k.info.TypeOf(name)) || k.nth(values.Values, len(values.Names), i) {
				k.keptf(name.Pos(), "the package variable %s holds a querier", name.Name)
			}
		}
	}
}

// assigned looks at what is given a querier, and can't be told from its type.
func (k *keeper) assigned(lhs ast.Expr) {
	switch to := ast.Unparen(lhs).(type) {
	case *ast.Ident:
		if obj := k.info.Uses[to]; k.global(obj) && !k.typ(obj.Type()) {
			k.keptf(lhs.Pos(), "the package variable %s is given a querier", to.Name)
		}
	case *ast.SelectorExpr:
		if t := k.info.TypeOf(to); t != nil && !k.typ(t) {
			k.keptf(lhs.Pos(), "%s is given a querier", types.ExprString(to))
		}
	case *ast.IndexExpr:
		if !k.local(to.X) {
			k.keptf(lhs.Pos(), "%s is given a querier", types.ExprString(to))
		}
	case *ast.StarExpr:
		if t := k.info.TypeOf(to); t != nil && !k.local(to.X) {
			k.keptf(lhs.Pos(), "%s is given a querier", types.ExprString(to))
		}
	}
}

// literal looks at the fields of a struct's value whose types don't tell.
func (k *keeper) literal(l *ast.CompositeLit) {
	t := k.info.TypeOf(l)
	if t == nil {
		return
	}
	s, ok := types.Unalias(deref(t)).Underlying().(*types.Struct)
	if !ok {
		return
	}
	for i, value := range l.Elts {
		field := s.Field(min(i, s.NumFields()-1))
		if pair, ok := value.(*ast.KeyValueExpr); ok {
			value = pair.Value
			if key, ok := pair.Key.(*ast.Ident); ok {
				field, _ = k.info.Uses[key].(*types.Var)
			}
		}
		if field != nil && !k.typ(field.Type()) && k.expr(value) {
			k.keptf(value.Pos(), "the field %s of a struct is given a querier", field.Name())
		}
	}
}

// global tells whether obj is a variable of the package, or of another one.
func (*keeper) global(obj types.Object) bool {
	v, ok := obj.(*types.Var)
	return ok && !v.IsField() && v.Pkg() != nil && v.Parent() == v.Pkg().Scope()
}
