package project_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

const sqlcYAML = `version: "2"
overrides:
  go:
    rename: {url: Link}
sql:
  - engine: postgresql
    schema: [schema/public.sql, "schema/ten*.sql"]
    queries: queries/tenant
    gen:
      go:
        package: store
        out: gen/tenant-db/internal/sqlcgen
        sql_package: pgx/v5
        rename: {id: Key}
  - engine: postgresql
    schema: schema/public.sql
    queries: [queries/public/a.sql]
    gen:
      go:
        out: gen/publicdb/internal/sqlcgen
        sql_package: pgx/v5
`

// newProject writes a project as a folder inside of a larger module.
func newProject(t *testing.T, changes map[string]string) string {
	t.Helper()
	files := map[string]string{
		"go.mod": "module example.com/big\n", "app/sqlc.yaml": sqlcYAML, "app/openapi.yaml": "openapi: 3.0.3\n",
		"app/schema/public.sql": "", "app/schema/tenant.sql": "",
		"app/queries/tenant/b.sql": "", "app/queries/tenant/a.sql": "", "app/queries/tenant/.hidden.sql": "",
		"app/queries/tenant/a.down.sql": "", "app/queries/tenant/sub/c.sql": "", "app/queries/tenant/notes.md": "",
		"app/queries/public/a.sql": "",
	}
	maps.Copy(files, changes)
	dir := t.TempDir()
	for name, text := range files {
		target := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "app")
}

