package lint_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// TestCatalogFunctions asks a real server for the functions that could tell a
// query about other schemas, and expects lint to refuse each of them: those
// that take a name for a catalog entry, since a literal is read as one, and
// those that only a privileged role may call.
func TestCatalogFunctions(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), tenanttest.Database(t).SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), `
		SELECT DISTINCT p.proname
		FROM pg_proc p
		WHERE p.pronamespace = 'pg_catalog'::regnamespace
		  AND (EXISTS (SELECT FROM unnest(p.proargtypes) a WHERE a::regtype IN (
		         'regclass', 'regproc', 'regprocedure', 'regoper', 'regoperator', 'regtype', 'regrole', 'regnamespace',
		         'regcollation', 'aclitem'))
		       OR p.prokind IN ('f', 'p') AND NOT has_function_privilege('public', p.oid, 'EXECUTE'))
		  AND NOT EXISTS (SELECT FROM pg_operator o WHERE o.oprcode = p.oid)
		ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err := errors.Join(err, conn.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	if len(names) < 50 {
		t.Errorf("only %d such functions", len(names))
	}
	sequences := []string{"nextval", "currval", "setval"} // a rule of their own
	for _, name := range names {
		if lint.FunctionRule(name) == "" && !slices.Contains(sequences, name) {
			t.Errorf("function %s is not refused", name)
		}
	}
}
