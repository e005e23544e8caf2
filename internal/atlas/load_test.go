package atlas_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// repository is this repository's own project.
func repository(t *testing.T) *project.Project {
	t.Helper()
	p, err := project.Load("../..")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// projectWith is a small project whose atlas.hcl is the text.
func projectWith(t testing.TB, text string) *project.Project {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{
		"schema/public.sql": "CREATE TABLE public.tenants ();\n",
		"schema/tenant.sql": "CREATE TABLE users ();\n",
		"schema/notes.txt":  "nothing\n",
		atlas.File:          text,
	} {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &project.Project{
		Root:   root,
		Tenant: &project.Scope{Name: "tenant", OwnSchema: "schema/tenant.sql"},
		Public: &project.Scope{Name: "public", OwnSchema: "schema/public.sql"},
	}
}

func noEnv(string) string { return "" }

func TestLoadRepository(t *testing.T) {
	t.Parallel()
	getenv := func(name string) string {
		return map[string]string{"DATABASE_OWNER_URL": "postgres://own:pw@db/main?sslmode=disable"}[name]
	}
	got, err := atlas.Load(t.Context(), repository(t), atlas.Options{Getenv: getenv})
	if err != nil {
		t.Fatal(err)
	}
	indexes := atlas.Policy{ConcurrentIndex: atlas.ConcurrentIndex{Create: true, Drop: true}}
	want := &atlas.Config{
		File: "atlas.hcl",
		Public: atlas.Env{
			Name: "public", Src: []string{"schema/public.sql"}, Schemas: []string{"public"},
			URL: "postgres://own:pw@db/main?sslmode=disable", Diff: indexes,
		},
		Tenant: atlas.Env{
			Name: "tenant", Src: []string{"schema/tenant.sql"},
			URL: "postgres://own:pw@db/main?sslmode=disable", Diff: indexes,
		},
		Deployment: atlas.Deployment{Name: "rings", Groups: []atlas.Group{
			{
				Name: "canary", Match: []string{"canary"}, OrderBy: "slug", Parallel: 1, OnError: "FAIL",
				Percent: 100, Soak: 30 * time.Second,
			},
			{
				Name: "default", OrderBy: "slug", Parallel: 4, OnError: "CONTINUE", MaxFailures: atlas.Budget{Percent: 2},
				Percent: 25, DependsOn: []string{"canary"},
			},
		}},
	}
	if diff := cmp.Diff(want, got, ignoreLines); diff != "" {
		t.Error(diff)
	}
}

// ignoreLines lets a comment of atlas.hcl grow.
var ignoreLines = cmp.Options{
	cmpopts.IgnoreFields(atlas.Deployment{}, "Line"), cmpopts.IgnoreFields(atlas.Group{}, "Line"),
}

func TestLoadDefaults(t *testing.T) {
	t.Parallel()
	p := projectWith(t, "")
	if err := os.Remove(filepath.Join(p.Root, atlas.File)); err != nil {
		t.Fatal(err)
	}
	got, err := atlas.Load(t.Context(), p, atlas.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := &atlas.Config{
		Public:     atlas.Env{Name: "public", Src: []string{"schema/public.sql"}, Schemas: []string{"public"}},
		Tenant:     atlas.Env{Name: "tenant", Src: []string{"schema/tenant.sql"}},
		Deployment: atlas.DefaultDeployment(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
