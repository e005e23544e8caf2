//go:build cgo

package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// runDevURL runs "bailiwick dev-url" and returns what it prints.
func runDevURL(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(t.Output())
	root.SetArgs(append([]string{"--dir", repository, "dev-url"}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

// TestDevURL: what is printed leads to the instance that runs, as the role that was
// asked for. Where none runs none is started.
func TestDevURL(t *testing.T) { // not parallel: it sets the environment
	t.Setenv("BAILIWICK_CACHE_DIR", filepath.Join(reachableDir(t), "cache"))
	_, err := runDevURL(t)
	wantText(t, err, "does not run\n\tmend: `go run ./server`")
	instance, err := devpg.Start(t.Context(), devpg.Options{Name: devpg.Dev, Project: repository})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := instance.Close(); err != nil {
			t.Error(err)
		}
	})
	for given, role := range map[string]string{"": devpg.OwnerRole, "owner": devpg.OwnerRole, "runtime": devpg.RuntimeRole, "superuser": devpg.SuperRole} {
		out, err := runDevURL(t, strings.Fields(given)...)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.Connect(t.Context(), strings.TrimSuffix(out, "\n"))
		if err != nil {
			t.Fatalf("%s: %v", given, err)
		}
		var user, database string
		err = conn.QueryRow(t.Context(), "SELECT session_user, current_database()").Scan(&user, &database)
		_ = conn.Close(t.Context()) // it has been read
		if err != nil || user != role || database != devpg.Database {
			t.Errorf("%s: %s at %s, %v", given, user, database, err)
		}
	}
	out, err := runDevURL(t, "runtime", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var printed struct{ Role, URL string }
	if err := json.Unmarshal([]byte(out), &printed); err != nil || printed.Role != devpg.RuntimeRole || printed.URL != instance.RuntimeURL(devpg.Database) {
		t.Errorf("%v: %s", err, out)
	}
}
