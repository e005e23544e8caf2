package handlers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// binding is one operation on its way to a handler. Its steps report what is
// wrong and return false when the next step would make no sense.
type binding struct {
	g     *generator
	op    *openapi.Operation
	name  string
	scope *scope
	query *queries.Query

	inputs []*input
	paged  *paging
	guard  *guard
	count  *counting
	// lines are the statements before the query runs; args is what it is
	// called with, positional how many values that is.
	lines      []string
	args       string
	positional int
	// after are the statements after the query ran; result is the expression
	// of the body, tail what follows it, answer the whole response.
	after  []string
	result string
	tail   []string
	answer string
}

func (b *binding) reportf(line int, rule, subject, mend, format string, args ...any) {
	full := b.op.ID
	if subject != "" {
		full += " " + subject
	}
	b.g.reportf(line, rule, full, mend, format, args...)
}

// find looks up the query that the operation names.
func (b *binding) find() bool {
	name, line := b.op.Query.Name, b.op.Query.Line
	b.scope = b.g.scopes[b.op.Scope]
	if b.op.Scope == scopeNone {
		b.reportf(line, "scope", "", "remove x-query and write the handler by hand, or choose another x-scope", "x-scope none has no queries")
		return false
	}
	if b.scope == nil {
		b.reportf(line, "scope", "", "add a block for the "+b.op.Scope+" schema to sqlc.yaml", "the project has no queries of scope %s", b.op.Scope)
		return false
	}
	b.query = b.scope.pkg.Find(name)
	if b.query == nil {
		for _, other := range b.g.scopes {
			if q := other.pkg.Find(name); q != nil {
				b.reportf(line, "scope", "", "write `x-scope: "+other.name+"`, or name a query of scope "+b.op.Scope,
					"query %s belongs to scope %s (%s:%d), the operation to scope %s", name, other.name, q.File, q.Line, b.op.Scope)
				return false
			}
		}
		b.reportf(line, "unknown-query", "", suggestion(name, b.scope.pkg.Names(), b.scope.pkg.Scope.Queries), "there is no query %s in scope %s", name, b.op.Scope)
		return false
	}
	switch cmd := b.query.Cmd; cmd {
	case queries.One, queries.Many, queries.Exec, queries.ExecRows:
		return true
	default:
		b.reportf(line, "unbindable", "", "write this one by hand: remove x-query and implement it in Custom",
			"query %s is %s, which serves no single request (%s:%d)", name, cmd, b.query.File, b.query.Line)
		return false
	}
}

// UnknownQueries reports the operations that name no query, by the names alone.
// It is for projects whose queries sqlc refuses, so that nothing more is known.
func UnknownQueries(doc *openapi.Document, scope *project.Scope, names []string) diag.List {
	var found diag.List
	for _, op := range doc.Operations {
		if op.Query != nil && op.Query.Name != "" && op.Scope == scope.Name && !slices.Contains(names, op.Query.Name) {
			found = append(found, doc.At(op.Query.Line, "unknown-query", op.ID, suggestion(op.Query.Name, names, scope.Queries),
				"there is no query %s in scope %s", op.Query.Name, scope.Name))
		}
	}
	return found
}

// suggestion proposes the query with the most similar name.
func suggestion(name string, candidates, files []string) string {
	best, distance := "", len(name)/2+1
	for _, candidate := range candidates {
		if d := editDistance(strings.ToLower(name), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	where := strings.Join(files, ", ")
	if len(files) > 1 {
		where = "one of " + where
	}
	if best != "" {
		return fmt.Sprintf("write %s, or add the query to %s", best, where)
	}
	return "add the query to " + where
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// sources lists all places of the request for a mend.
func (b *binding) sources() string {
	if len(b.inputs) == 0 {
		return "nothing"
	}
	places := make([]string, 0, len(b.inputs))
	for _, in := range b.inputs {
		places = append(places, in.place)
	}
	slices.Sort(places)
	return strings.Join(places, ", ")
}
