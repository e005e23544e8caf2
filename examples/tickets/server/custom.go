package main

import (
	"github.com/oapi-codegen/nullable"
)

// custom holds the operations that no single query answers: search.go has the
// search, state.go what moves a ticket. It keeps nothing between requests.
type custom struct{}

func null[T any](p *T) nullable.Nullable[T] {
	if p == nil {
		return nullable.NewNullNullable[T]()
	}
	return nullable.NewNullableWithValue(*p)
}
