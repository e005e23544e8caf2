package vet

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/types/typeutil"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// starters run what they are given in a goroutine, or later, or once for each request.
var starters = []string{
	"(*sync.WaitGroup).Go",
	"(*golang.org/x/sync/errgroup.Group).Go", "(*golang.org/x/sync/errgroup.Group).TryGo",
	"(*golang.org/x/sync/singleflight.Group).DoChan",
	"time.AfterFunc", "context.AfterFunc",
	"net/http.Handle", "net/http.HandleFunc", "(*net/http.ServeMux).Handle", "(*net/http.ServeMux).HandleFunc",
}

// keepers put what they are given where it stays.
var keepers = []string{
	"(*sync.Map).Store", "(*sync.Map).LoadOrStore", "(*sync.Map).Swap", "(*sync.Map).CompareAndSwap",
	"(*sync.Pool).Put", "(*sync/atomic.Value).Store", "(*sync/atomic.Value).Swap", "(*sync/atomic.Value).CompareAndSwap",
}

// call looks at calls of functions that start goroutines or keep values, and at
// funcs that become HTTP handlers.
func (k *keeper) call(call *ast.CallExpr) {
	if t := k.info.Types[call.Fun]; t.IsType() && isHandlerFunc(t.Type) {
		k.started(call, call.Pos(), "an HTTP handler")
		return
	}
	if k.isBuiltin(call, "copy") {
		k.copied(call, "copy")
		return
	}
	f, ok := typeutil.Callee(k.info, call).(*types.Func)
	if !ok {
		return
	}
	name := f.FullName()
	k.handed(call, f)
	switch {
	case f.Origin().FullName() == "maps.Copy":
		k.copied(call, name)
	case slices.Contains(starters, name):
		for _, arg := range call.Args {
			if k.expr(arg) {
				k.goroutine(call.Pos(), name)
			}
		}
	case slices.Contains(keepers, name):
		for _, arg := range call.Args {
			if k.expr(arg) {
				k.keptf(call.Pos(), "%s is given a querier", name)
			}
		}
	}
}

// copied looks at what is copied into something that others have as well.
func (k *keeper) copied(call *ast.CallExpr, name string) {
	if len(call.Args) == 2 && k.expr(call.Args[1]) && !k.local(call.Args[0]) {
		k.keptf(call.Pos(), "%s is given a querier by %s", types.ExprString(call.Args[0]), name)
	}
}

// started looks at what a goroutine gets to see: its function and the arguments.
func (k *keeper) started(call *ast.CallExpr, pos token.Pos, what string) {
	if slices.ContainsFunc(append([]ast.Expr{call.Fun}, call.Args...), k.expr) {
		k.goroutine(pos, what)
	}
}

func (k *keeper) goroutine(pos token.Pos, what string) {
	k.found = append(k.found, finding{pos, lint.RuleGoGoroutine, what + " gets hold of a querier, which ends with its request", mendGoroutine})
}

func isHandlerFunc(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Name() == "HandlerFunc" && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "net/http"
}
