//go:build cgo

package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// TestMain lets the scripts of testdata/script run this test binary as the tool.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"bailiwick": func() { os.Exit(run()) },
	})
}

// TestScripts runs each script as a user would type it. OWNER_URL names a
// server on which scratch databases can be made; RUNTIME_URL a role that may not.
func TestScripts(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("OWNER_URL", urls.OwnerURL)
			env.Setenv("RUNTIME_URL", urls.RuntimeURL)
			return nil
		},
	})
}
