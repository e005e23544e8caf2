package rest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// ProblemBase is what the type URI of every problem starts with. The URIs are
// names: stable, and not meant to be fetched.
const ProblemBase = "https://bailiwick.dev/problems/"

// ContentType is the media type of a [Problem].
const ContentType = "application/problem+json"

// statusClientClosed is for the log only: nobody is left to read the answer.
const statusClientClosed = 499

// Problem is the body of every error, as of RFC 9457.
type Problem struct {
	// Type names the kind of problem: ProblemBase and a word, or "about:blank".
	Type string `json:"type"`
	// Title is the kind of problem in words; the same for each occurrence.
	Title string `json:"title"`
	// Status repeats the status of the response.
	Status int `json:"status"`
	// Detail is about this occurrence. It never holds SQL.
	Detail string `json:"detail,omitempty"`
	// Errors says which parts of the request are wrong, at most 20 of them.
	Errors []FieldError `json:"errors,omitempty"`
}

// FieldError is one part of a request that the document does not allow.
type FieldError struct {
	// In is "path", "query", "header", "cookie" or "body".
	In string `json:"in"`
	// Parameter is the parameter's name, unless In is "body".
	Parameter string `json:"parameter,omitempty"`
	// Pointer is the JSON pointer (RFC 6901) into the body or the parameter.
	Pointer string `json:"pointer,omitempty"`
	// Detail says what is wrong, without the value.
	Detail string `json:"detail"`
}

// The FieldError.In of what is wrong with the body or with a header.
const (
	inBody   = "body"
	inHeader = "header"
)

// kind is a row of the one table from status to type and title.
type kind struct{ name, title string }

var kinds = map[int]kind{
	http.StatusBadRequest:            {"bad-request", "The request is malformed"},
	http.StatusUnauthorized:          {"unauthorized", "A valid token is required"},
	http.StatusForbidden:             {"forbidden", "This is not allowed"},
	http.StatusNotFound:              {"not-found", "There is no such thing"},
	http.StatusMethodNotAllowed:      {"method-not-allowed", "The method is not allowed here"},
	http.StatusConflict:              {"conflict", "The request conflicts with what is stored"},
	http.StatusPreconditionFailed:    {"precondition-failed", "The thing is no longer what If-Match names"},
	http.StatusRequestEntityTooLarge: {"content-too-large", "The body is too large"},
	http.StatusUnsupportedMediaType:  {"unsupported-media-type", "The body's media type is not supported"},
	http.StatusMisdirectedRequest:    {"misdirected", "The request is not for this server"},
	http.StatusUnprocessableEntity:   {"invalid", "The request is not valid"},
	http.StatusTooManyRequests:       {"too-many-requests", "Too many requests"},
	http.StatusInternalServerError:   {"internal", "Something went wrong on the server"},
	http.StatusServiceUnavailable:    {"unavailable", "The service is not available now"},
	http.StatusGatewayTimeout:        {"timeout", "The request took too long"},
	statusClientClosed:               {"canceled", "The client closed the request"},
}

// keyReused is a kind of conflict of its own, because a client answers it by
// another key and not by looking at what is stored.
var keyReused = kind{"idempotency-key-reused", "The Idempotency-Key stands for another request"}

// schemaMismatch is why a service is not available to one tenant while it serves
// all others: the tenant's schema and the statements are of two releases, as in
// the middle of a rollout.
var schemaMismatch = kind{"schema-mismatch", "The tenant's data is being brought to another version"}

// schemaRetryAfter is in seconds. A schema that did not fit is asked again no
// sooner.
const schemaRetryAfter = "2"

// ProblemType is one kind of problem that the package answers with.
type ProblemType struct {
	Type, Title string
	Status      int
}

// ProblemTypes lists all of them by status, for a document that has to name
// them. Those of status 500 and more a client can only report or wait out.
func ProblemTypes() []ProblemType {
	all := []ProblemType{
		{ProblemBase + keyReused.name, keyReused.title, http.StatusConflict},
		{ProblemBase + limitReached.name, limitReached.title, http.StatusForbidden},
		{ProblemBase + insufficientScope.name, insufficientScope.title, http.StatusForbidden},
		{ProblemBase + schemaMismatch.name, schemaMismatch.title, http.StatusServiceUnavailable},
	}
	for status, k := range kinds {
		if status != statusClientClosed { // Nobody is left to read it.
			all = append(all, ProblemType{ProblemBase + k.name, k.title, status})
		}
	}
	slices.SortFunc(all, func(a, b ProblemType) int {
		return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.Type, b.Type))
	})
	return all
}

