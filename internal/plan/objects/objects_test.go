package objects_test

import (
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

func TestCloneTheService(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{Schema: catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, Seed: schema.Seed}})
	conn := connect(t, db.OwnerURL)
	want, err := fingerprint.Objects(t.Context(), conn, db.Tenants[0].Schema())
	if err != nil {
		t.Fatal(err)
	}
	clone := enter(t, conn)
	defer clone.leave()
	if a := clone.reach(clone.objects(), want); a.outcome() != "planned" {
		t.Errorf("%s: %q %q\n%s", a.outcome(), a.refused, a.stuck, strings.Join(a.done, ";\n"))
	}
	for i, o := range clone.objects() {
		if o != want[i] {
			t.Errorf("got %+v, want %+v", o, want[i])
		}
	}
}
