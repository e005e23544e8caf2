// Package bailiwick is the root of the module. Its only code embeds the
// document of the reference service; the pipeline from the specifications to
// gen/ is described, and started, from here.
//
// The one step below lints queries/, runs sqlc over schema/ and queries/,
// runs oapi-codegen over openapi.yaml, checks the two against each other, and
// writes gen/ only when every part succeeded. It imports the standard library only.
package bailiwick

//go:generate go run ./cmd/bailiwick generate
