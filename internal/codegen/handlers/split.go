package handlers

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// with is the name of the part of a handler that has its queries in hand, so
// that it can run in a transaction of somebody else.
func with(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(first)) + name[size:] + "With"
}

// split is true when the handler has such a part.
func (b *binding) split() bool {
	return b.guard != nil || keyParameter(b.op) != nil || b.g.isGuarding(b.op)
}

// outer writes the handler in front of that part.
func (b *binding) outer(t *strings.Builder) {
	qual := b.g.api.Qualifier
	fmt.Fprintf(t, "func (s *server) %s(ctx context.Context, req %s.%sRequestObject) (%s.%sResponseObject, error) {\n", b.name, qual, b.name, qual, b.name)
	t.WriteString(acquire(b.op.Scope))
	run := "s." + with(b.name) + "(ctx, q, req)"
	switch {
	case b.guard != nil:
		t.WriteString(b.matched())
	case keyParameter(b.op) != nil:
		t.WriteString(b.g.idempotent(b.op, b.name, run))
	default:
		t.WriteString("\treturn " + run + "\n")
	}
	t.WriteString("}\n")
}
