package plan_test

import (
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"

	"errors"
)

// TestDesired realises the desired state in a scratch database, and finds what
// the catalog makes in a real one.
func TestDesired(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{Schema: reference})
	targets, err := plan.Desired(t.Context(), input(t, db, reference))
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, db.OwnerURL)
	for schema, scope := range map[string]plan.Scope{"public": plan.Public, db.Tenants[0].Schema(): plan.Tenant} {
		made, err := fingerprint.Objects(t.Context(), conn, schema)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range fingerprint.Diff(made, targets[scope].Objects) {
			t.Errorf("%s: %s\n%q\n%q", scope, d.Explain(), d.From, d.To)
		}
		if got := targets[scope]; got.Fingerprint != states(t, db)[schema].Fingerprint || got.Version != catalog.Version(got.DDL) {
			t.Errorf("%s: %+v", scope, got.Fingerprint)
		}
	}
}

func TestDesiredNamesTheLine(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{Tenants: -1})
	for name, c := range map[string]struct{ public, tenant, want string }{
		"unknown type":      {"", "CREATE TABLE a (\n\tid nosuchtype\n);", "schema/tenant.sql:2:5"},
		"without position":  {"", "-- one\nCREATE TABLE a ();\n\nCREATE TABLE a ();", "schema/tenant.sql:4:1"},
		"syntax":            {"CREATE TALBE a ();", "", "schema/public.sql:1:8"},
		"transaction":       {"", "CREATE TABLE a ();\nCOMMIT;", "schema/tenant.sql:2"},
		"after a multibyte": {"", "CREATE TABLE \"ä\" (); CREATE TABLE b (id x);", "schema/tenant.sql:1:41"},
	} {
		want := catalog.Schema{Public: tenanttest.PublicSchema + c.public, Tenant: c.tenant}
		in := input(t, db, want)
		if c.public != "" {
			in.Public[0].Text = c.public
		}
		_, err := plan.Desired(t.Context(), in)
		if _, isList := errors.AsType[diag.List](err); !isList || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want it at %s", name, err, c.want)
		}
	}
}
