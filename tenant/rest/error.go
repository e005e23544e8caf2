package rest

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// WriteError answers the request with the problem that err stands for. The
// cause goes to the log of [Wrap], or to slog's default logger outside of it. What
// [Recheck] has found is the answer in place of whatever came of it.
// Once the response has begun nothing can be taken back: the connection is cut
// instead, so that the client can't mistake half an answer for a whole one.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	ex := exchangeOf(r.Context())
	if ex == nil {
		problem, header := ProblemOf(err)
		if problem.Status >= http.StatusInternalServerError {
			slog.Default().LogAttrs(r.Context(), slog.LevelError, "request failed", causeAttrs(err)...)
		}
		err = writeProblem(w, problem, header)
		if err != nil {
			slog.Default().LogAttrs(r.Context(), slog.LevelWarn, "response not sent", slog.String("error", err.Error()))
		}
		return
	}
	ended := ex.response.ended
	if ended != nil {
		err = ended
	}
	ex.cause = errors.Join(ex.cause, err)
	if ex.response.status != 0 {
		ex.broken = true
		return
	}
	if ended != nil {
		w.Header().Set("Connection", "close") // Nobody waits for the rest of the body.
	}
	problem, header := ProblemOf(err)
	if err := writeProblem(w, problem, header); err != nil {
		ex.cause = errors.Join(ex.cause, err)
	}
}

// WriteRequestError answers a request that could not be decoded: 413 when its
// body was too large, else 400. It has the shape of oapi-codegen's
// RequestErrorHandlerFunc, whose errors know no status.
func WriteRequestError(w http.ResponseWriter, r *http.Request, err error) {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		WriteError(w, r, err)
		return
	}
	if _, ok := errors.AsType[*StatusError](err); ok {
		WriteError(w, r, err)
		return
	}
	WriteError(w, r, &StatusError{
		Problem: Problem{Status: http.StatusBadRequest, Detail: "the request does not have the form that the document describes"},
		Err:     err,
	})
}

// valueless are the classes of SQLSTATE whose messages name objects and
// resources, never stored or sent values: feature, transaction state, object,
// resource, operator intervention, system, internal. Messages of data
// exceptions, constraint violations and RAISE do hold values.
var valueless = []string{"08", "0A", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58", "XX"}

// causeAttrs describes an error for the log, without values of SQL arguments or rows.
func causeAttrs(err error) []slog.Attr {
	var attrs []slog.Attr
	if _, answered := errors.AsType[*StatusError](err); !answered || fromDatabase(err) {
		attrs = append(attrs, slog.String("code", string(tenant.CodeOf(err))))
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		text := err.Error()
		if before, _, found := strings.Cut(text, "failed to encode args"); found {
			text = before + "failed to encode an argument" // What pgx adds is the argument itself.
		}
		return append(attrs, slog.String("error", text))
	}
	attrs = append(attrs, slog.String("sqlstate", pg.Code))
	for _, part := range [][2]string{{"table", pg.TableName}, {"column", pg.ColumnName}, {"constraint", pg.ConstraintName}} {
		if part[1] != "" {
			attrs = append(attrs, slog.String(part[0], part[1]))
		}
	}
	if slices.Contains(valueless, pg.Code[:min(2, len(pg.Code))]) {
		attrs = append(attrs, slog.String("error", pg.Message))
	}
	return attrs
}