// TestLoad reads a project with defaults, patterns and a nested folder.
func TestLoad(t *testing.T) {
	t.Parallel()
	dir := newProject(t, nil)
	got, err := project.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := &project.Project{
		Root: dir, Module: "example.com/big", ImportPath: "example.com/big/app",
		OpenAPI: "openapi.yaml", API: "gen/api", Handlers: "gen/handlers", Announced: "docs/announced-changes.txt",
		Tenant: &project.Scope{
			Name: "tenant", Block: 0, Line: 6, OwnSchema: "schema/tenant.sql",
			Schema:  []string{"schema/public.sql", "schema/tenant.sql"},
			Queries: []string{"queries/tenant/a.sql", "queries/tenant/b.sql"},
			Out:     "gen/tenant-db/internal/sqlcgen", Package: "store", Facade: "gen/tenant-db", FacadePackage: "tenantdb",
			Rename: map[string]string{"url": "Link", "id": "Key"},
		},
		Public: &project.Scope{
			Name: "public", Block: 1, Line: 15, OwnSchema: "schema/public.sql",
			Schema: []string{"schema/public.sql"}, Queries: []string{"queries/public/a.sql"},
			Out: "gen/publicdb/internal/sqlcgen", Package: "sqlcgen", Facade: "gen/publicdb", FacadePackage: "publicdb",
			Rename: map[string]string{"url": "Link"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	inputs := []string{
		"sqlc.yaml", "openapi.yaml", "schema/public.sql", "schema/tenant.sql",
		"queries/tenant/a.sql", "queries/tenant/b.sql", "queries/public/a.sql",
	}
	if diff := cmp.Diff(inputs, got.Inputs()); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	outputs := []string{"gen/api", "gen/tenant-db", "gen/publicdb", "gen/handlers"}
	if diff := cmp.Diff(outputs, got.Outputs()); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if path := got.Import(got.API); path != "example.com/big/app/gen/api" {
		t.Errorf("import path %s", path)
	}
}

// TestLoadErrors names the file, the line and the rule of what is wrong. The
// texts are compared with the generator's golden messages.
func TestLoadErrors(t *testing.T) {
	t.Parallel()
	type place struct {
		File string
		Line int
		Rule string
	}
	const config = "app/bailiwick.yaml"
	block := "  - engine: postgresql\n    schema: schema/tenant.sql\n    queries: queries/tenant\n    gen: {go: {out: gen/x/internal/y, sql_package: pgx/v5}}\n"
	for name, c := range map[string]struct {
		changes map[string]string
		want    []place
	}{
		"no module line":    {map[string]string{"go.mod": "go 1.26\n"}, []place{{"go.mod", 1, "module"}}},
		"version of config": {map[string]string{config: "version: 2\n"}, []place{{"bailiwick.yaml", 1, "config-version"}}},
		"field of config":   {map[string]string{config: "version: 1\nschema: x\n"}, []place{{"bailiwick.yaml", 2, "yaml"}}},
		"type in config":    {map[string]string{config: "tenant: x\n"}, []place{{"bailiwick.yaml", 1, "yaml"}}},
		"path out of it":    {map[string]string{config: "handlers: ../handlers\n"}, []place{{"bailiwick.yaml", 1, "path"}}},
		"absolute path":     {map[string]string{config: "handlers: /handlers\n"}, []place{{"bailiwick.yaml", 1, "path"}}},
		"dot in name":       {map[string]string{config: "version: 1\napi: gen/api.v1\n"}, []place{{"bailiwick.yaml", 2, "package-name"}}},
		"keyword":           {map[string]string{config: "api: gen/type\nhandlers: gen/error\n"}, []place{{"bailiwick.yaml", 1, "package-name"}, {"bailiwick.yaml", 2, "package-name"}}},
		"program":           {map[string]string{config: "api: gen/main\nhandlers: gen/init\n"}, []place{{"bailiwick.yaml", 1, "package-name"}, {"bailiwick.yaml", 2, "package-name"}}},
		"blank in name":     {map[string]string{config: "api: gen/my api\n"}, []place{{"bailiwick.yaml", 1, "folder-name"}}},
		"folders of Go":     {map[string]string{config: "api: gen/vendor\nhandlers: gen/_api\n"}, []place{{"bailiwick.yaml", 1, "folder-name"}, {"bailiwick.yaml", 2, "folder-name"}}},
		"hidden folder":     {map[string]string{config: "api: .gen/api\n"}, []place{{"bailiwick.yaml", 1, "folder-name"}}},
		"sqlc's package": {
			map[string]string{"app/sqlc.yaml": "version: \"2\"\nsql:\n" + strings.Replace(block, "{out:", "{package: go, out:", 1)},
			[]place{{"sqlc.yaml", 6, "package-name"}},
		},
		"facade's folder": {
			map[string]string{"app/sqlc.yaml": "version: \"2\"\nsql:\n" + strings.Replace(block, "gen/x", "gen/x.y", 1)},
			[]place{{"sqlc.yaml", 6, "package-name"}},
		},
		"database": {
			map[string]string{"app/sqlc.yaml": "version: \"2\"\nsql:\n" + block + "    database: {uri: postgres://example.com/db}\n"},
			[]place{{"sqlc.yaml", 7, "sqlc-database"}},
		},
		"no document":        {map[string]string{config: "openapi: api.yaml\n"}, []place{{"api.yaml", 0, "missing-file"}}},
		"outputs overlap":    {map[string]string{config: "handlers: gen/api\n"}, []place{{"bailiwick.yaml", 0, "output-overlap"}}},
		"input in output":    {map[string]string{config: "handlers: schema\n"}, []place{{"schema/public.sql", 0, "output-overlap"}, {"schema/tenant.sql", 0, "output-overlap"}}},
		"no YAML":            {map[string]string{"app/sqlc.yaml": "a: [\n"}, []place{{"sqlc.yaml", 1, "yaml"}}},
		"other version":      {map[string]string{"app/sqlc.yaml": "version: \"1\"\nsql:\n" + block}, []place{{"sqlc.yaml", 1, "sqlc-version"}}},
		"no tenant's schema": {map[string]string{config: "tenant: {schema: schema/other.sql}\n"}, []place{{"sqlc.yaml", 1, "sqlc-block"}, {"sqlc.yaml", 15, "sqlc-block"}}},
		"two tenant blocks":  {map[string]string{"app/sqlc.yaml": "version: \"2\"\nsql:\n" + block + block}, []place{{"sqlc.yaml", 7, "sqlc-block"}}},
		"stray block": {
			map[string]string{"app/schema/x.sql": "", "app/sqlc.yaml": "version: \"2\"\nsql:\n" + block + "  - {engine: postgresql, schema: schema/x.sql}\n"},
			[]place{{"sqlc.yaml", 7, "sqlc-block"}},
		},
		"no Go": {
			map[string]string{"app/sqlc.yaml": "version: \"2\"\nsql:\n  - {engine: mysql, schema: schema/tenant.sql, queries: queries/tenant}\n"},
			[]place{{"sqlc.yaml", 3, "sqlc-engine"}, {"sqlc.yaml", 3, "sqlc-gen"}},
		},
		"missing folder": {
			map[string]string{"app/sqlc.yaml": "version: \"2\"\nsql:\n  - {engine: postgresql, schema: schema/tenant.sql, queries: nowhere, gen: {go: {out: gen/x/internal/y, sql_package: pgx/v5}}}\n"},
			[]place{{"sqlc.yaml", 3, "no-queries"}, {"sqlc.yaml", 3, "path"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := project.Load(newProject(t, c.changes))
			list, ok := errors.AsType[diag.List](err)
			if !ok {
				t.Fatalf("error %v", err)
			}
			var got []place
			for _, d := range list {
				got = append(got, place{d.File, d.Line, d.Rule})
				if d.Mend == "" || d.Message == "" {
					t.Errorf("no message or mend: %v", d)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, list)
			}
		})
	}
}

// TestNoModule says that there is no go.mod.
func TestNoModule(t *testing.T) {
	t.Parallel()
	_, err := project.Load(t.TempDir())
	if _, ok := errors.AsType[diag.List](err); !ok {
		t.Fatalf("error %v", err)
	}
}

// TestOperate reads what only operators need: hooks and maintenance queries.
func TestOperate(t *testing.T) {
	t.Parallel()
	dir := newProject(t, map[string]string{
		"app/ops/b.sql": "", "app/ops/a.sql": "", "app/ops/README.md": "",
		"app/bailiwick.yaml": `maintenance: ops
hooks:
  - {name: dns, command: [./hooks/dns, --zone, example.com]}
  - {name: mail, command: [mail], timeout: 5s}
`,
	})
	p, err := project.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []project.Hook{
		{Name: "dns", Command: []string{"./hooks/dns", "--zone", "example.com"}, Timeout: time.Minute},
		{Name: "mail", Command: []string{"mail"}, Timeout: 5 * time.Second},
	}
	if diff := cmp.Diff(want, p.Hooks); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"ops/a.sql", "ops/b.sql"}, p.Maintenance); diff != "" {
		t.Error(diff)
	}
}

func TestOperateRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"maintenance: ../ops\n":                                                "maintenance: \"../ops\" does not lie within the project",
		"hooks:\n  - {name: Dns, command: [x]}\n":                              "bailiwick.yaml:1: hooks: \"Dns\" is no name of a hook [hook]",
		"hooks:\n  - {name: dns}\n":                                            "dns: the hook has no command [hook]\n\tmend: write what is to be run, such as `command: [./hooks/dns]`",
		"hooks:\n  - {name: dns, command: [a]}\n  - {name: dns, command: [b]}": "dns: there are two hooks of this name",
		"hooks:\n  - {name: dns, command: [a], timeout: -1s}\n":                "dns: a timeout of -1s is not possible",
		"hooks:\n  - {name: dns, command: [a], timeout: 2m}\n":                 "dns: a timeout of 2m0s is not possible",
		"hooks:\n  - {name: dns, command: [a], timeout: soon}\n":               "soon",
		"hooks:\n  - {name: dns, run: [a]}\n":                                  "there is no field run",
	} {
		_, err := project.Load(newProject(t, map[string]string{"app/bailiwick.yaml": text}))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
