package attack_test

import (
	"path/filepath"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/attack"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// leastAttempts is what the suite must at least have tried: a target that lets it
// try less proves less.
const leastAttempts = 600

func TestReferenceServiceIsSafe(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "server")
	build(t, binary, "")
	w := newWorld(t, binary)
	report := tenanttest.Attack(t, w.target(t))
	tried := 0
	for _, r := range report.Results {
		if r.Outcome != attack.NotTried {
			tried++
		}
	}
	if tried < leastAttempts {
		t.Errorf("only %d attempts, of at least %d", tried, leastAttempts)
	}
}
