package rest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

type (
	exchangeKey struct{}
	subjectKey  struct{}
)

// WithSubject returns a context of the authenticated user: the token's subject.
func WithSubject(ctx context.Context, subject string) context.Context {
	return context.WithValue(ctx, subjectKey{}, subject)
}

// Subject is the authenticated user's subject; empty when nobody is authenticated.
func Subject(ctx context.Context) string {
	subject, ok := ctx.Value(subjectKey{}).(string)
	if !ok {
		return ""
	}
	return subject
}

// RequestID is the id that [Wrap] gave to the request. It is sent as
// X-Request-ID and stands in every line of the log; empty outside of Wrap.
func RequestID(ctx context.Context) string {
	if ex := exchangeOf(ctx); ex != nil {
		return ex.id
	}
	return ""
}

// exchange is one request on its way through Wrap. Only the goroutine that
// serves the request may touch it.
type exchange struct {
	id        string
	started   time.Time
	operation string
	tenant    string
	response  *response
	cause     error
	// broken: an error came up after the response had begun.
	broken bool
}

func exchangeOf(ctx context.Context) *exchange {
	ex, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok {
		return nil
	}
	return ex
}

// begin starts an exchange. The id is our own: one from a header could forge log lines.
func begin(w http.ResponseWriter, r *http.Request) (*exchange, *http.Request) {
	ex := &exchange{id: rand.Text(), started: time.Now(), response: &response{ResponseWriter: w}}
	w.Header().Set("X-Request-ID", ex.id)
	return ex, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, ex))
}

func (ex *exchange) bound(ctx context.Context) {
	if t, ok := tenant.FromContext(ctx); ok {
		ex.tenant = t.ID.String()
	}
}

// log writes the one line of the request. Path and query stay out of it: they hold
// what clients put there, the operation says enough.
func (ex *exchange) log(ctx context.Context, logger *slog.Logger, method string) {
	status := ex.response.status
	if status == 0 {
		status = http.StatusOK // What net/http sends for a handler that writes nothing.
	}
	attrs := []slog.Attr{
		slog.String("request_id", ex.id),
		slog.String("method", method),
		slog.Int("status", status),
		slog.Int64("bytes", ex.response.bytes),
		slog.Float64("duration_ms", float64(time.Since(ex.started).Microseconds())/1e3),
	}
	if ex.operation != "" {
		attrs = append(attrs, slog.String("operation", ex.operation))
	}
	if ex.tenant != "" {
		attrs = append(attrs, slog.String("tenant", ex.tenant))
	}
	if ex.cause != nil {
		attrs = append(attrs, causeAttrs(ex.cause)...)
	}
	level := slog.LevelInfo
	switch {
	case ex.broken || status == http.StatusInternalServerError:
		level = slog.LevelError
	case status > http.StatusInternalServerError:
		level = slog.LevelWarn
	}
	logger.LogAttrs(ctx, level, "request", attrs...)
}

// response remembers what was sent.
type response struct {
	http.ResponseWriter

	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err // A ResponseWriter's errors are passed on as they are.
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
