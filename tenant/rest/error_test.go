package rest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// hostile is an error of the database that tells all it knows.
var hostile = &pgconn.PgError{
	Code: "23505", Message: `duplicate key value violates unique constraint "users_email_key" s3cret`,
	Detail: "Key (email)=(s3cret@example.org) already exists.", Where: "SQL statement s3cret", InternalQuery: "SELECT s3cret",
	SchemaName: "t_0123", TableName: "users", ConstraintName: "users_email_key",
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	for want, errs := range map[int][]error{
		404: {pgx.ErrNoRows, &tenant.Error{Code: tenant.CodeNotFound}, fmt.Errorf("x: %w", pgx.ErrNoRows), rest.Errorf(404, "x")},
		409: {hostile, &tenant.Error{Code: tenant.CodeConflict, Err: hostile}, &pgconn.PgError{Code: "23503"}},
		422: {&pgconn.PgError{Code: "23514"}, &pgconn.PgError{Code: "22P02"}, &pgconn.PgError{Code: "23502"}},
		403: {&tenant.Error{Code: tenant.CodeForbidden}},
		413: {&http.MaxBytesError{Limit: 1}},
		500: {errors.New("s3cret"), &tenant.Error{Code: tenant.CodeNoTenant}, &tenant.Error{Code: tenant.CodeWrongTenant}, &tenant.Error{Code: tenant.CodeRefused}, &tenant.Error{Code: tenant.CodeClosed}, &tenant.Error{Code: "later"}, rest.Errorf(200, "x"), rest.Errorf(0, "x")},
		503: {&tenant.Error{Code: tenant.CodeSchema}, &tenant.Error{Code: tenant.CodeUnavailable}, &tenant.Error{Code: tenant.CodeSerialization}},
		504: {context.DeadlineExceeded, &pgconn.PgError{Code: "57014"}},
		499: {context.Canceled},
		418: {rest.Errorf(418, "short and stout")},
	} {
		for _, err := range errs {
			p, header := rest.ProblemOf(err)
			if p.Status != want || p.Type == "" || p.Title == "" {
				t.Errorf("%v: %+v, want %d", err, p, want)
			}
			if (want == 503) != (header.Get("Retry-After") != "") {
				t.Errorf("%v: Retry-After %q", err, header.Get("Retry-After"))
			}
		}
	}
}

func TestErrorfSendsItsTextButNeverTheDatabases(t *testing.T) {
	t.Parallel()
	plain := rest.Errorf(http.StatusConflict, "scan %d runs already", 7)
	if p, _ := rest.ProblemOf(plain); p.Detail != "scan 7 runs already" || p.Type != rest.ProblemBase+"conflict" {
		t.Errorf("%+v", p)
	}
	wrapped := rest.Errorf(http.StatusConflict, "start scan: %w", &tenant.Error{Code: tenant.CodeConflict, Err: hostile})
	if p, _ := rest.ProblemOf(wrapped); p.Detail != "" || p.Status != http.StatusConflict {
		t.Errorf("%+v", p)
	}
	if !errors.Is(wrapped, hostile) {
		t.Error("the cause is lost")
	}
}

// Neither the client nor the log sees values; the log says what to look for.
func TestNoValuesInAnswersAndLogs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		logged string
	}{
		"conflict":      {&tenant.Error{Code: tenant.CodeConflict, Tenant: "x", Err: hostile}, "users_email_key"},
		"data":          {fmt.Errorf("x: %w", &pgconn.PgError{Code: "22P02", Message: `invalid input syntax for type uuid: "s3cret"`}), "22P02"},
		"raise":         {&pgconn.PgError{Code: "P0001", Message: "s3cret"}, "P0001"},
		"argument":      {errors.New(`failed to encode args[0]: unable to encode "s3cret" into binary format for int4`), "failed to encode an argument"},
		"object":        {&pgconn.PgError{Code: "42P01", Message: `relation "scans" does not exist`}, "scans"},
		"status, cause": {&rest.StatusError{Problem: rest.Problem{Status: 409}, Err: hostile}, "users_email_key"},
	} {
		s := newService(t, func(w http.ResponseWriter, r *http.Request) { rest.WriteError(w, r, c.err) })
		w := s.do(t, "GET", "/things", "")
		problem(t, w)
		if strings.Contains(w.Body.String(), "s3cret") || strings.Contains(w.Body.String(), c.logged) {
			t.Errorf("%s: answer %s", name, w.Body)
		}
		if log := s.log.String(); strings.Contains(log, "s3cret") || !strings.Contains(log, c.logged) {
			t.Errorf("%s: log %s", name, log)
		}
	}
}

func TestWriteRequestError(t *testing.T) {
	t.Parallel()
	for want, err := range map[int]error{
		400: errors.New(`invalid format for parameter x: "s3cret"`),
		413: fmt.Errorf("can't decode JSON body: %w", &http.MaxBytesError{Limit: 1}),
		422: rest.Errorf(422, "no"),
	} {
		w := httptest.NewRecorder()
		rest.WriteRequestError(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody), err)
		if p := problem(t, w); w.Code != want || strings.Contains(w.Body.String(), "s3cret") {
			t.Errorf("%d %+v, want %d", w.Code, p, want)
		}
	}
}

// Not parallel: it replaces slog's default logger.
func TestWriteErrorOutsideOfWrapUsesTheDefaultLogger(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	w := httptest.NewRecorder()
	rest.WriteError(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody), errors.New("lost"))
	if problem(t, w); w.Code != http.StatusInternalServerError || !strings.Contains(log.String(), "lost") {
		t.Errorf("%d, log %s", w.Code, log.String())
	}
}

// TestProblemTypes lists each kind once, and what errors are answered with is
// among them.
func TestProblemTypes(t *testing.T) {
	t.Parallel()
	listed := map[rest.ProblemType]bool{}
	names := map[string]bool{}
	last := 0
	for _, p := range rest.ProblemTypes() {
		if !strings.HasPrefix(p.Type, rest.ProblemBase) || p.Title == "" || p.Status < max(400, last) || names[p.Type] {
			t.Errorf("%+v", p)
		}
		listed[p], names[p.Type], last = true, true, p.Status
	}
	for status := 400; status < 600; status++ {
		p, _ := rest.ProblemOf(rest.Errorf(status, "x"))
		if p.Type != "about:blank" && status != 499 && !listed[rest.ProblemType{Type: p.Type, Title: p.Title, Status: status}] {
			t.Errorf("%d: %s is not listed", status, p.Type)
		}
	}
	if p, header := rest.ProblemOf(&tenant.Error{Code: tenant.CodeSchema}); p.Type != rest.ProblemBase+"schema-mismatch" || header.Get("Retry-After") != "2" || !listed[rest.ProblemType{Type: p.Type, Title: p.Title, Status: p.Status}] {
		t.Errorf("a schema that does not fit: %+v %v", p, header)
	}
	if !names[rest.ProblemBase+"idempotency-key-reused"] || names["about:blank"] || names[rest.ProblemBase+"canceled"] {
		t.Errorf("%v", names)
	}
}
