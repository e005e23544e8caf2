package objects_test

import (
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// emptied makes the schema anew, so that it holds nothing.
func emptied(w world) world {
	w.Helper()
	w.run(`DROP SCHEMA "$schema" CASCADE; CREATE SCHEMA "$schema"`)
	return w
}

func TestCloneTheService(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{Schema: catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, Seed: schema.Seed}})
	want := enter(t, db.OwnerURL, db.Tenants[0].Schema()).objects()
	clone := emptied(enter(t, db.OwnerURL, db.Tenants[1].Schema()))
	if a := clone.reach(want); a.outcome() != "planned" {
		t.Errorf("%s: %q %q\n%s", a.outcome(), a.refused, a.stuck, strings.Join(a.done, ";\n"))
	}
	for i, o := range clone.objects() {
		if o != want[i] {
			t.Errorf("got %+v, want %+v", o, want[i])
		}
	}
}
