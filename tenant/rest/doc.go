// Package rest is the HTTP side of the runtime: what generated handlers call.
//
// [Wrap] stands before the handlers: it finds the operation, authenticates,
// validates the request against the OpenAPI document and applies its defaults.
// [WriteError] stands behind them: it turns every error into RFC 9457
// problem+json by one table, and keeps the detail for the log.
//
// Between them are the conventions, for generated handlers and for others:
// [SetETag], [IfMatch] and [Matched] for changes that must not be lost,
// [Idempotent] for requests that must not be carried out twice.
//
// The package imports package tenant, pgx, kin-openapi and oapi-codegen's
// nethttp-middleware and runtime. It knows no generated code.
package rest
