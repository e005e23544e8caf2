//go:build cgo

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// repository is this project's own folder: its specs are the ones tested with.
const repository = "../.."

// runTenant runs "bailiwick tenant" and returns what it prints.
func runTenant(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(t.Output())
	root.SetArgs(append([]string{"--dir", repository, "tenant"}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func tenantRecord(t *testing.T, args ...string) catalog.Record {
	t.Helper()
	out, err := runTenant(t, append(args, "--json")...)
	if err != nil {
		t.Fatal(err)
	}
	var record catalog.Record
	if err := json.Unmarshal([]byte(out), &record); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return record
}

func TestTenantCommands(t *testing.T) { // not parallel: it sets the environment
	urls := tenanttest.Database(t)
	t.Setenv("DATABASE_OWNER_URL", urls.OwnerURL)
	t.Setenv("DATABASE_URL", urls.RuntimeURL)
	tenantConversation(t)
}

// TestTenantCommandsWithoutDatabase runs the same on a development instance,
// which each command starts and stops again.
func TestTenantCommandsWithoutDatabase(t *testing.T) {
	withoutDatabase(t)
	t.Setenv("BAILIWICK_CACHE_DIR", filepath.Join(reachableDir(t), "cache"))
	tenantConversation(t)
}

// withoutDatabase leaves the development instance until the test ends.
func withoutDatabase(t *testing.T) {
	t.Helper()
	for _, name := range []string{"DATABASE_OWNER_URL", "DATABASE_URL"} {
		t.Setenv(name, "") // which sets it back
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEnvironment: a variable that is set and empty is a mistake of the shell's, and
// one that leads nowhere here is said to.
func TestEnvironment(t *testing.T) { // not parallel: it sets the environment
	t.Setenv("BAILIWICK_CACHE_DIR", reachableDir(t))
	t.Setenv("DATABASE_OWNER_URL", "")
	for _, args := range [][]string{{"list"}, {"create", "acme"}, {"suspend", "acme"}} {
		_, err := runTenant(t, args...)
		wantText(t, err, "DATABASE_OWNER_URL is empty: is a variable of the shell not set?\n\tmend: ")
		if _, ok := errors.AsType[usageError](err); !ok {
			t.Errorf("%v: %T", args, err)
		}
	}
	withoutDatabase(t)
	t.Setenv("DATABASE_URL", "postgres://app@db.example/app")
	root := newRootCommand()
	var notes bytes.Buffer
	root.SetOut(t.Output())
	root.SetErr(&notes)
	root.SetArgs([]string{"--dir", repository, "tenant", "list"})
	wantText(t, root.ExecuteContext(t.Context()), "no tenants yet")
	if !strings.Contains(notes.String(), "note: DATABASE_URL is set, and DATABASE_OWNER_URL is not: ") {
		t.Errorf("notes: %q", notes.String())
	}
}

// reachableDir is a folder that the server's account may enter.
func reachableDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bailiwick-tenant-") // not t.TempDir, which is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

func tenantConversation(t *testing.T) {
	t.Helper()
	_, err := runTenant(t, "list")
	wantText(t, err, "has no tenants yet; ")
	_, err = runTenant(t, "show", "initech")
	wantText(t, err, "`bailiwick tenant create SLUG`")
	_, err = runTenant(t, "create", "initech")
	wantText(t, err, "mend: --plan business, --plan enterprise, --plan free, --plan team")
	out, err := runTenant(t, "list")
	if err != nil || !strings.Contains(out, "no tenants") {
		t.Errorf("list: %v: %s", err, out)
	}

	created := tenantRecord(t, "create", "initech", "--name", "Initech Inc.", "--plan", "free")
	shown := tenantRecord(t, "show", "initech")
	if diff := cmp.Diff(created, shown); diff != "" {
		t.Error(diff)
	}
	if shown.Name != "Initech Inc." || shown.Plan != "free" || shown.State != "active" || shown.Schema != shown.ID.SchemaName() {
		t.Errorf("got %+v", shown)
	}
	if out, err = runTenant(t, "show", "initech"); err != nil || !strings.Contains(out, "schema       "+shown.Schema+"\n") {
		t.Errorf("show: %v: %s", err, out)
	}
	if out, err = runTenant(t, "list"); err != nil || !strings.Contains(out, "initech  Initech Inc.  active  free") {
		t.Errorf("list: %v: %s", err, out)
	}
	var list []catalog.Record
	out, err = runTenant(t, "list", "--json")
	if err := errors.Join(err, json.Unmarshal([]byte(out), &list)); err != nil || !cmp.Equal(list, []catalog.Record{shown}) {
		t.Errorf("list --json: %v: %s", err, out)
	}

	_, err = runTenant(t, "create", "initech", "--plan", "free")
	wantText(t, err, `slug "initech" is taken`)
	wantText(t, err, "mend: take another slug; `bailiwick tenant show initech`")
	_, err = runTenant(t, "create", "hooli", "--plan", "none")
	wantText(t, err, "mend: --plan business")
	_, err = runTenant(t, "create", "Not_A_Slug", "--plan", "free")
	wantText(t, err, "only a-z, 0-9 and inner hyphens")
	wantText(t, err, "mend: `bailiwick tenant create not-a-slug`")
	_, err = runTenant(t, "create", strings.Repeat("long", 20), "--plan", "free")
	wantText(t, err, "mend: take another slug")
	_, err = runTenant(t, "show", "nobody")
	wantText(t, err, "there is no tenant nobody\n\tmend: `bailiwick tenant list`")
}

// TestReadersMakeNothing reads where nothing was ever started.
func TestReadersMakeNothing(t *testing.T) { // not parallel: it sets the environment
	cache := reachableDir(t)
	withoutDatabase(t)
	t.Setenv("BAILIWICK_CACHE_DIR", cache)
	for _, args := range [][]string{{"list"}, {"show", "acme"}} {
		_, err := runTenant(t, args...)
		wantText(t, err, "no tenants yet; `go run ./server` makes them")
	}
	if found, err := filepath.Glob(filepath.Join(cache, "*", "*", "data*")); err != nil || len(found) > 0 {
		t.Errorf("made %v, %v", found, err)
	}
}

// TestCreateAsRuntime takes the wrong one of the two connection strings.
func TestCreateAsRuntime(t *testing.T) { // not parallel: it sets the environment
	urls := tenanttest.Database(t)
	t.Setenv("DATABASE_OWNER_URL", urls.RuntimeURL)
	t.Setenv("DATABASE_URL", urls.RuntimeURL)
	_, err := runTenant(t, "create", "initech", "--plan", "free")
	wantText(t, err, "does not own database")
}

func wantText(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("got error %v, want the text %q", err, text)
	}
}

// databaseWithTenant is a database with the project's schema and one tenant.
func databaseWithTenant(t *testing.T) tenanttest.URLs {
	t.Helper()
	urls := tenanttest.Database(t)
	t.Setenv("DATABASE_OWNER_URL", urls.OwnerURL)
	t.Setenv("DATABASE_URL", urls.RuntimeURL)
	tenantRecord(t, "create", "initech", "--name", "Initech Inc.", "--plan", "team")
	return urls
}
