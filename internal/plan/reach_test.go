package plan_test

import (
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// TestSchemaFilesStayInside refuses what a schema file would do to the server,
// before anything of the file is run: looking for drift must change nothing.
func TestSchemaFilesStayInside(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	role := "bw_evil_" + strings.TrimPrefix(tenant.NewID().SchemaName(), "t_")
	for statement, want := range map[string]string{
		"CREATE ROLE " + role: "CREATE ROLE",
		"DO $$BEGIN EXECUTE 'CREATE ROLE " + role + "'; END$$": "DO",
		"DROP ROLE IF EXISTS " + role:                          "DROP ROLE",
		"ALTER ROLE CURRENT_USER SET search_path = public":     "ALTER ROLE ... SET",
		"ALTER ROLE " + role + " RENAME TO other":              "ALTER ROLE ... RENAME",
		"GRANT pg_read_all_data TO CURRENT_USER":               "GRANT or REVOKE of a role",
		"ALTER DATABASE postgres SET search_path = public":     "ALTER DATABASE ... SET",
		"COPY notes FROM STDIN":                                "COPY", // it would wait for ever
	} {
		in := plan.Input{URL: urls.OwnerURL, Tenant: []lint.File{{Name: "schema/tenant.sql", Text: "CREATE TABLE notes (id int);\n" + statement + ";\n"}}}
		_, err := plan.Desired(t.Context(), in)
		if err == nil || !strings.Contains(err.Error(), "schema/tenant.sql:2:1: "+want+" in a schema file is no part of a desired state") {
			t.Errorf("%s: %v", statement, err)
		}
	}
	var there bool
	err := connect(t, urls.OwnerURL).QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role).Scan(&there)
	if err != nil || there {
		t.Errorf("the role is there: %v, %v", there, err)
	}
}
