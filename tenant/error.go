package tenant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Code is the kind of an [Error]: what a caller may branch on.
type Code string

// The codes of errors. Each says what a caller can do about it.
const (
	// CodeNoTenant: there is no tenant, so there is no query.
	CodeNoTenant Code = "no_tenant"
	// CodeWrongTenant: a querier of one tenant met work of another.
	CodeWrongTenant Code = "wrong_tenant"
	// CodeClosed: the querier or the database has been closed.
	CodeClosed Code = "closed"
	// CodeRefused: the statement would leave its tenant, or its transaction did.
	CodeRefused Code = "refused"
	// CodeNotFound: no row.
	CodeNotFound Code = "not_found"
	// CodeConflict: a unique, foreign key or exclusion constraint stands against it.
	CodeConflict Code = "conflict"
	// CodeInvalid: a value breaks a check, a NOT NULL or its type.
	CodeInvalid Code = "invalid"
	// CodeForbidden: the tenant's role may not do this.
	CodeForbidden Code = "forbidden"
	// CodeSchema: the tenant's schema is missing or does not fit the statement.
	CodeSchema Code = "schema"
	// CodeSerialization: a serialization failure or deadlock; try the transaction again.
	CodeSerialization Code = "serialization"
	// CodeTimeout: the statement, lock or context timeout passed.
	CodeTimeout Code = "timeout"
	// CodeCanceled: the caller's context was canceled.
	CodeCanceled Code = "canceled"
	// CodeUnavailable: the database can't be reached or has no room now.
	CodeUnavailable Code = "unavailable"
	// CodeInternal: anything else.
	CodeInternal Code = "internal"
)

// Error is the one type of error that this package returns.
type Error struct {
	// Code is what callers branch on.
	Code Code
	// Tenant is the id of the tenant concerned; empty when there is none.
	Tenant string
	// Err is the cause. It may hold SQL detail: log it, don't send it to a client.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("tenant")
	if e.Tenant != "" {
		b.WriteString(" " + e.Tenant)
	}
	b.WriteString(": " + string(e.Code))
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause, such as a *pgconn.PgError or pgx.ErrNoRows.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first *Error in err's chain. For other errors
// it derives one from what pgx and context say; for nil it returns "".
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return classify(err)
}

// wrap makes err an *Error of the given tenant.
func wrap(tenant string, err error) error {
	if err == nil {
		return nil
	}
	e, ok := err.(*Error) //nolint:errorlint // Only the outermost error is what the caller gets.
	switch {
	case !ok:
		return &Error{Code: CodeOf(err), Tenant: tenant, Err: err}
	case e.Tenant == "":
		return &Error{Code: e.Code, Tenant: tenant, Err: e.Err}
	}
	return e
}

// gaveUp gives the context's error the say where a caller gave up and all that is
// left of the work is a connection that was cut. Whether the driver tells of the one
// or of the other depends on which of its goroutines was first. What the server
// said stands.
func gaveUp(ctx context.Context, err error) error {
	over := ctx.Err()
	if over == nil || errors.Is(err, over) || !cut(err) {
		return err
	}
	return fmt.Errorf("%w: %w", over, err)
}

// cut tells whether an error is that of a connection, and not of the server.
func cut(err error) bool {
	if _, ok := errors.AsType[*Error](err); ok || sqlState(err) != "" {
		return false
	}
	return classify(err) == CodeUnavailable || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// classify is the one table from causes to codes. SQLSTATE classes are those of
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
func classify(err error) Code {
	if _, ok := errors.AsType[*bindError](err); ok && sqlState(err) == "22023" {
		return CodeSchema // The role does not exist.
	}
	if _, ok := errors.AsType[*staleShapeError](err); ok {
		return CodeSchema
	}
	if _, ok := errors.AsType[*unfilledError](err); ok {
		return CodeSchema
	}
	if state := sqlState(err); state != "" {
		return classifyState(state)
	}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return CodeNotFound
	case errors.Is(err, context.DeadlineExceeded):
		return CodeTimeout
	case errors.Is(err, context.Canceled):
		return CodeCanceled
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return CodeUnavailable
	}
	if _, ok := errors.AsType[net.Error](err); ok || pgconn.SafeToRetry(err) {
		return CodeUnavailable
	}
	return CodeInternal
}

func classifyState(state string) Code {
	switch state {
	case "23505", "23503", "23P01", "23001":
		return CodeConflict
	case "23502", "23514":
		return CodeInvalid
	case "42501":
		return CodeForbidden
	case "42P01", "3F000", "42703", "42704", "42883", "0A000", "42P10", "42804", "42702", "42725":
		return CodeSchema
	case "40001", "40P01":
		return CodeSerialization
	case "57014", "55P03", "25P03", "25P04":
		return CodeTimeout
	}
	switch state[:min(2, len(state))] {
	case "22":
		return CodeInvalid
	case "08", "53", "57":
		return CodeUnavailable
	}
	return CodeInternal
}

func sqlState(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
