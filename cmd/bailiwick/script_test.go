//go:build cgo

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
// The go command has its own caches, REPOSITORY is this checkout.
func TestScripts(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	var caches []string
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
		value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		caches = append(caches, name+"="+strings.TrimSpace(string(value)))
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("OWNER_URL", urls.OwnerURL)
			env.Setenv("RUNTIME_URL", urls.RuntimeURL)
			env.Setenv("REPOSITORY", root)
			env.Vars = append(env.Vars, caches...)
			return nil
		},
	})
}
