package catalog_test

import (
	"fmt"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// TestOtherRuntimeRole opens no tenant to a role that is not the one that the
// database was installed for, whoever asks for it.
func TestOtherRuntimeRole(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	acme := created(t, c, "acme")
	const other = "other_runtime"
	must(t, urls.SuperURL, "DO $$ BEGIN IF pg_catalog.to_regrole('"+other+"') IS NULL THEN CREATE ROLE "+other+" LOGIN NOINHERIT; END IF; END $$")
	wrong, err := catalog.Open(t.Context(), catalog.Config{URL: urls.OwnerURL, RuntimeRole: other, Schema: full})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wrong.Close)
	refused := func(when string) {
		t.Helper()
		_, errCreate := wrong.Create(t.Context(), catalog.CreateParams{Slug: "globex", Plan: "free"})
		for what, err := range map[string]error{"install": wrong.Install(t.Context()), "ledger": wrong.InstallLedger(t.Context()), "create": errCreate} {
			if wantCode(t, err, tenant.CodeConflict, "the runtime role of this database is "+devpg.RuntimeRole); err == nil {
				t.Errorf("%s, %s", when, what)
			}
		}
		found, err := wrong.Doctor(t.Context())
		if err != nil || len(found) == 0 || found[0].Kind != catalog.TroubleNoMembership {
			t.Fatalf("%+v, %v", found, err)
		}
		found[0].Mendable = true // As an earlier look may have said.
		_ = wrong.Mend(t.Context(), found[0])
		if query[bool](t, urls, fmt.Sprintf("SELECT pg_has_role('%s', '%s', 'MEMBER')", other, acme.ID.SchemaName()))[0] {
			t.Errorf("%s: the tenant is open to %s", when, other)
		}
	}
	refused("kept")
	if found, err := wrong.Doctor(t.Context()); err != nil || found[0].Mendable {
		t.Errorf("%+v, %v", found, err)
	}
	must(t, urls.OwnerURL, "DELETE FROM bailiwick.meta WHERE key = 'runtime_role'")
	refused("installed by an earlier version")
	if err := c.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kept := query[string](t, urls, "SELECT value FROM bailiwick.meta WHERE key = 'runtime_role'"); kept[0] != devpg.RuntimeRole {
		t.Errorf("kept is %s", kept)
	}
	// Who means it says so.
	must(t, urls.OwnerURL, "UPDATE bailiwick.meta SET value = '"+other+"' WHERE key = 'runtime_role'")
	if err := wrong.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	found, err := wrong.Doctor(t.Context())
	if err != nil || len(found) != 1 || !found[0].Mendable {
		t.Fatalf("%+v, %v", found, err)
	}
	if err := wrong.Mend(t.Context(), found[0]); err != nil {
		t.Fatal(err)
	}
	must(t, urls.OwnerURL, "REVOKE "+acme.ID.SchemaName()+" FROM "+other)
	wantCode(t, c.Install(t.Context()), tenant.CodeConflict, other)
}
