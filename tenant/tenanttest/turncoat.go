package tenanttest

import (
	"slices"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/attack"
)

// turncoat wants each of the turncoats refused through the library, by its guard
// or by the database; denied has them at the database alone.
func (i isolation) turncoat(t *testing.T) {
	for _, sql := range attack.Turncoats() {
		sql = attack.Statement{SQL: sql}.Fill(i.Tenants[0], i.Tenants[1], "notes").SQL
		_, err := i.run(t.Context(), 0, sql)
		if !slices.Contains([]tenant.Code{tenant.CodeRefused, tenant.CodeForbidden}, tenant.CodeOf(err)) {
			t.Errorf("%s: %v, want it refused or forbidden", sql, err)
		}
	}
	i.intact(t)
}
