package catalog_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

func TestInstall(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	c := open(t, urls, full)
	_, err := c.List(t.Context())
	wantCode(t, err, tenant.CodeSchema, "not installed")

	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := c.Install(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()

	commented := full
	commented.Public = "-- no difference\n" + full.Public
	if err := open(t, urls, commented).Install(t.Context()); err != nil {
		t.Error(err)
	}
	changed := full
	changed.Public += "CREATE TABLE public.more ();"
	err = open(t, urls, changed).Install(t.Context())
	wantCode(t, err, tenant.CodeConflict, "public schema differs")

	reseeded := full
	reseeded.Seed += "; INSERT INTO public.plans VALUES ('new')"
	if err := open(t, urls, reseeded).Install(t.Context()); err != nil {
		t.Error(err)
	}
	must(t, urls.OwnerURL, "SELECT 1 / count(*) FROM public.plans WHERE name = 'new'")
}

func TestInstallIsAllOrNothing(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	broken := full
	broken.Public += "\nCREATE TABLE public.broken (id nosuchtype);"
	err := open(t, urls, broken).Install(t.Context())
	wantCode(t, err, tenant.CodeSchema, "public schema, line")
	if err := open(t, urls, full).Install(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestInstallAdoptsNothing(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	must(t, urls.OwnerURL, "CREATE TABLE public.plans ()")
	err := open(t, urls, full).Install(t.Context())
	wantCode(t, err, tenant.CodeInternal, "not adopted")
}

// TestRuntimeRole refuses runtime roles with which the tenants would not be
// kept apart.
func TestRuntimeRole(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	suffix := strings.ReplaceAll(urls.Name, "bw_test_", "_")
	for name, c := range map[string]struct{ options, more, want string }{
		"bw_super" + suffix:    {"SUPERUSER NOINHERIT", "", "is a superuser"},
		"bw_bypass" + suffix:   {"BYPASSRLS NOINHERIT", "", "bypasses row security"},
		"bw_inherits" + suffix: {"INHERIT", "", "inherits"},
		"bw_owner" + suffix:    {"NOINHERIT", "GRANT bailiwick_owner TO ROLE", "can act as the owner"},
		"bw_creates" + suffix:  {"NOINHERIT", "GRANT TEMPORARY ON DATABASE " + urls.Name + " TO ROLE", "temporary tables"},
	} {
		must(t, urls.SuperURL, "CREATE ROLE "+name+" "+c.options+"; "+strings.ReplaceAll(c.more, "ROLE", name))
		cat, err := catalog.Open(t.Context(), catalog.Config{URL: urls.OwnerURL, RuntimeRole: name, Schema: full})
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, cat.Install(t.Context()), tenant.CodeInvalid, c.want)
		cat.Close()
		must(t, urls.SuperURL, "DROP OWNED BY "+name+"; DROP ROLE "+name)
	}
	cat, err := catalog.Open(t.Context(), catalog.Config{URL: urls.OwnerURL, RuntimeRole: "nobody_here", Schema: full})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cat.Close)
	wantCode(t, cat.Install(t.Context()), tenant.CodeInvalid, "CREATE ROLE")
}

// TestWarnings tells what only a superuser could mend.
func TestWarnings(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	if warnings, err := c.Warnings(t.Context()); err != nil || len(warnings) != 0 {
		t.Errorf("a hardened database: %q, %v", warnings, err)
	}
	must(t, urls.SuperURL, "GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO PUBLIC")
	warnings, err := c.Warnings(t.Context())
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "set_config") {
		t.Errorf("a database that is not hardened: %q, %v", warnings, err)
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	_, err := catalog.Open(t.Context(), catalog.Config{URL: "postgres://127.0.0.1:1/none"})
	wantCode(t, err, tenant.CodeUnavailable, "connect as owner")
	_, err = catalog.Open(t.Context(), catalog.Config{URL: "postgres://%zz"})
	wantCode(t, err, tenant.CodeInvalid, "")
}
