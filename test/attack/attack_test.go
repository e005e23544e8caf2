package attack_test

import (
	"path/filepath"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

func TestReferenceServiceIsSafe(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "server")
	build(t, theServer, binary, "")
	w := newWorld(t, binary)
	report := tenanttest.Attack(t, w.target(t))
	checkCoverage(t, report)
	checkOperations(t, report)
}
