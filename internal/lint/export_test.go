package lint

// RefusedKind tells whether a kind of statement is refused in a query.
func RefusedKind(message string) bool {
	_, refused := kindOf(message)
	return refused
}

// FunctionRule is the rule that refuses a function; empty when none does.
func FunctionRule(name string) string { return functionRule(name) }
