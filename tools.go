// Package bailiwick is the root of the module and holds no code: the pipeline
// from the specifications to gen/ is described, and started, from here.
//
// The one step below lints queries/, runs sqlc over schema/ and queries/,
// runs oapi-codegen over openapi.yaml, checks the two against each other, and
// writes gen/ only when every part succeeded.
package bailiwick

//go:generate go run ./cmd/bailiwick generate
