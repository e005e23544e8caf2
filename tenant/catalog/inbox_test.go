package catalog_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// TestDoctorOfEvents finds what a webhook has taken in and nobody applies, and leaves
// what is applied, or has just come.
func TestDoctorOfEvents(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	acme, err := c.Create(t.Context(), catalog.CreateParams{Slug: "acme", Plan: "free"})
	if err != nil {
		t.Fatal(err)
	}
	must(t, urls.OwnerURL, strings.ReplaceAll(`
		INSERT INTO bailiwick.inbox (source, id, payload, attempts, error, received_at, done_at)
		SELECT 'billing', id, pg_catalog.jsonb_build_object('data', pg_catalog.jsonb_build_object('object',
			pg_catalog.jsonb_build_object('metadata', pg_catalog.jsonb_build_object('tenant', tenant)))),
			attempts, error, pg_catalog.now() - age::interval, done_at
		FROM (VALUES
			('evt_1', pg_catalog.upper('$acme'), 3, 'there is no plan', '0', NULL::timestamptz),
			('evt_2', '$acme', 2, 'there is no plan', '0', NULL),
			('evt_3', 'acme', 1, 'not a tenant''s id', '0', NULL),
			('evt_4', NULL, 0, NULL, '1 hour', NULL),
			('evt_5', '$acme', 0, NULL, '0', NULL),
			('evt_6', '$acme', 1, NULL, '1 hour', pg_catalog.now())
		) AS e (id, tenant, attempts, error, age, done_at)`, "$acme", acme.ID.String()))
	found := func() (all []string) {
		for _, trouble := range troubles(t, c, acme.Schema(), "") {
			if trouble.Kind == catalog.TroubleUnapplied && !trouble.Mendable {
				all = append(all, trouble.Slug+": "+trouble.Message)
			}
		}
		return all
	}
	got := strings.Join(found(), "\n")
	for _, want := range []string{"acme: 2 events of billing", "evt_1: there is no plan", "\n: 1 events", "evt_3: not a tenant's id", "evt_4: no worker has tried"} {
		if !strings.Contains("\n"+got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
	for _, id := range []string{"evt_1", "evt_2", "evt_3", "evt_4"} {
		if err := c.DropEvent(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if left := found(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	wantCode(t, c.DropEvent(t.Context(), "evt_6"), tenant.CodeNotFound, `no event "evt_6" that is not applied`)
	if entries, err := c.Audit(t.Context(), catalog.AuditFilter{Action: "drop-event"}); err != nil || len(entries) != 4 {
		t.Errorf("%d entries of the audit, %v", len(entries), err)
	}
}

// TestPurgeOfEvents removes what was sent of a tenant, and leaves what was sent of
// another one that mentions it.
func TestPurgeOfEvents(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	acme, globex := offboarded(t, c, "acme"), created(t, c, "globex")
	must(t, urls.OwnerURL, strings.NewReplacer("$acme", acme.ID.String(), "$globex", globex.ID.String()).Replace(`
		INSERT INTO bailiwick.inbox (source, id, done_at, payload) VALUES
			('billing', 'of acme', NULL, '{"data": {"object": {"metadata": {"tenant": "$acme"}}}}'),
			('billing', 'of acme, applied', pg_catalog.now(), pg_catalog.replace('{"data": {"object": {"metadata": {"tenant": "#"}}}}', '#', pg_catalog.upper('$acme'))::jsonb),
			('billing', 'of globex', NULL, '{"data": {"object": {"metadata": {"tenant": "$globex", "referred_by": "$acme"}}}}'),
			('billing', 'of nobody', NULL, '{"data": {"object": "$acme"}}')`))
	if _, err := c.Purge(t.Context(), acme, catalog.PurgeParams{}); err != nil {
		t.Fatal(err)
	}
	if left := query[string](t, urls, "SELECT id FROM bailiwick.inbox ORDER BY id"); !slices.Equal(left, []string{"of globex", "of nobody"}) {
		t.Errorf("left: %q", left)
	}
}
