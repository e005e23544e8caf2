package plan

import (
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Names are what the placeholders in a plan's statements stand for. A plan is for
// all schemas of a state, so statements that need the name of a schema or of a
// role have "$schema", "$tenant", "$owner" or "$runtime" for it, each in double
// quotes, like the fingerprint's objects. A tenant's role has its schema's name.
type Names struct {
	Schema  string
	Owner   string
	Runtime string
}

// Bind puts the names into a statement.
func (n Names) Bind(statement string) string {
	if !strings.Contains(statement, `"$`) {
		return statement
	}
	schema := tenant.QuoteIdent(n.Schema)
	return strings.NewReplacer(
		`"$schema"`, schema,
		`"$tenant"`, schema,
		`"$owner"`, tenant.QuoteIdent(n.Owner),
		`"$runtime"`, tenant.QuoteIdent(n.Runtime),
	).Replace(statement)
}
