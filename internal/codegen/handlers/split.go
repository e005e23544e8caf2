package handlers

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
)

// with is the name of the part of a handler that has its queries in hand, so
// that it can run in a transaction of somebody else.
func with(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(first)) + name[size:] + "With"
}

// split is true when the handler has such a part.
func (b *binding) split() bool {
	return planLimited(b.op) || b.guard != nil || keyParameter(b.op) != nil || b.g.isGuarding(b.op)
}

// outer writes the handler in front of that part.
func (b *binding) outer(t *strings.Builder) {
	qual := b.g.api.Qualifier
	fmt.Fprintf(t, "func (s *server) %s(ctx context.Context, req %s.%sRequestObject) (%s.%sResponseObject, error) {\n", b.name, qual, b.name, qual, b.name)
	t.WriteString(acquire(b.op.Scope))
	run := "s." + with(b.name) + "(ctx, q, req)"
	text := "\treturn " + run + "\n"
	switch {
	case b.guard != nil:
		text = b.matched()
	case keyParameter(b.op) != nil:
		text = b.g.idempotent(b.op, b.name, run)
	}
	t.WriteString(b.g.limited(b.op, b.name, text) + "}\n")
}

// planLimited is true for an operation that makes more of what plans limit.
func planLimited(op *openapi.Operation) bool { return op.Op.Extensions["x-plan-limit"] != nil }

// limited holds what a handler does to the plan's limit.
func (g *generator) limited(op *openapi.Operation, name, text string) string {
	if !planLimited(op) {
		return text
	}
	return fmt.Sprintf("\treturn rest.Limited(ctx, q, func(ctx context.Context, q *%s.Queries) (%s.%sResponseObject, error) {\n%s\t})\n",
		g.scopes[op.Scope].facade, g.api.Qualifier, name, text)
}