// statuses is the one table from the runtime's codes to HTTP. Codes that only a
// mistake in the service can cause are 500: the client can do nothing about them.
var statuses = map[tenant.Code]int{
	tenant.CodeNotFound:      http.StatusNotFound,
	tenant.CodeConflict:      http.StatusConflict,
	tenant.CodeInvalid:       http.StatusUnprocessableEntity,
	tenant.CodeForbidden:     http.StatusForbidden,
	tenant.CodeSchema:        http.StatusServiceUnavailable,
	tenant.CodeSerialization: http.StatusServiceUnavailable,
	tenant.CodeUnavailable:   http.StatusServiceUnavailable,
	tenant.CodeTimeout:       http.StatusGatewayTimeout,
	tenant.CodeCanceled:      statusClientClosed,
	tenant.CodeNoTenant:      http.StatusInternalServerError,
	tenant.CodeWrongTenant:   http.StatusInternalServerError,
	tenant.CodeClosed:        http.StatusInternalServerError,
	tenant.CodeRefused:       http.StatusInternalServerError,
	tenant.CodeInternal:      http.StatusInternalServerError,
}

// StatusError is an error that already knows its answer. Handlers that are
// written by hand make one with [Errorf].
type StatusError struct {
	// Problem is sent; an empty Type and Title are filled in from Status.
	Problem Problem
	// Header is added to the response.
	Header http.Header
	// Err is the cause, for the log alone.
	Err error
}

// Error implements error. Of the request it names a parameter at most: what a
// client sends has no place in a log.
func (e *StatusError) Error() string {
	text := strconv.Itoa(e.Problem.Status)
	if e.Problem.Detail != "" {
		text += " " + e.Problem.Detail
	}
	if len(e.Problem.Errors) > 0 {
		text += " " + strings.TrimSpace(e.Problem.Errors[0].In+" "+e.Problem.Errors[0].Parameter)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *StatusError) Unwrap() error { return e.Err }

// Errorf makes an error of the given status. The text is sent to the client as
// the problem's detail, unless it wraps (%w) an error of the database: then it
// goes to the log alone.
func Errorf(status int, format string, args ...any) error {
	cause := fmt.Errorf(format, args...)
	result := &StatusError{Problem: Problem{Status: status}, Err: errors.Unwrap(cause)}
	if fromDatabase(cause) {
		result.Err = cause
	} else {
		result.Problem.Detail = cause.Error()
	}
	return result
}

// ProblemOf returns what a client is told about err, and the headers to send with it.
func ProblemOf(err error) (Problem, http.Header) {
	problem, header := Problem{}, http.Header{}
	if status, ok := errors.AsType[*StatusError](err); ok {
		problem = status.Problem
		if status.Header != nil {
			header = status.Header.Clone()
		}
	} else if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		problem.Status = http.StatusRequestEntityTooLarge
	} else {
		code := tenant.CodeOf(err)
		problem.Status = statuses[code]
		if code == tenant.CodeSchema {
			problem.Type, problem.Title = ProblemBase+schemaMismatch.name, schemaMismatch.title
			header.Set("Retry-After", schemaRetryAfter)
		}
	}
	if problem.Status < 400 || problem.Status > 599 {
		problem.Status = http.StatusInternalServerError
	}
	complete(&problem, header)
	return problem, header
}

func complete(problem *Problem, header http.Header) {
	row, known := kinds[problem.Status]
	if problem.Type == "" && known {
		problem.Type, problem.Title = ProblemBase+row.name, row.title
	} else if problem.Type == "" {
		problem.Type, problem.Title = "about:blank", http.StatusText(problem.Status)
	}
	switch {
	case problem.Status == http.StatusUnauthorized && header.Get("WWW-Authenticate") == "":
		header.Set("WWW-Authenticate", "Bearer")
	case problem.Status == http.StatusServiceUnavailable && header.Get("Retry-After") == "":
		header.Set("Retry-After", "1")
	}
}

// fromDatabase tells whether the text of err may hold SQL or stored values.
func fromDatabase(err error) bool {
	if _, ok := errors.AsType[*tenant.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[*pgconn.PgError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	return errors.Is(err, pgx.ErrNoRows)
}

func writeProblem(w http.ResponseWriter, problem Problem, header http.Header) error {
	body, err := json.Marshal(problem)
	if err != nil {
		return fmt.Errorf("encode problem: %w", err)
	}
	maps.Copy(w.Header(), header)
	w.Header().Del("Content-Encoding")
	w.Header().Set("Content-Type", ContentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(problem.Status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		return fmt.Errorf("write problem: %w", err)
	}
	return nil
}
