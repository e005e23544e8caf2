package lint

// RefusedKind tells whether a kind of statement is refused in a query.
func RefusedKind(message string) bool {
	_, refused := kindOf(message)
	return refused
}
