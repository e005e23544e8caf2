package main

// custom holds the operations that no single query answers: search.go has the
// search, state.go what moves a ticket. It keeps nothing between requests.
type custom struct{}
