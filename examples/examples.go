// Package examples holds complete small projects of other domains than the
// reference service: a shop and a help desk. Each began as the output of
// `bailiwick init`, is a module of its own, and uses this checkout.
//
// The package itself only keeps them in step with the generator and the
// modules that it requires, and tests them. It imports nothing.
package examples

//go:generate go run ../cmd/bailiwick --dir shop generate
//go:generate go -C shop mod tidy
//go:generate go run ../cmd/bailiwick --dir tickets generate
//go:generate go -C tickets mod tidy
