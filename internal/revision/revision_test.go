package revision_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/revision"
)

const sqlcFile = `version: "2"
sql:
  - engine: postgresql
    schema: [schema/public.sql, schema/tenant.sql]
    queries: queries/tenant
    gen: {go: {package: sqlcgen, out: gen/tenantdb/internal/sqlcgen, sql_package: pgx/v5}}
  - engine: postgresql
    schema: [schema/public.sql]
    queries: queries/public
    gen: {go: {package: sqlcgen, out: gen/publicdb/internal/sqlcgen, sql_package: pgx/v5}}
`

// repository is one with a project in its folder app, below a larger module.
func repository(t *testing.T) (root string, commit func(files map[string]string) string) {
	t.Helper()
	root = t.TempDir()
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("init", "-q")
	return root, func(files map[string]string) string {
		for name, text := range files {
			path := filepath.Join(root, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		run("add", "-A")
		run("-c", "user.name=T", "-c", "user.email=t@example.com", "commit", "-q", "--allow-empty", "-m", "x")
		return run("rev-parse", "HEAD")
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	root, commit := repository(t)
	empty := commit(map[string]string{"go.mod": "module example.com/all\n"})
	commit(map[string]string{
		"app/sqlc.yaml": sqlcFile, "app/openapi.yaml": "openapi: 3.0.3\n", "app/server/main.go": "package main\n",
		"app/schema/public.sql": "-- 1\n", "app/schema/tenant.sql": "CREATE TABLE a (id int);\n",
		"app/queries/tenant/q.sql": "-- x\n", "app/queries/public/q.sql": "-- x\n",
	})
	commit(map[string]string{"app/schema/tenant.sql": "CREATE TABLE b (id int);\n"})
	app := filepath.Join(root, "app")

	p, remove, err := revision.Load(t.Context(), app, "HEAD~1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(p.Abs(p.Tenant.OwnSchema))
	if err != nil || string(text) != "CREATE TABLE a (id int);\n" {
		t.Errorf("%v: %s", err, text)
	}
	if _, err := os.Stat(p.Abs("server/main.go")); !errors.Is(err, os.ErrNotExist) {
		t.Error("Go files are there too", err)
	}
	if err := remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(p.Root); !errors.Is(err, os.ErrNotExist) {
		t.Error("left behind", err)
	}

	for _, none := range []string{empty, strings.Repeat("0", 40)} {
		if _, _, err := revision.Load(t.Context(), app, none); !errors.Is(err, revision.ErrNone) {
			t.Errorf("%s: %v", none, err)
		}
	}
	for rev, want := range map[string]string{
		"nowhere": "there is no revision nowhere\n\tmend: fetch the history", "--output=x": "there is no revision --output=x",
	} {
		if _, _, err := revision.Load(t.Context(), app, rev); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", rev, err)
		}
	}
	commit(map[string]string{"app/sqlc.yaml": "version: \"1\"\n"})
	if _, _, err := revision.Load(t.Context(), app, "HEAD"); err == nil || !strings.Contains(err.Error(), "the project at revision HEAD: ") {
		t.Error(err)
	}
	if _, _, err := revision.Load(t.Context(), t.TempDir(), "HEAD"); err == nil || !strings.Contains(err.Error(), "not a git repository") {
		t.Error(err)
	}
}
