package plan_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

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
