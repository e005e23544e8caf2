package rest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
)

type (
	exchangeKey struct{}
	subjectKey  struct{}
	scopesKey   struct{}
	refusalKey  struct{}
	headerKey   struct{}
	beganKey    struct{}
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

// WithNotBefore returns a context of a tenant whose credentials from before a time are dead.
func WithNotBefore(ctx context.Context, began time.Time) context.Context {
	if began.IsZero() {
		return ctx
	}
	return context.WithValue(ctx, beganKey{}, began)
}

// NotBefore is when the credentials of the request's tenant began that count; nil
// for a tenant that was never offboarded. The service holds tokens and API keys to
// it. What a project gives out itself and stores with the tenant, such as
// invitations, sessions and links in mails, is the project's to hold to it.
func NotBefore(ctx context.Context) *time.Time {
	if began, ok := ctx.Value(beganKey{}).(time.Time); ok {
		return &began
	}
	return nil
}

// RequestID is the id of the request: the client's X-Request-ID if that is 8 to
// 64 letters, digits, dots, hyphens and underscores, else one that [Wrap] gave.
// It is sent as X-Request-ID and stands in every line of the log; empty outside of Wrap.
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
	keys      *keyring.Keyring
	// spooled is what bodies held at a time are taken from.
	spooled *budget
	// item is the schema of each line of a streamed body.
	item  *openapi3.Schema
	cause error
	// ends run when the response has been sent.
	ends []func()
	// broken: an error came up after the response had begun.
	broken bool
}

// Header holds the headers to send with the response that the request's handler
// makes, such as Location. They are not sent with an error, whose own stand in
// [StatusError]. Outside of Wrap it is a new one that nobody sends.
func Header(ctx context.Context) http.Header {
	if header, ok := ctx.Value(headerKey{}).(http.Header); ok {
		return header
	}
	ex := exchangeOf(ctx)
	if ex == nil {
		return http.Header{}
	}
	if ex.response.pending == nil {
		ex.response.pending = http.Header{}
	}
	return ex.response.pending
}

// withHeader returns a context in which [Header] is another one, for what may be
// taken back.
func withHeader(ctx context.Context, header http.Header) context.Context {
	return context.WithValue(ctx, headerKey{}, header)
}

// AtEnd has f run when the response has been sent, also when that fails or
// panics; the last one first. A handler whose response streams gives back there
// what the stream still uses. Outside of Wrap f runs when ctx is done.
func AtEnd(ctx context.Context, f func()) {
	if ex := exchangeOf(ctx); ex != nil {
		ex.ends = append(ex.ends, f)
		return
	}
	context.AfterFunc(ctx, f)
}

// end runs what AtEnd has gathered. Each is deferred, so that one that panics
// does not keep the others from running.
func (ex *exchange) end() {
	for _, f := range ex.ends {
		defer f()
	}
	ex.ends = nil
}

// processKeys stand in for Options.Keys; they end with the process.
var processKeys = sync.OnceValue(func() *keyring.Keyring {
	ring, err := keyring.Parse(keyring.Generate("process"))
	if err != nil {
		panic("rest: " + err.Error()) // Generate writes what Parse reads.
	}
	return ring
})

func keysOf(ctx context.Context) *keyring.Keyring {
	if ex := exchangeOf(ctx); ex != nil {
		return ex.keys
	}
	return processKeys()
}

func exchangeOf(ctx context.Context) *exchange {
	ex, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok {
		return nil
	}
	return ex
}

// clientID is a request id that is taken from a client: long enough to mean one
// request, and of characters that forge nothing in a log.
var clientID = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// begin starts an exchange, under the client's own request id if that is one.
func begin(w http.ResponseWriter, r *http.Request, keys *keyring.Keyring) (*exchange, *http.Request) {
	id := r.Header.Get("X-Request-ID")
	if !clientID.MatchString(id) {
		id = rand.Text()
	}
	ex := &exchange{id: id, started: time.Now(), response: newResponse(w, r), keys: keys}
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
	case ex.broken && ctx.Err() != nil: // The client has gone, which is its right.
	case ex.broken || status == http.StatusInternalServerError:
		level = slog.LevelError
	case status > http.StatusInternalServerError:
		level = slog.LevelWarn
	}
	logger.LogAttrs(ctx, level, "request", attrs...)
}

// response remembers what was sent. It has no method Flush: to a writer that has
// one, oapi-codegen sends NDJSON in small pieces, each of them flushed.
type response struct {
	http.ResponseWriter

	// pending are the headers of a response that is no error.
	pending http.Header
	// knows is the If-None-Match of a GET or HEAD; unsent that 304 answers it.
	knows  string
	unsent bool
	status int
	bytes  int64
	// head: the request's method is HEAD, so no body is sent.
	head bool
	// recheck tells whether a long answer may go on, checked is when it was asked
	// last, and ended why it may not.
	recheck func() error
	checked time.Time
	ended   error
	// server's timeouts are what extend gives anew; extended is when it last did.
	server   *http.Server
	extended time.Time
}

func newResponse(w http.ResponseWriter, r *http.Request) *response {
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server) // Nil where there is none.
	return &response{ResponseWriter: w, knows: knows(r), head: r.Method == http.MethodHead, server: server}
}

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
		if status < http.StatusBadRequest {
			w.addPending()
		}
		if status == http.StatusOK && w.knows != "" && unchanged(w.knows, w.Header().Get(headerETag)) {
			status = w.notModified()
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// notModified leaves out the answer that the client has already.
func (w *response) notModified() int {
	for _, name := range []string{"Content-Type", "Content-Length", "Content-Encoding"} {
		w.Header().Del(name)
	}
	w.status, w.unsent = http.StatusNotModified, true
	return w.status
}

func (w *response) addPending() { maps.Copy(w.Header(), w.pending) }

// FlushError is how http.ResponseController flushes, which begins the response.
func (w *response) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Write implements io.Writer.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.unsent {
		return len(p), nil
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err // A ResponseWriter's errors are passed on as they are.
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
