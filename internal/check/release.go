package check

import (
	"context"
	"fmt"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/facade"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Statements are those that a scope's generated code requires of a schema.
func Statements(m *codegen.Model, scope *project.Scope) []tenant.Statement {
	all := facade.Statements(m.Packages[scope.Name])
	list := make([]tenant.Statement, len(all))
	for i, s := range all {
		list[i] = tenant.Statement(s)
	}
	return list
}

// release asks what a running server will ask before its first query: whether
// the schema fits the statements as they were generated. A server that finds a
// misfit serves nobody, so there must be none where all is well.
func (c *checker) release(ctx context.Context, scope *project.Scope) error {
	schema := publicSchema
	if scope == c.model.Project.Tenant {
		schema = c.schema
	}
	if err := c.enter(ctx, scope); err != nil {
		return err
	}
	misfits, err := tenant.Misfits(ctx, c.tx.Conn(), schema, Statements(c.model, scope))
	if err != nil {
		return fmt.Errorf("compare the statements of scope %s: %w", scope.Name, err)
	}
	if err := c.leave(ctx); err != nil {
		return err
	}
	for _, m := range misfits {
		q := c.model.Packages[scope.Name].Find(m.Statement)
		if q == nil || c.reported(q.File, q.Name) {
			continue
		}
		c.found = append(c.found, diag.Diagnostic{
			File: q.File, Line: q.Line, Rule: ruleReleaseFit, Subject: q.Name,
			Message: "a server would refuse every schema because of this query: " + m.Reason,
			Mend:    "add a cast, so that PostgreSQL and sqlc agree on the type",
		})
	}
	return nil
}

// reported tells whether something else is wrong with a query already. What a
// comment allows is not: the statement then relies on nothing that differs.
func (c *checker) reported(file, query string) bool {
	for _, d := range c.found {
		if d.Allowed == "" && d.File == file && (d.Subject == query || strings.HasPrefix(d.Subject, query+".")) {
			return true
		}
	}
	return false
}
