package catalog_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// troubles are those that Doctor finds with some schemas: other tests leave
// roles on the server that are none of this one's business.
func troubles(t *testing.T, c *catalog.Catalog, schemas ...string) (found []catalog.Trouble) {
	t.Helper()
	all, err := c.Doctor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, trouble := range all {
		if slices.Contains(schemas, trouble.Schema) {
			found = append(found, trouble)
		}
	}
	return found
}

func kinds(found []catalog.Trouble) (kinds []string) {
	for _, t := range found {
		kinds = append(kinds, t.Kind)
	}
	return kinds
}

// TestDoctor breaks a tenant in each way there is, and mends what can be.
func TestDoctor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, sql string
		want      []string
		// left is what Mend leaves for people.
		left []string
	}{
		{name: "well", sql: "SELECT 1"},
		{name: "role", sql: "REVOKE ALL ON ALL TABLES IN SCHEMA $t FROM $t; REVOKE ALL ON ALL SEQUENCES IN SCHEMA $t FROM $t; REVOKE ALL ON ALL ROUTINES IN SCHEMA $t FROM $t; REVOKE ALL ON SCHEMA $t FROM $t; DROP ROLE $t", want: []string{"no-role"}},
		{name: "membership", sql: "REVOKE $t FROM " + devpg.RuntimeRole, want: []string{"no-membership"}},
		{name: "grants", sql: "REVOKE INSERT ON $t.notes FROM $t", want: []string{"no-grants"}},
		{name: "sequence", sql: "REVOKE USAGE ON SEQUENCE $t.tickets FROM $t", want: []string{"no-grants"}},
		{name: "identity", sql: "REVOKE SELECT ON SEQUENCE $t.notes_id_seq FROM $t", want: []string{"no-grants"}},
		{name: "routine", sql: "REVOKE EXECUTE ON FUNCTION $t.double FROM $t", want: []string{"no-grants"}},
		{name: "usage", sql: "REVOKE USAGE ON SCHEMA $t FROM $t", want: []string{"no-grants"}},
		{name: "life", sql: "DELETE FROM bailiwick.tenants", want: []string{"no-life"}},
		{name: "schema", sql: "DROP SCHEMA $t CASCADE", want: []string{"no-schema"}, left: []string{"no-schema"}},
		{name: "provisioning", sql: "UPDATE public.tenants SET state = 'provisioning'", want: []string{"provisioning"}, left: []string{"provisioning"}},
		{name: "registry", sql: "DELETE FROM public.tenants", want: []string{"orphan-schema"}, left: []string{"orphan-schema"}},
		{name: "empty", sql: "DELETE FROM public.tenants; DROP SCHEMA $t CASCADE; CREATE SCHEMA $t; COMMENT ON SCHEMA $t IS 'A tenant of Bailiwick, changed by rollouts only'", want: []string{"orphan-schema", "orphan-role"}},
		{name: "foreign", sql: "DELETE FROM public.tenants; COMMENT ON SCHEMA $t IS 'somebody else''s'"},
		{name: "rest", sql: "DELETE FROM public.tenants; DROP SCHEMA $t CASCADE", want: []string{"orphan-role"}},
		{name: "remains", sql: "UPDATE public.tenants SET state = 'purged'; UPDATE bailiwick.tenants SET purged_at = now()", want: []string{"remains"}},
		{name: "by-hand", sql: "UPDATE public.tenants SET state = 'purged'", want: []string{"remains"}, left: []string{"remains"}},
		{name: "rows", sql: "INSERT INTO bailiwick.issuers (tenant_id, issuer, audience) VALUES (gen_random_uuid(), 'https://id.example', 'api')", want: []string{"stray-rows"}},
		{name: "version", sql: "UPDATE public.tenants SET schema_fingerprint = 'f1-0'", want: []string{"behind"}, left: []string{"behind"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cat, urls := installed(t)
			tn, err := cat.Create(t.Context(), catalog.CreateParams{Slug: "acme", Plan: "free"})
			if err != nil {
				t.Fatal(err)
			}
			schemas := []string{tn.Schema()}
			must(t, urls.OwnerURL, strings.ReplaceAll(c.sql, "$t", tn.Schema()))
			if c.name == "rows" {
				schemas = schemasOf(t, urls)
			}
			found := troubles(t, cat, schemas...)
			if diff := cmp.Diff(c.want, kinds(found)); diff != "" {
				t.Errorf("found:\n%s", diff)
			}
			for _, trouble := range found {
				if trouble.Message == "" || trouble.Mend == "" {
					t.Errorf("no words for it: %+v", trouble)
				}
				err := cat.Mend(t.Context(), trouble)
				if !trouble.Mendable {
					wantCode(t, err, tenant.CodeInvalid, "can't be mended by itself")
				} else if err != nil {
					t.Errorf("mend %s: %v", trouble.Kind, err)
				}
			}
			if diff := cmp.Diff(c.left, kinds(troubles(t, cat, schemas...))); diff != "" {
				t.Errorf("left:\n%s", diff)
			}
		})
	}
}

// schemasOf are the schemas that rows without a tenant would be of.
func schemasOf(t *testing.T, urls tenanttest.URLs) []string {
	t.Helper()
	return query[string](t, urls, "SELECT 't_' || replace(tenant_id::text, '-', '') FROM bailiwick.issuers")
}

// TestDoctorOfHooks finds what hooks have not heard, and tells them.
func TestDoctorOfHooks(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	broken := errors.New("the bucket is away")
	heard := 0
	c, err := catalog.Open(t.Context(), catalog.Config{URL: urls.OwnerURL, Schema: full, Hooks: []catalog.Hook{{
		Name: "bucket",
		After: func(context.Context, catalog.Event) error {
			heard++
			return broken
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	acme := created(t, c, "acme")
	found := troubles(t, c, acme.ID.SchemaName())
	if len(found) != 1 || found[0].Kind != catalog.TroubleUndelivered || !found[0].Mendable {
		t.Fatalf("%+v", found)
	}
	if err := c.Mend(t.Context(), found[0]); !errors.Is(err, broken) {
		t.Errorf("mended with %v, want the hook's error", err)
	}
	other := open(t, urls, full)
	found = troubles(t, other, acme.ID.SchemaName())
	if len(found) != 1 || found[0].Mendable {
		t.Fatalf("a process without the hook would mend %+v", found)
	}
	broken = nil
	if err := c.Mend(t.Context(), troubles(t, c, acme.ID.SchemaName())[0]); err != nil || heard != 3 {
		t.Errorf("%v, the hook was told %d times", err, heard)
	}
	if found := troubles(t, c, acme.ID.SchemaName()); len(found) > 0 {
		t.Errorf("left: %+v", found)
	}
}
