package atlas_test

import (
	"context"
	"os"
	"testing"

	"ariga.io/atlas/schemahcl"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// cliProject is what Atlas's command line reads a project file into, as far as
// its blocks are of a type that could fail.
type cliProject struct {
	Envs []*cliEnv `spec:"env"`
	Diff *cliDiff  `spec:"diff"`
	Lint *struct {
		schemahcl.DefaultExtension

		Format string `spec:"log"`
		Latest int    `spec:"latest"`
	} `spec:"lint"`
}

type cliEnv struct {
	schemahcl.DefaultExtension

	Name      string   `spec:"name,name"`
	URL       string   `spec:"url"`
	DevURL    string   `spec:"dev"`
	Schemas   []string `spec:"schemas"`
	Exclude   []string `spec:"exclude"`
	Diff      *cliDiff `spec:"diff"`
	Migration *struct {
		Dir         string `spec:"dir"`
		Format      string `spec:"format"`
		LockTimeout string `spec:"lock_timeout"`
	} `spec:"migration"`
}

type cliDiff struct {
	schemahcl.DefaultExtension

	Skip *struct {
		DropTable  bool `spec:"drop_table"`
		DropSchema bool `spec:"drop_schema"`
	} `spec:"skip"`
}

// loadAsCLI does with a file what Atlas's command line does, with nothing of this
// project between: the blocks of one env, the same functions, a data source that
// gives two tenants.
func loadAsCLI(t *testing.T, file, env string) (*cliProject, error) {
	t.Helper()
	parser := hclparse.NewParser()
	parsed, diags := parser.ParseHCLFile(file)
	if diags.HasErrors() {
		return nil, diags
	}
	body := parsed.Body.(*hclsyntax.Body)
	var used hclsyntax.Blocks
	for _, b := range body.Blocks {
		if b.Type != "env" || len(b.Labels) == 1 && b.Labels[0] == env {
			used = append(used, b)
		}
	}
	parsed.Body = &hclsyntax.Body{Blocks: used, Attributes: body.Attributes}
	state := schemahcl.New(
		schemahcl.WithContext(t.Context()),
		schemahcl.WithDataSource("sql", func(context.Context, *hcl.EvalContext, *hclsyntax.Block) (cty.Value, error) {
			values := cty.ListVal([]cty.Value{cty.StringVal("t_1"), cty.StringVal("t_2")})
			return cty.ObjectVal(map[string]cty.Value{"count": cty.NumberIntVal(2), "values": values, "value": cty.StringVal("t_1")}), nil
		}),
		schemahcl.WithInitBlock("atlas", func(context.Context, *hcl.EvalContext, *hclsyntax.Block) (cty.Value, error) {
			return cty.ObjectVal(map[string]cty.Value{"env": cty.StringVal(env)}), nil
		}),
		schemahcl.WithScopedEnums("env.migration.format", "atlas", "flyway", "liquibase", "goose", "golang-migrate", "dbmate"),
		schemahcl.WithScopedEnums("env.migration.exec_order", "LINEAR", "LINEAR_SKIP", "NON_LINEAR"),
		schemahcl.WithScopedEnums("env.lint.review", "ALWAYS", "WARNING", "ERROR"),
		schemahcl.WithScopedEnums("lint.review", "ALWAYS", "WARNING", "ERROR"),
		schemahcl.WithVariables(map[string]cty.Value{"atlas": cty.ObjectVal(map[string]cty.Value{"env": cty.StringVal(env)})}),
		schemahcl.WithFunctions(map[string]function.Function{
			"getenv": function.New(&function.Spec{
				Params: []function.Parameter{{Name: "key", Type: cty.String}},
				Type:   function.StaticReturnType(cty.String),
				Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
					return cty.StringVal("postgres://own@db/main?sslmode=disable"), nil
				},
			}),
		}),
	)
	p := &cliProject{}
	return p, state.Eval(parser, p, nil)
}

// TestCommandLine loads the repository's own file as Atlas's command line would.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	for env, want := range map[string][]string{
		"public": {"postgres://own@db/main?search_path=public&sslmode=disable"},
		"tenant": {"postgres://own@db/main?search_path=t_1&sslmode=disable", "postgres://own@db/main?search_path=t_2&sslmode=disable"},
		"":       nil,
	} {
		p, err := loadAsCLI(t, "../../"+atlas.File, env)
		if err != nil {
			t.Errorf("env %q: %v", env, err)
			continue
		}
		var urls []string
		for _, e := range p.Envs {
			urls = append(urls, e.URL)
			if src, ok := e.Attr("src"); !ok || src.V.AsString() != "file://schema/"+env+".sql" || e.Name != env {
				t.Errorf("env %q: %+v", env, e)
			}
		}
		if d := gocmp.Diff(want, urls); d != "" {
			t.Errorf("env %q: %s", env, d)
		}
		if p.Diff == nil || len(p.Diff.Extra.Children) != 1 {
			t.Errorf("env %q: no diff policy: %+v", env, p.Diff)
		}
	}
}

// TestCommandLineRefuses shows why a deployment takes literals only.
func TestCommandLineRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"on_error = CONTINUE", "depends_on = [group.canary]", "match = var.tier"} {
		file := t.TempDir() + "/" + atlas.File
		if err := os.WriteFile(file, []byte("deployment \"d\" {\n  group \"x\" {\n    "+text+"\n  }\n}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadAsCLI(t, file, "tenant"); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

// TestForEach asks a real database for the tenants that the repository's own file
// names, and none when nobody wants to know.
func TestForEach(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{Schema: catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, Seed: schema.Seed}, Tenants: 3})
	getenv := func(name string) string {
		return map[string]string{"DATABASE_OWNER_URL": db.OwnerURL}[name]
	}
	c, err := atlas.Load(t.Context(), repository(t), atlas.Options{ForEach: true, Getenv: getenv})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{db.Tenants[0].Schema(), db.Tenants[1].Schema(), db.Tenants[2].Schema()}
	if d := gocmp.Diff(sorted(want), sorted(c.Tenant.ForEach)); d != "" {
		t.Error(d)
	}
	unreachable := func(string) string { return "postgres://nobody@127.0.0.1:1/none" }
	if _, err := atlas.Load(t.Context(), repository(t), atlas.Options{Getenv: unreachable}); err != nil {
		t.Error(err)
	}
	if _, err := atlas.Load(t.Context(), repository(t), atlas.Options{ForEach: true, Getenv: unreachable}); err == nil {
		t.Error("nobody was asked")
	}
}

// TestDataReadsOnly lets a data source neither write nor give two columns.
func TestDataReadsOnly(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{})
	for query, fine := range map[string]bool{
		"SELECT 'postgres://h/d' WHERE $1":                   true,
		"SELECT 'postgres://h/d', 1 WHERE $1":                false,
		"SELECT now() WHERE $1":                              false,
		"DELETE FROM public.tenants WHERE $1 RETURNING slug": false,
		"SELECT slug FROM public.tenants WHERE NOT $1":       true,
		"SELECT 'postgres://h/' || count(*)::text WHERE $1":  true,
		"SELECT true WHERE $1 UNION ALL SELECT NULL":         false,
	} {
		text := "data \"sql\" \"x\" {\n  url = \"" + db.OwnerURL + "\"\n  query = \"" + query + "\"\n  args = [true]\n}\n" +
			"env \"tenant\" {\n  url = data.sql.x.value\n}\n"
		_, err := atlas.Load(t.Context(), projectWith(t, text), atlas.Options{Getenv: noEnv})
		if (err == nil) != fine {
			t.Errorf("%s: %v", query, err)
		}
	}
}
