package vet_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/go/analysis/analysistest"
	"golang.org/x/tools/txtar"

	"github.com/bailiwick-dev/bailiwick/internal/vet"
)

// unpack makes a GOPATH of the stubs and the fixtures.
func unpack(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range archive.Files {
			path := filepath.Join(dir, "src", filepath.FromSlash(file.Name))
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, file.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func TestAnalyzers(t *testing.T) {
	t.Parallel()
	for n, fixture := range []string{"files", "database", "kept", "goroutine", "flow"} {
		t.Run(fixture, func(t *testing.T) {
			t.Parallel()
			a := vet.Analyzers()[min(n, len(vet.Analyzers())-1)]
			analysistest.Run(t, unpack(t, "project", fixture), a, "example.com/...")
		})
	}
}

// Files for other platforms and build tags are no place for connections either. An
// allow comment in them counts as elsewhere.
func TestOtherBuilds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":        "module example.com/shop\n\ngo 1.26\n",
		"main.go":       "package main\n\nfunc main() {}\n",
		"open.go":       "//go:build production\n\npackage main\n\nimport \"github.com/jackc/pgx/v5/pgxpool\"\n\nvar pool *pgxpool.Pool\n",
		"conn_plan9.go": "package main\n\nimport (\n\t\"database/sql\"\n\n\tp \"github.com/jackc/pgx/v5\"\n)\n\ntype conn = p.Conn\n\nvar none = sql.ErrNoRows\n",
		"rows.go":       "//go:build production\n\npackage main\n\nimport \"github.com/jackc/pgx/v5\"\n\nvar none = pgx.ErrNoRows\n",
		"allowed.go":    "//go:build production\n\npackage main\n\nimport _ \"github.com/lib/pq\" //bailiwick:allow go-database the report of all tenants\n",
		"open_test.go":  "//go:build production\n\npackage main\n\nimport _ \"github.com/lib/pq\"\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, _, err := vet.Run(t.Context(), dir, []string{"./..."})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, d := range list {
		got[d.File] = d.Message + d.Allowed
	}
	want := map[string]string{
		"open.go":       `import "github.com/jackc/pgx/v5/pgxpool" opens connections that no tenant is bound to`,
		"conn_plan9.go": `import "github.com/jackc/pgx/v5" for Conn, which opens or holds a connection that no tenant is bound to`,
		"allowed.go":    `import "github.com/lib/pq" opens connections that no tenant is bound tothe report of all tenants`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
