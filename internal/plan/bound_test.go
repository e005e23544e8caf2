package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// document is text that looks like what a plan's names stand in.
const document = `{"$schema": "https://json-schema.org/draft/2020-12/schema", "$owner": "$tenant"}`

// TestNamesInTexts carries a plan out on a tenant, whose name belongs into a
// function's search_path, but not into texts.
func TestNamesInTexts(t *testing.T) {
	t.Parallel()
	db := fleetOf(t, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: baseTenant})
	p := onlyPlan(t, input(t, db, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: baseTenant + `
CREATE TABLE forms (id bigint PRIMARY KEY, form json DEFAULT '` + document + `', CONSTRAINT forms_form CHECK (form::text <> '"$owner"'));
COMMENT ON TABLE forms IS '` + document + `';
CREATE FUNCTION sample() RETURNS text LANGUAGE sql AS $f$ SELECT '` + document + `'::text $f$;
CREATE FUNCTION here() RETURNS text LANGUAGE sql SET search_path FROM CURRENT AS $f$ SELECT current_schema()::text $f$;
`}))
	if !p.Certified() {
		t.Fatal(p.Refused)
	}
	conn, schema := connect(t, db.OwnerURL), db.Tenants[0].Schema()
	var owner string
	if err := conn.QueryRow(t.Context(), "SELECT current_user").Scan(&owner); err != nil {
		t.Fatal(err)
	}
	if err := plan.Run(t.Context(), plan.World{Conn: conn, Names: plan.Names{Schema: schema, Owner: owner}}, p.Steps); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "SET search_path = "+schema); err != nil {
		t.Fatal(err)
	}
	var got [4]string
	err := conn.QueryRow(t.Context(), `
		WITH new AS (INSERT INTO forms (id) VALUES (1) RETURNING form::text)
		SELECT form, obj_description('forms'::regclass), sample(), here() FROM new`).Scan(&got[0], &got[1], &got[2], &got[3])
	if diff := cmp.Diff([4]string{document, document, document, schema}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if now := states(t, db)[schema].Fingerprint; now != p.To {
		t.Errorf("the tenant is at %s, not at %s", now, p.To)
	}
}
